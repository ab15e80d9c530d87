package io.scopedasync;

import java.time.Duration;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * Settings that all {@link QueuedResource}s have: who may wait, and for how long.
 *
 * @param <B> the builder itself
 */
public abstract class QueueBuilder<B extends QueueBuilder<B>> {

	/** Name in metrics, logs and errors. */
	protected final String name;

	/** Null for what leak detection says. */
	protected @Nullable Duration leakThreshold;

	int maxWaiting = Integer.MAX_VALUE;

	@Nullable Duration acquireTimeout;

	ScopeClock clock = ScopeClock.system();

	ScopeWatcher watcher = ScopeWatcher.NONE;

	private final String kind;

	/**
	 * Begins the settings.
	 * @param kind what is built, as an error calls it
	 * @param name name in metrics, logs and errors
	 */
	protected QueueBuilder(String kind, String name) {
		this.kind = kind;
		this.name = Objects.requireNonNull(name, "name");
	}

	/**
	 * The builder itself.
	 * @return this
	 */
	protected abstract B self();

	/**
	 * How many callers may wait; beyond it a caller is rejected at once.
	 * @param maxWaiting zero rejects whoever would have to wait; unbounded unless set
	 * @return this
	 */
	public B maxWaiting(int maxWaiting) {
		this.maxWaiting = notNegative("max-waiting", maxWaiting);
		return self();
	}

	/**
	 * How long a caller may wait.
	 * @param timeout more than zero; for ever unless set
	 * @return this
	 */
	public B acquireTimeout(Duration timeout) {
		if (timeout.isZero() || timeout.isNegative()) {
			throw new IllegalArgumentException(this.kind + " '" + this.name + "': acquire-timeout is " + timeout
					+ ", give more than zero. " + "To reject whoever would have to wait, set max-waiting to 0.");
		}
		this.acquireTimeout = ScopeClock.limited(timeout);
		return self();
	}

	/**
	 * The clock of the acquire timeout.
	 * @param clock {@link ScopeClock#system()} unless set
	 * @return this
	 */
	public B clock(ScopeClock clock) {
		this.clock = Objects.requireNonNull(clock, "clock");
		return self();
	}

	/**
	 * What is told of that which is given back twice.
	 * @param watcher {@link ScopeWatcher#NONE} unless set
	 * @return this
	 */
	public B watcher(ScopeWatcher watcher) {
		this.watcher = Objects.requireNonNull(watcher, "watcher");
		return self();
	}

	/**
	 * From which age on a scope that holds it counts as overdue.
	 * @param threshold as for all scopes unless set
	 * @return this
	 */
	public B leakThreshold(Duration threshold) {
		this.leakThreshold = Objects.requireNonNull(threshold, "threshold");
		return self();
	}

	/**
	 * Checks a number.
	 * @param setting the setting as properties call it
	 * @param value what was given
	 * @return the value
	 * @throws IllegalArgumentException if it is negative
	 */
	protected final int notNegative(String setting, int value) {
		if (value < 0) {
			throw new IllegalArgumentException(
					this.kind + " '" + this.name + "': " + setting + " is " + value + ", give zero or more.");
		}
		return value;
	}

}
