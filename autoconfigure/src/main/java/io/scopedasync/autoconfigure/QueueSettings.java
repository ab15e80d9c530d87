package io.scopedasync.autoconfigure;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

import io.scopedasync.QueueBuilder;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;

import org.springframework.beans.factory.ObjectProvider;

/**
 * Who may wait for a limiter or a lock, and for how long, checked.
 *
 * @param maxWaiting null for no bound
 * @param acquireTimeout null for no limit
 * @param keyed whether there is one per key
 * @param leakThreshold null for that of leak detection
 */
record QueueSettings(@Nullable Integer maxWaiting, @Nullable Duration acquireTimeout, boolean keyed,
		@Nullable Duration leakThreshold) {

	/**
	 * Checks the properties.
	 * @throws InvalidSettingException if nobody can wait that way
	 */
	static QueueSettings of(Setting.Sources<? extends QueueProperties> sources) {
		Setting<Integer> waiting = sources.get("max-waiting", QueueProperties::getMaxWaiting);
		Setting<Duration> timeout = sources.get("acquire-timeout", QueueProperties::getAcquireTimeout);
		Setting<Boolean> keyed = sources.get("keyed", QueueProperties::getKeyed);
		Setting<Duration> leakThreshold = sources.get("leak-threshold", QueueProperties::getLeakThreshold);
		if (waiting.value() != null && waiting.value() < 0) {
			throw new InvalidSettingException(waiting.property() + " is " + waiting.value(),
					"Write 0 to let nobody wait, a bound, or nothing for no bound.");
		}
		if (timeout.value() != null) {
			Durations.requirePositive(timeout.property(), timeout.value());
		}
		if (leakThreshold.value() != null) {
			Durations.requirePositive(leakThreshold.property(), leakThreshold.value());
		}
		return new QueueSettings(waiting.value(), timeout(waiting, timeout), Boolean.TRUE.equals(keyed.value()),
				leakThreshold.value());
	}

	/**
	 * Where nobody may wait, a limit of the wait is a mistake, unless it is there for
	 * others.
	 */
	private static @Nullable Duration timeout(Setting<Integer> waiting, Setting<Duration> timeout) {
		if (timeout.value() == null || waiting.value() == null || waiting.value() > 0) {
			return timeout.value();
		}
		if (!timeout.own() && waiting.own()) {
			return null;
		}
		throw new InvalidSettingException(
				timeout.property() + " is " + Durations.text(timeout.value()) + ", and " + waiting.property()
						+ " is 0: nobody waits, so nobody can time out",
				"Remove one of the two: with max-waiting=0 a caller who would have to wait is rejected at once.");
	}

	void applyTo(QueueBuilder<?> builder, ObjectProvider<ScopeClock> clock, ObjectProvider<ScopeWatcher> watcher) {
		if (this.maxWaiting != null) {
			builder.maxWaiting(this.maxWaiting);
		}
		if (this.acquireTimeout != null) {
			builder.acquireTimeout(this.acquireTimeout);
		}
		if (this.leakThreshold != null) {
			builder.leakThreshold(this.leakThreshold);
		}
		clock.ifAvailable(builder::clock);
		watcher.ifAvailable(builder::watcher);
	}

}
