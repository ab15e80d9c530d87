package io.scopedasync.autoconfigure;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Configuration properties of what callers wait for in a queue.
 */
public abstract class QueueProperties {

	/**
	 * How many callers may wait; further ones are rejected at once. Unlimited unless set.
	 */
	private @Nullable Integer maxWaiting;

	/**
	 * How long a caller may wait. Unlimited unless set.
	 */
	private @Nullable Duration acquireTimeout;

	/**
	 * Whether there is one of these settings for each key, instead of one for all.
	 */
	private @Nullable Boolean keyed;

	/**
	 * Age from which a scope that holds it counts as overdue. That of leak detection
	 * unless set.
	 */
	private @Nullable Duration leakThreshold;

	public @Nullable Integer getMaxWaiting() {
		return this.maxWaiting;
	}

	public void setMaxWaiting(@Nullable Integer maxWaiting) {
		this.maxWaiting = maxWaiting;
	}

	public @Nullable Duration getAcquireTimeout() {
		return this.acquireTimeout;
	}

	public void setAcquireTimeout(@Nullable Duration acquireTimeout) {
		this.acquireTimeout = acquireTimeout;
	}

	public @Nullable Boolean getKeyed() {
		return this.keyed;
	}

	public void setKeyed(@Nullable Boolean keyed) {
		this.keyed = keyed;
	}

	public @Nullable Duration getLeakThreshold() {
		return this.leakThreshold;
	}

	public void setLeakThreshold(@Nullable Duration leakThreshold) {
		this.leakThreshold = leakThreshold;
	}

}
