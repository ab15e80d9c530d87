package io.scopedasync.micrometer;

import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

import io.micrometer.common.docs.KeyName;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.docs.MeterDocumentation;
import org.jspecify.annotations.Nullable;

/**
 * Every meter there is, with its tags and its meaning. Meters are registered through
 * these constants only, so what is written here is what a registry shows.
 */
public enum ScopedAsyncMeters implements MeterDocumentation {

	/** Whole scopes. */
	SCOPE("scoped.async.scope", Meter.Type.TIMER, null,
			"How long scopes were open: waiting, acquisition, body and release together", Key.NAME, Key.EXIT),

	/** Acquisitions. */
	ACQUIRE("scoped.async.acquire", Meter.Type.TIMER, null, "How long acquisitions took, waiting included", Key.NAME,
			Key.OUTCOME),

	/** Releases. */
	RELEASE("scoped.async.release", Meter.Type.TIMER, null, "How long releases took", Key.NAME, Key.OUTCOME),

	/** Units in use. */
	RESOURCE_ACTIVE("scoped.async.resource.active", Meter.Type.GAUGE, null, "Units of the resource that are held now",
			Key.NAME),

	/** Callers waiting. */
	RESOURCE_PENDING("scoped.async.resource.pending", Meter.Type.GAUGE, null, "Callers that wait for the resource now",
			Key.NAME),

	/** Units in all. */
	RESOURCE_MAX("scoped.async.resource.max", Meter.Type.GAUGE, null, "Units that the resource may have in all",
			Key.NAME),

	/** Units that are free. */
	RESOURCE_IDLE("scoped.async.resource.idle", Meter.Type.GAUGE, null,
			"Units that could be had at once: free permits, pooled sessions that nobody holds", Key.NAME),

	/** Errors without a caller. */
	UNDELIVERED("scoped.async.undelivered", Meter.Type.COUNTER, null,
			"Errors that no caller was left to hear, of releases and acquisitions after a cancel; each is logged",
			Key.NAME),

	/** Leaks so far. */
	LEAKS("scoped.async.leaks", Meter.Type.COUNTER, null, "Leaks reported so far", Key.REASON),

	/** Leaks that ended. */
	LEAKS_RECOVERED("scoped.async.leaks.recovered", Meter.Type.COUNTER, null,
			"Scopes reported as leaked that ended after all"),

	/** Leaks now. */
	LEAKED("scoped.async.leaked", Meter.Type.GAUGE, null, "Scopes reported as leaked that are still open now"),

	/** The oldest scope. */
	OLDEST("scoped.async.oldest", Meter.Type.GAUGE, "seconds", "Age of the oldest scope that is open now");

	private final String name;

	private final Meter.Type type;

	private final @Nullable String baseUnit;

	private final String description;

	private final KeyName[] keys;

	ScopedAsyncMeters(String name, Meter.Type type, @Nullable String baseUnit, String description, KeyName... keys) {
		this.name = name;
		this.type = type;
		this.baseUnit = baseUnit;
		this.description = description;
		this.keys = keys;
	}

	@Override
	public String getName() {
		return this.name;
	}

	@Override
	public Meter.Type getType() {
		return this.type;
	}

	/**
	 * Unit of a gauge of time; timers have the registry's.
	 * @return the unit, null if the meter has none
	 */
	@Override
	public @Nullable String getBaseUnit() {
		return this.baseUnit;
	}

	@Override
	public KeyName[] getKeyNames() {
		return this.keys.clone();
	}

	/**
	 * What the meter counts or measures, as a registry shows it.
	 * @return the description
	 */
	public String getDescription() {
		return this.description;
	}

	Timer timer(MeterRegistry registry, String... tags) {
		return Timer.builder(this.name).description(this.description).tags(tags).register(registry);
	}

	Counter counter(MeterRegistry registry, String... tags) {
		return Counter.builder(this.name).description(this.description).tags(tags).register(registry);
	}

	/**
	 * Registers this meter as a counter that somebody else counts.
	 * @param <T> who counts
	 * @param registry where to
	 * @param state who counts, which has to be kept by others
	 * @param count the count so far
	 * @param tags keys and values
	 */
	public <T> void counter(MeterRegistry registry, T state, ToDoubleFunction<T> count, String... tags) {
		FunctionCounter.builder(this.name, state, count).description(this.description).tags(tags).register(registry);
	}

	/**
	 * Registers this meter as a gauge. The registry keeps the state: a gauge held weakly
	 * turns into NaN.
	 * @param <T> what is measured
	 * @param registry where to
	 * @param state what is measured
	 * @param value the value now
	 * @param tags keys and values
	 */
	public <T> void gauge(MeterRegistry registry, T state, ToDoubleFunction<T> value, String... tags) {
		Gauge.builder(this.name, state, value)
			.description(this.description)
			.tags(tags)
			.strongReference(true)
			.register(registry);
	}

	void timeGauge(MeterRegistry registry, Supplier<Number> nanos) {
		TimeGauge.builder(this.name, nanos, TimeUnit.NANOSECONDS)
			.description(this.description)
			.strongReference(true)
			.register(registry);
	}

	/**
	 * The tags.
	 */
	public enum Key implements KeyName {

		/** Name of the resource, of the scope where a whole scope is measured. */
		NAME("name"),

		/** How the body ended: {@code completed}, {@code failed}, {@code cancelled}. */
		EXIT("exit"),

		/**
		 * How an acquisition or a release ended: {@code success}, {@code timeout},
		 * {@code error}, for acquisitions also {@code rejected}, {@code cancelled}.
		 */
		OUTCOME("outcome"),

		/** Why a scope counts as leaked. */
		REASON("reason");

		private final String key;

		Key(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

}
