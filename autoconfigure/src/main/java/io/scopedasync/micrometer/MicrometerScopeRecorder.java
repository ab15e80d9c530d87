package io.scopedasync.micrometer;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import io.scopedasync.Exit;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.micrometer.ScopedAsyncMeters.Key;

/**
 * Records scopes with Micrometer. The meters of a name are registered together when it is
 * first seen, at 0, so that the first rejection is an increase; from then on a call is a
 * look-up and a record, and allocates nothing.
 * <p>
 * Names are expected to be few: of methods and resources. Beyond {@value #MAX_NAMES} they
 * share the name {@value #OTHER}, so that a name made of an order number can't fill a
 * registry.
 */
public final class MicrometerScopeRecorder implements ScopeRecorder {

	static final int MAX_NAMES = 1000;

	static final String OTHER = "other";

	private static final Logger logger = LoggerFactory.getLogger(MicrometerScopeRecorder.class);

	/** A composite of no registries. */
	private static final MeterRegistry NOWHERE = new CompositeMeterRegistry();

	private final MeterRegistry registry;

	private final Map<String, ResourceTimers> resources = new ConcurrentHashMap<>();

	private final Map<String, ScopeMeters> scopes = new ConcurrentHashMap<>();

	private final AtomicBoolean warned = new AtomicBoolean();

	/**
	 * Creates the recorder.
	 * @param registry where the meters go
	 */
	public MicrometerScopeRecorder(MeterRegistry registry) {
		this.registry = registry;
	}

	@Override
	public void acquired(String resource, Outcome outcome, long nanos) {
		timers(resource).acquire[outcome.ordinal()].record(nanos, TimeUnit.NANOSECONDS);
	}

	@Override
	public void released(String resource, Outcome outcome, long nanos) {
		timers(resource).release[outcome.ordinal()].record(nanos, TimeUnit.NANOSECONDS);
	}

	@Override
	public void closed(String scope, Exit exit, long nanos) {
		meters(scope).of(exit).record(nanos, TimeUnit.NANOSECONDS);
	}

	@Override
	public void undelivered(String scope, Throwable error) {
		meters(scope).undelivered.increment();
	}

	private ResourceTimers timers(String name) {
		ResourceTimers timers = this.resources.get(name);
		return (timers != null) ? timers : create(this.resources, name, ResourceTimers::new);
	}

	private ScopeMeters meters(String name) {
		ScopeMeters meters = this.scopes.get(name);
		return (meters != null) ? meters : create(this.scopes, name, ScopeMeters::new);
	}

	/**
	 * Outside the map's locks: what a registry calls on registration is not ours to know.
	 */
	private <M> M create(Map<String, M> known, String name, BiFunction<MeterRegistry, String, M> meters) {
		String tag = name;
		if (known.size() >= MAX_NAMES) {
			tag = OTHER;
			if (this.warned.compareAndSet(false, true)) {
				logger.warn("More than {} names are measured: '{}' and further ones share the name '{}'. "
						+ "Name scopes by what they do, not by what they do it to.", MAX_NAMES, name, OTHER);
			}
			M other = known.get(OTHER);
			if (other != null) {
				return other;
			}
		}
		M created;
		try {
			created = meters.apply(this.registry, tag);
		}
		catch (Throwable ex) {
			logger.warn("The meters of '{}' can't be registered: it is not measured. See the cause, which is the "
					+ "registry's or a filter's.", tag, ex);
			created = meters.apply(NOWHERE, tag);
		}
		M first = known.putIfAbsent(tag, created);
		return (first != null) ? first : created;
	}

	/** Of a resource, by the ordinal of the outcome: a map would hash on the hot path. */
	private static final class ResourceTimers {

		private final Timer[] acquire;

		private final Timer[] release;

		ResourceTimers(MeterRegistry registry, String name) {
			this.acquire = timers(ScopedAsyncMeters.ACQUIRE, registry, name, EnumSet.allOf(Outcome.class));
			this.release = timers(ScopedAsyncMeters.RELEASE, registry, name,
					EnumSet.of(Outcome.SUCCESS, Outcome.TIMEOUT, Outcome.ERROR));
		}

		private static Timer[] timers(ScopedAsyncMeters meter, MeterRegistry registry, String name,
				Set<Outcome> outcomes) {
			Timer[] timers = new Timer[Outcome.values().length];
			Arrays.fill(timers, timer(meter, registry, name, Outcome.ERROR));
			for (Outcome outcome : outcomes) {
				timers[outcome.ordinal()] = timer(meter, registry, name, outcome);
			}
			return timers;
		}

		private static Timer timer(ScopedAsyncMeters meter, MeterRegistry registry, String name, Outcome outcome) {
			return meter.timer(registry, Key.NAME.asString(), name, Key.OUTCOME.asString(),
					outcome.name().toLowerCase(Locale.ROOT));
		}

	}

	private static final class ScopeMeters {

		private final Timer completed;

		private final Timer failed;

		private final Timer cancelled;

		private final Counter undelivered;

		ScopeMeters(MeterRegistry registry, String name) {
			this.completed = timer(registry, name, "completed");
			this.failed = timer(registry, name, "failed");
			this.cancelled = timer(registry, name, "cancelled");
			this.undelivered = ScopedAsyncMeters.UNDELIVERED.counter(registry, Key.NAME.asString(), name);
		}

		private static Timer timer(MeterRegistry registry, String name, String exit) {
			return ScopedAsyncMeters.SCOPE.timer(registry, Key.NAME.asString(), name, Key.EXIT.asString(), exit);
		}

		private Timer of(Exit exit) {
			if (exit instanceof Exit.Completed) {
				return this.completed;
			}
			return (exit instanceof Exit.Failed) ? this.failed : this.cancelled;
		}

	}

}
