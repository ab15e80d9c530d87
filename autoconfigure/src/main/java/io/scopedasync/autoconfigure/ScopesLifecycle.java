package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import io.scopedasync.ScopeClock;
import io.scopedasync.AsyncScopes;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.leak.LeakDetector;
import reactor.core.publisher.Mono;

/**
 * Closes the scopes with the application and says how that went. Waits on no thread: the
 * phase ends when the scopes do.
 * <p>
 * Only an application that closes closes its scopes, for good. One that is merely stopped
 * or paused may start again: its web server takes no more work then, and its scopes end
 * by themselves.
 */
final class ScopesLifecycle extends AsyncLifecycle {

	/**
	 * Web servers stop before, at {@code MAX_VALUE - 2048} at the latest; pools and
	 * connectors after.
	 */
	static final int PHASE = Integer.MAX_VALUE - 3072;

	private static final Logger logger = LoggerFactory.getLogger(ScopesLifecycle.class);

	private final BooleanSupplier closing;

	private final AsyncScopes scopes;

	private final Leaks leaks;

	private final @Nullable LeakDetector detector;

	private final Duration shutdownTimeout;

	ScopesLifecycle(BooleanSupplier closing, AsyncScopes scopes, Leaks leaks, @Nullable LeakDetector detector,
			Duration shutdownTimeout) {
		super(PHASE);
		this.closing = closing;
		this.scopes = scopes;
		this.leaks = leaks;
		this.detector = detector;
		this.shutdownTimeout = shutdownTimeout;
	}

	static void warnIfCutShort(Duration shutdownTimeout, Duration releaseTimeout, Duration phaseTimeout) {
		if (ScopeClock.toNanos(shutdownTimeout) + ScopeClock.toNanos(releaseTimeout) > ScopeClock
			.toNanos(phaseTimeout)) {
			logger
				.warn("Closing may take scoped-async.shutdown-timeout ({}) and scoped-async.release-timeout ({}), but "
						+ "spring.lifecycle.timeout-per-shutdown-phase ({}) ends sooner: scopes may be left open and unlisted. "
						+ "Raise the phase's timeout to the sum of both.", shutdownTimeout, releaseTimeout,
						phaseTimeout);
		}
	}

	@Override
	void begin() {
		if (this.detector != null) {
			this.detector.start();
		}
	}

	@Override
	Mono<Void> end() {
		if (this.detector != null) {
			this.detector.stop();
		}
		return this.closing.getAsBoolean() ? close() : Mono.empty();
	}

	private Mono<Void> close() {
		int open = this.scopes.openScopes().size();
		if (open > 0) {
			logger.info("Closing: {} open, which get {} to end", (open == 1) ? "1 scope is" : open + " scopes are",
					this.shutdownTimeout);
		}
		List<Leak> leftOpen = new CopyOnWriteArrayList<>();
		return this.scopes
			.close((scopes) -> scopes.forEach((scope) -> leftOpen.add(Leak.of(LeakReason.AT_CLOSE, scope))))
			.doOnSuccess((closed) -> this.leaks.reportAtClose(leftOpen))
			.doOnError((error) -> logger.error("Scopes could not be closed", error))
			.onErrorComplete();
	}

}
