package io.scopedasync.autoconfigure;

import java.time.Duration;

/**
 * Checks of durations that properties give.
 */
final class Durations {

	private Durations() {
	}

	static void requirePositive(String property, Duration value) {
		if (value.isZero() || value.isNegative()) {
			throw new InvalidSettingException(property + " is " + value.toMillis() + " ms",
					"Write a duration of more than zero, such as 2s.");
		}
	}

	static void requireNotNegative(String property, Duration value) {
		if (value.isNegative()) {
			throw new InvalidSettingException(property + " is " + value.toMillis() + " ms",
					"Write 0s for no time at all, or a duration such as 20s.");
		}
	}

}
