package io.scopedasync.autoconfigure;

import java.time.Duration;

import io.scopedasync.ScopeClock;

/**
 * Checks of durations that properties give.
 */
final class Durations {

	private Durations() {
	}

	/** In milliseconds, or as it can be written where they are too many. */
	static String text(Duration value) {
		return ScopeClock.limited(value).equals(value) ? value.toMillis() + " ms" : value.toString();
	}

	static void requirePositive(String property, Duration value) {
		if (value.isZero() || value.isNegative()) {
			throw new InvalidSettingException(property + " is " + text(value),
					"Write a duration of more than zero, such as 2s.");
		}
	}

	static void requireNotNegative(String property, Duration value) {
		if (value.isNegative()) {
			throw new InvalidSettingException(property + " is " + text(value),
					"Write 0s for no time at all, or a duration such as 20s.");
		}
	}

}
