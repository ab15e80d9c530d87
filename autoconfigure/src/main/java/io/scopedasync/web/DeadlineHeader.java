package io.scopedasync.web;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.scopedasync.ScopeSpec;

import org.springframework.util.Assert;

/**
 * The header in which a caller says for how many milliseconds it waits.
 */
final class DeadlineHeader {

	/** Of each request's scope. */
	static final String SCOPE = "request";

	/** Zeros in front are no digits, so that zero has none. */
	private static final Pattern NUMBER = Pattern.compile("(?<sign>[+-]?)(?=[0-9])0*(?<digits>[0-9]*)");

	/** As many digits always are a long. */
	private static final int LONGEST = 18;

	private final String name;

	DeadlineHeader(String name) {
		Assert.hasText(name, "The deadline header needs a name");
		this.name = name;
	}

	String name() {
		return this.name;
	}

	/**
	 * The scope of a request. A limit of zero or less has passed already; one beyond what
	 * a limit can be is as long as that.
	 * @param values the header's values, one or more
	 * @return a spec with that limit
	 * @throws IllegalArgumentException if there are several, or it is no whole number of
	 * milliseconds
	 */
	ScopeSpec spec(List<String> values) {
		if (values.size() != 1) {
			throw new IllegalArgumentException(
					"Header " + this.name + " has " + values.size() + " values: send it once, or leave it out.");
		}
		Matcher number = NUMBER.matcher(values.get(0).trim());
		if (!number.matches()) {
			throw new IllegalArgumentException("Header " + this.name
					+ " is no number of milliseconds: send a whole number, such as 1500, or leave it out.");
		}
		return ScopeSpec.of(SCOPE).timeout(limit(number)).leakThreshold(ChronoUnit.FOREVER.getDuration());
	}

	private static Duration limit(Matcher number) {
		String digits = number.group("digits");
		if (digits.isEmpty() || "-".equals(number.group("sign"))) {
			return Duration.ZERO;
		}
		return Duration.ofMillis((digits.length() <= LONGEST) ? Long.parseLong(digits) : Long.MAX_VALUE);
	}

}
