package io.scopedasync.actuate;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Permit;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;

/**
 * Health of the scopes. Suspects, scopes reported as overdue that are open still, are
 * details of good health. It is bad once they are as many as is allowed, or once a
 * resource is exhausted by them: every unit is held, every holder is a suspect, and
 * somebody waits, who would wait for ever.
 */
public final class ScopesHealthIndicator extends AbstractHealthIndicator {

	private static final int NAMES = 20;

	private final AsyncScopes scopes;

	private final Leaks leaks;

	private final Iterable<? extends Measured> measured;

	private final @Nullable Integer maxSuspects;

	/**
	 * Creates the indicator.
	 * @param scopes whose scopes
	 * @param leaks knows the suspects
	 * @param measured iterated for each request, so that it may be made lazily
	 * @param maxSuspects how many suspects are bad health, null for any number
	 */
	public ScopesHealthIndicator(AsyncScopes scopes, Leaks leaks, Iterable<? extends Measured> measured,
			@Nullable Integer maxSuspects) {
		super("The state of the scopes could not be told");
		this.scopes = scopes;
		this.leaks = leaks;
		this.measured = measured;
		this.maxSuspects = maxSuspects;
	}

	@Override
	protected void doHealthCheck(Health.Builder builder) {
		builder.up();
		Set<Long> reported = this.leaks.suspects().keySet();
		if (reported.isEmpty()) {
			return;
		}
		List<Scope> open = this.scopes.openScopes();
		List<Scope> suspects = open.stream().filter((scope) -> reported.contains(scope.id())).toList();
		if (suspects.isEmpty()) {
			return;
		}
		builder.withDetail("suspects", suspects.size());
		Duration oldest = suspects.stream().map(Scope::age).max(Comparator.naturalOrder()).orElse(Duration.ZERO);
		builder.withDetail("oldest", oldest.truncatedTo(ChronoUnit.MILLIS).toString());
		builder.withDetail("names", names(suspects));
		if (this.maxSuspects != null && suspects.size() >= this.maxSuspects) {
			builder.down().withDetail("maxSuspects", this.maxSuspects);
		}
		List<String> exhausted = exhausted(open, reported);
		if (!exhausted.isEmpty()) {
			builder.down().withDetail("exhausted", exhausted);
		}
	}

	/** The most frequent first; names may be many. */
	private static Map<String, Long> names(List<Scope> suspects) {
		Map<String, Long> counts = new LinkedHashMap<>();
		suspects.forEach((scope) -> counts.merge(scope.name(), 1L, Long::sum));
		Map<String, Long> names = new LinkedHashMap<>();
		counts.entrySet()
			.stream()
			.sorted(Map.Entry.<String, Long>comparingByValue().reversed())
			.limit(NAMES)
			.forEach((entry) -> names.put(entry.getKey(), entry.getValue()));
		return names;
	}

	private List<String> exhausted(List<Scope> open, Set<Long> suspects) {
		List<String> exhausted = new ArrayList<>();
		for (Measured resource : this.measured) {
			Measured.Usage usage = resource.usage();
			if (usage.pending() > 0 && usage.active() >= Math.max(1, usage.max())
					&& heldBySuspects(resource, open, suspects) >= usage.active()) {
				exhausted.add(resource.name());
			}
		}
		return exhausted;
	}

	/**
	 * How many units suspects hold, 0 if somebody else holds one as well. Units that were
	 * taken without a scope are nobody's, and therefore not of suspects.
	 */
	private static int heldBySuspects(Measured resource, List<Scope> open, Set<Long> suspects) {
		int units = 0;
		for (Scope scope : open) {
			int held = held(resource, scope);
			if (held > 0 && !suspects.contains(scope.id())) {
				return 0;
			}
			units += held;
		}
		return units;
	}

	/**
	 * Of an entering scope the last resource is not held yet. A resource of one key can't
	 * be asked what it holds: it counts as one unit.
	 */
	private static int held(Measured resource, Scope scope) {
		List<String> names = scope.resources();
		int last = names.size() - ((scope.state() == Scope.State.ENTERING) ? 1 : 0);
		int times = 0;
		for (int i = 0; i < last; i++) {
			times += resource.heldAs().contains(names.get(i)) ? 1 : 0;
		}
		if (times == 0 || !(resource instanceof AsyncResource<?> held)) {
			return times;
		}
		Object value = scope.find(held);
		return (value instanceof Permit permit) ? times * permit.permits() : (value != null) ? times : 0;
	}

}
