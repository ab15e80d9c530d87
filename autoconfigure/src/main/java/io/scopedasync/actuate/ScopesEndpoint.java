package io.scopedasync.actuate;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.actuate.ScopesDescriptor.ScopeEntry;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/**
 * {@link Endpoint @Endpoint} that shows the open scopes, what they hold, and the leaks
 * that were reported, and lets limiters be resized and scopes be cancelled.
 */
@Endpoint(id = "scopes")
public final class ScopesEndpoint {

	/** What {@link #change} calls the threshold of leak detection. */
	static final String THRESHOLD = "threshold";

	/*
	 * What an operation produces is part of its identity: an extension replaces only an
	 * operation that produces the same.
	 */
	static final String JSON_V3 = "application/vnd.spring-boot.actuator.v3+json";

	static final String JSON = "application/json";

	static final String HTML = "text/html";

	private final AsyncScopes scopes;

	private final Leaks leaks;

	private final @Nullable LeakDetector detector;

	private final Iterable<? extends Measured> measured;

	private final Description description;

	private final Show showValues;

	/**
	 * Creates the endpoint.
	 * @param scopes whose scopes
	 * @param leaks what was reported
	 * @param detector knows the threshold; null where no overdue scopes are looked for
	 * @param measured iterated for each request, so that it may be made lazily
	 * @param sanitizingFunctions applied to keys and details that are shown
	 * @param showValues when keys and details are shown
	 */
	public ScopesEndpoint(AsyncScopes scopes, Leaks leaks, @Nullable LeakDetector detector,
			Iterable<? extends Measured> measured, Iterable<SanitizingFunction> sanitizingFunctions, Show showValues) {
		this.scopes = scopes;
		this.leaks = leaks;
		this.detector = detector;
		this.measured = measured;
		this.description = new Description(sanitizingFunctions);
		this.showValues = showValues;
	}

	@ReadOperation
	ScopesDescriptor scopes(@Nullable String name, @Nullable String state, @Nullable String minAge,
			@Nullable String limit) {
		return describe(ScopeFilter.of(name, state, minAge, limit), this.showValues.isShown(true));
	}

	@ReadOperation(produces = { JSON_V3, JSON, HTML })
	@Nullable ScopeEntry scope(@Selector String id) {
		return describe(id, this.showValues.isShown(true));
	}

	ScopesDescriptor describe(ScopeFilter filter, boolean shown) {
		LeakDetector detector = this.detector;
		return this.description.of((detector != null) ? detector.threshold().toString() : null, this.measured, open(),
				this.leaks, filter, shown);
	}

	@Nullable ScopeEntry describe(String id, boolean shown) {
		long number = new Input("id", id).id();
		return this.description.of(number, open(), this.leaks, shown);
	}

	/** The application's is no open scope, but what it holds is there to be seen. */
	private List<Scope> open() {
		Scope application = this.scopes.application();
		List<Scope> open = this.scopes.openScopes();
		return application.resources().isEmpty() ? open : Stream.concat(Stream.of(application), open.stream()).toList();
	}

	/**
	 * Resizes a limiter, or changes the threshold of leak detection.
	 * @param resource the limiter's name, or {@value #THRESHOLD}
	 * @param permits the limiter's new total
	 * @param value the new threshold
	 */
	@WriteOperation(produces = JSON)
	void change(@Selector String resource, @Nullable String permits, @Nullable String value) {
		if ((permits == null) == (value == null)) {
			throw Input.refusal("permits and value are " + ((permits == null) ? "missing" : "both given")
					+ ". Write {\"permits\": 5} to resize a limiter, {\"value\": \"2m\"} to change the threshold.");
		}
		if (permits != null) {
			resize(new Input("resource", resource), new Input("permits", permits).number("5"));
		}
		else if (value != null) {
			changeThreshold(new Input("resource", resource), new Input("value", value).duration(false, "2m"));
		}
	}

	private void resize(Input resource, int permits) {
		List<? extends Measured> limiters = StreamSupport.stream(this.measured.spliterator(), false)
			.filter((candidate) -> candidate instanceof Limiter || candidate instanceof KeyedLimiter)
			.toList();
		Measured found = limiters.stream()
			.filter((limiter) -> limiter.name().equals(resource.value()))
			.findFirst()
			.orElseThrow(() -> resource.refused("Write the name of a limiter, of which there are "
					+ limiters.stream().map(Measured::name).sorted().collect(Collectors.joining(", ", "[", "]."))));
		if (found instanceof Limiter limiter) {
			limiter.resize(permits);
		}
		else if (found instanceof KeyedLimiter limiter) {
			limiter.resize(permits);
		}
	}

	private void changeThreshold(Input resource, Duration threshold) {
		if (!resource.value().equals(THRESHOLD)) {
			throw resource.refused("Only '" + THRESHOLD + "' has a value; to resize a limiter write {\"permits\": 5}.");
		}
		LeakDetector detector = this.detector;
		if (detector == null) {
			throw resource.refused("Nothing looks for overdue scopes: set scoped-async.leak-detection.level to "
					+ "simple, or leave it out.");
		}
		detector.setThreshold(threshold);
	}

	/**
	 * Cancels a scope, without waiting for what it releases.
	 * @param id the scope's number
	 * @return whether it was open
	 */
	@DeleteOperation
	boolean cancel(@Selector String id) {
		long number = new Input("id", id).id();
		for (Scope scope : this.scopes.openScopes()) {
			if (scope.id() == number) {
				scope.cancel("cancelled by an operator");
				return true;
			}
		}
		return false;
	}

	/**
	 * Forgets what was reported; counts and open suspects stay.
	 */
	@DeleteOperation
	void forget() {
		this.leaks.clear();
	}

}
