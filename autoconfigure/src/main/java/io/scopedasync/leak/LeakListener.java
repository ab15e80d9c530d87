package io.scopedasync.leak;

import java.time.Duration;

/**
 * Is told of every leak, also of those that are not logged because their site has been.
 * Called on the thread that found it, often a timer's: must not block. What it throws is
 * logged and goes no further.
 */
@FunctionalInterface
public interface LeakListener {

	/**
	 * A leak was found.
	 * @param leak the leak
	 */
	void leaked(Leak leak);

	/**
	 * A scope that was reported as {@link LeakReason#OVERDUE} ended after all.
	 * @param leak as it was reported
	 * @param age how long it was open, to the accuracy of the sweep interval
	 */
	default void recovered(Leak leak, Duration age) {
	}

}
