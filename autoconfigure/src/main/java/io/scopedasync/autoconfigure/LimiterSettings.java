package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

/**
 * What a limiter is made of: its own properties, then the defaults, checked.
 *
 * @param permits at least 1
 * @param maxWaiting null for no bound
 * @param acquireTimeout null for no limit
 * @param keyed whether there is one limiter per key
 * @param leakThreshold null for that of leak detection
 */
record LimiterSettings(int permits, @Nullable Integer maxWaiting, @Nullable Duration acquireTimeout, boolean keyed,
		@Nullable Duration leakThreshold) {

	static final String PREFIX = "scoped-async.limiters";

	static final String DEFAULTS = "scoped-async.defaults.limiter";

	/**
	 * Checks the properties of a limiter.
	 * @throws InvalidSettingException if they are not those of any limiter
	 */
	static LimiterSettings of(String name, ScopedAsyncProperties.Limiter own, ScopedAsyncProperties.Limiter defaults) {
		String prefix = PREFIX + "." + name;
		ResourceNames.requireUsable("limiter", PREFIX, name);
		Source<Integer> permits = Source.of("permits", prefix, own, defaults,
				ScopedAsyncProperties.Limiter::getPermits);
		Source<Integer> waiting = Source.of("max-waiting", prefix, own, defaults,
				ScopedAsyncProperties.Limiter::getMaxWaiting);
		Source<Duration> timeout = Source.of("acquire-timeout", prefix, own, defaults,
				ScopedAsyncProperties.Limiter::getAcquireTimeout);
		Source<Boolean> keyed = Source.of("keyed", prefix, own, defaults, ScopedAsyncProperties.Limiter::getKeyed);
		Source<Duration> leakThreshold = Source.of("leak-threshold", prefix, own, defaults,
				ScopedAsyncProperties.Limiter::getLeakThreshold);
		if (leakThreshold.value() != null) {
			Durations.requirePositive(leakThreshold.property(), leakThreshold.value());
		}
		if (permits.value() == null) {
			throw new InvalidSettingException(
					"Limiter '" + name + "' has no permits: " + permits.property() + " is missing",
					"Say how many scopes may hold a permit at once, " + permits.property()
							+ "=10 for instance, or for all " + "limiters " + DEFAULTS + ".permits.");
		}
		if (permits.value() < 1) {
			throw new InvalidSettingException(
					permits.property() + " is " + permits.value() + ", so nobody would ever enter",
					"Write 1 at least.");
		}
		if (waiting.value() != null && waiting.value() < 0) {
			throw new InvalidSettingException(waiting.property() + " is " + waiting.value(),
					"Write 0 to let nobody wait, a bound, or nothing for no bound.");
		}
		if (timeout.value() != null) {
			Durations.requirePositive(timeout.property(), timeout.value());
		}
		return new LimiterSettings(permits.value(), waiting.value(), timeout(waiting, timeout),
				Boolean.TRUE.equals(keyed.value()), leakThreshold.value());
	}

	/**
	 * Where nobody may wait, a limit of the wait is a mistake, unless it is there for
	 * other limiters.
	 */
	private static @Nullable Duration timeout(Source<Integer> waiting, Source<Duration> timeout) {
		if (timeout.value() == null || waiting.value() == null || waiting.value() > 0) {
			return timeout.value();
		}
		if (!timeout.own() && waiting.own()) {
			return null;
		}
		throw new InvalidSettingException(
				timeout.property() + " is " + timeout.value().toMillis() + " ms, and " + waiting.property()
						+ " is 0: nobody waits, so nobody can time out",
				"Remove one of the two: with max-waiting=0 a caller who finds no permit is rejected at once.");
	}

	/**
	 * A value and the property that it came from.
	 */
	private record Source<T>(@Nullable T value, String property, boolean own) {

		static <T> Source<T> of(String key, String prefix, ScopedAsyncProperties.Limiter own,
				ScopedAsyncProperties.Limiter defaults, Function<ScopedAsyncProperties.Limiter, @Nullable T> getter) {
			T value = getter.apply(own);
			if (value == null && getter.apply(defaults) != null) {
				return new Source<>(getter.apply(defaults), DEFAULTS + "." + key, false);
			}
			return new Source<>(value, prefix + "." + key, true);
		}

	}

}
