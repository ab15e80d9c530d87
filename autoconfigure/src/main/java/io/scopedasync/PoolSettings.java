package io.scopedasync;

import java.time.Duration;
import java.util.Objects;
import java.util.function.BiPredicate;

import org.jspecify.annotations.Nullable;

/**
 * Settings of a {@link PooledResource}.
 *
 * @param <T> what is pooled
 */
public final class PoolSettings<T> {

	private final String name;

	int minSize;

	int maxSize = 10;

	int maxWaiting = Integer.MAX_VALUE;

	Duration acquireTimeout = Duration.ZERO;

	@Nullable Duration idleTime;

	@Nullable Duration lifeTime;

	BiPredicate<? super T, ? super Exit> reuse = (value, exit) -> exit instanceof Exit.Completed;

	ScopeClock clock = ScopeClock.system();

	PoolSettings(String name) {
		this.name = name;
	}

	/**
	 * How many objects {@link PooledResource#warmUp()} makes, and are kept however long
	 * they are idle.
	 * @param minSize zero or more, 0 unless set
	 * @return this
	 */
	public PoolSettings<T> minSize(int minSize) {
		this.minSize = atLeast("min-size", 0, minSize);
		return this;
	}

	/**
	 * How many objects there may be at once.
	 * @param maxSize one or more, 10 unless set
	 * @return this
	 */
	public PoolSettings<T> maxSize(int maxSize) {
		this.maxSize = atLeast("max-size", 1, maxSize);
		return this;
	}

	/**
	 * How many callers may wait; beyond it a caller is rejected at once.
	 * @param maxWaiting zero rejects whoever would have to wait; unbounded unless set
	 * @return this
	 */
	public PoolSettings<T> maxWaiting(int maxWaiting) {
		this.maxWaiting = atLeast("max-waiting", 0, maxWaiting);
		return this;
	}

	/**
	 * How long a caller may wait for an object.
	 * @param timeout more than zero; for ever unless set
	 * @return this
	 */
	public PoolSettings<T> acquireTimeout(Duration timeout) {
		this.acquireTimeout = positive("acquire-timeout", timeout);
		return this;
	}

	/**
	 * How long an object may be unused before it is destroyed.
	 * @param time more than zero; for ever unless set
	 * @return this
	 */
	public PoolSettings<T> idleTime(Duration time) {
		this.idleTime = positive("idle-time", time);
		return this;
	}

	/**
	 * How old an object may become. One that is lent is destroyed on its return.
	 * @param time more than zero; for ever unless set
	 * @return this
	 */
	public PoolSettings<T> lifeTime(Duration time) {
		this.lifeTime = positive("life-time", time);
		return this;
	}

	/**
	 * Which objects go back into the pool at the end of a scope. The others are
	 * destroyed, and whoever waits is served with a new one.
	 * @param reuse asked with the object and how the scope's body ended; only after
	 * {@link Exit#completed()} unless set
	 * @return this
	 */
	public PoolSettings<T> reuse(BiPredicate<? super T, ? super Exit> reuse) {
		this.reuse = Objects.requireNonNull(reuse, "reuse");
		return this;
	}

	/**
	 * The clock of all these times.
	 * @param clock {@link ScopeClock#system()} unless set
	 * @return this
	 */
	public PoolSettings<T> clock(ScopeClock clock) {
		this.clock = Objects.requireNonNull(clock, "clock");
		return this;
	}

	void check() {
		if (this.minSize > this.maxSize) {
			throw new IllegalArgumentException("The pool of '" + this.name + "': min-size is " + this.minSize
					+ " and max-size " + this.maxSize + ". Lower the one or raise the other.");
		}
	}

	private int atLeast(String setting, int least, int value) {
		if (value < least) {
			throw new IllegalArgumentException(
					"The pool of '" + this.name + "': " + setting + " is " + value + ", give " + least + " or more.");
		}
		return value;
	}

	private Duration positive(String setting, Duration value) {
		if (value.isZero() || value.isNegative()) {
			throw new IllegalArgumentException("The pool of '" + this.name + "': " + setting + " is " + value
					+ ", give more than zero, or leave it out.");
		}
		return ScopeClock.limited(value);
	}

}
