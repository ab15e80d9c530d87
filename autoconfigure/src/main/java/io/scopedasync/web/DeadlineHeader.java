package io.scopedasync.web;

import java.time.Duration;
import java.time.temporal.ChronoUnit;

import io.scopedasync.ScopeSpec;

import org.springframework.util.Assert;

/**
 * The header in which a caller says for how many milliseconds it waits.
 */
final class DeadlineHeader {

	/** Of each request's scope. */
	static final String SCOPE = "request";

	private final String name;

	DeadlineHeader(String name) {
		Assert.hasText(name, "The deadline header needs a name");
		this.name = name;
	}

	String name() {
		return this.name;
	}

	/**
	 * The scope of a request. It is never overdue: its limit ends it.
	 * @param value the header's value
	 * @return a spec with that limit
	 * @throws IllegalArgumentException if it is no number of milliseconds
	 */
	ScopeSpec spec(String value) {
		long millis;
		try {
			millis = Long.parseLong(value.trim());
		}
		catch (NumberFormatException ex) {
			throw new IllegalArgumentException("Header " + this.name
					+ " is no number of milliseconds: send a whole number, such as 1500, or leave it out.", ex);
		}
		return ScopeSpec.of(SCOPE).timeout(Duration.ofMillis(millis)).leakThreshold(ChronoUnit.FOREVER.getDuration());
	}

}
