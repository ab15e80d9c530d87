package io.scopedasync.limiter;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;

/**
 * Settings of a {@link Limiter} or a {@link KeyedLimiter}.
 *
 * @param <L> which of the two
 */
public final class LimiterBuilder<L> {

	final String name;

	int permits = 1;

	int maxWaiting = Integer.MAX_VALUE;

	@Nullable Duration acquireTimeout;

	ScopeClock clock = ScopeClock.system();

	ScopeWatcher watcher = ScopeWatcher.NONE;

	@Nullable Duration leakThreshold;

	private final Function<LimiterBuilder<L>, L> build;

	LimiterBuilder(String name, Function<LimiterBuilder<L>, L> build) {
		this.name = Objects.requireNonNull(name, "name");
		this.build = build;
	}

	/**
	 * How many may be in at once.
	 * @param permits zero or more, 1 unless set
	 * @return this
	 */
	public LimiterBuilder<L> permits(int permits) {
		this.permits = notNegative("permits", permits);
		return this;
	}

	/**
	 * How many callers may wait; beyond it a caller is rejected at once.
	 * @param maxWaiting zero rejects whoever would have to wait; unbounded unless set
	 * @return this
	 */
	public LimiterBuilder<L> maxWaiting(int maxWaiting) {
		this.maxWaiting = notNegative("max-waiting", maxWaiting);
		return this;
	}

	/**
	 * How long a caller may wait.
	 * @param timeout more than zero; for ever unless set
	 * @return this
	 */
	public LimiterBuilder<L> acquireTimeout(Duration timeout) {
		if (timeout.isZero() || timeout.isNegative()) {
			throw new IllegalArgumentException("Limiter '" + this.name + "': acquire-timeout is " + timeout
					+ ", give more than zero. To reject whoever would have to wait, set max-waiting to 0.");
		}
		this.acquireTimeout = timeout;
		return this;
	}

	/**
	 * The clock of the acquire timeout.
	 * @param clock {@link ScopeClock#system()} unless set
	 * @return this
	 */
	public LimiterBuilder<L> clock(ScopeClock clock) {
		this.clock = Objects.requireNonNull(clock, "clock");
		return this;
	}

	/**
	 * What is told of permits that are given back twice.
	 * @param watcher {@link ScopeWatcher#NONE} unless set
	 * @return this
	 */
	public LimiterBuilder<L> watcher(ScopeWatcher watcher) {
		this.watcher = Objects.requireNonNull(watcher, "watcher");
		return this;
	}

	/**
	 * From which age on a scope that holds a permit counts as overdue.
	 * @param threshold as for all scopes unless set
	 * @return this
	 */
	public LimiterBuilder<L> leakThreshold(Duration threshold) {
		this.leakThreshold = Objects.requireNonNull(threshold, "threshold");
		return this;
	}

	/**
	 * Builds it.
	 * @return a new limiter
	 */
	public L build() {
		return this.build.apply(this);
	}

	private int notNegative(String setting, int value) {
		if (value < 0) {
			throw new IllegalArgumentException(
					"Limiter '" + this.name + "': " + setting + " is " + value + ", give zero or more.");
		}
		return value;
	}

}
