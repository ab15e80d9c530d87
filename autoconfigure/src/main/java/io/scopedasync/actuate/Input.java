package io.scopedasync.actuate;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

import io.scopedasync.Scope;

import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.convert.DurationStyle;

/**
 * What a caller wrote into a field. Read as text and converted here, so that a mistake is
 * answered with field, value and remedy.
 *
 * @param field the field's name
 * @param value what was written
 */
record Input(String field, String value) {

	private static final int SHOWN = 100;

	/** A whole number from 0 on. */
	int number(String example) {
		String remedy = "Write a whole number, 0 or more, such as " + example + ".";
		try {
			int number = Integer.parseInt(this.value);
			if (number < 0) {
				throw refused(remedy);
			}
			return number;
		}
		catch (NumberFormatException ex) {
			throw refused(remedy);
		}
	}

	/** A number of a scope. */
	long id() {
		try {
			return Long.parseLong(this.value);
		}
		catch (NumberFormatException ex) {
			throw refused("Write the number of an open scope, which GET /scopes lists as id.");
		}
	}

	Duration duration(boolean zeroAllowed, String example) {
		String remedy = "Write a duration" + (zeroAllowed ? "" : " of more than zero") + ", such as " + example + ".";
		try {
			Duration duration = DurationStyle.detectAndParse(this.value);
			if (duration.isNegative() || duration.isZero() && !zeroAllowed) {
				throw refused(remedy);
			}
			return duration;
		}
		catch (IllegalArgumentException ex) {
			throw refused(remedy);
		}
	}

	Scope.State state() {
		return Arrays.stream(Scope.State.values())
			.filter((state) -> state != Scope.State.CLOSED && state.name().equals(this.value.toUpperCase(Locale.ROOT)))
			.findFirst()
			.orElseThrow(() -> refused("Write ENTERING, RUNNING or RELEASING."));
	}

	InvalidEndpointRequestException refused(String remedy) {
		String shown = (this.value.length() <= SHOWN) ? this.value : this.value.substring(0, SHOWN) + "...";
		return refusal(this.field + " is '" + shown + "'. " + remedy);
	}

	static InvalidEndpointRequestException refusal(String message) {
		return new InvalidEndpointRequestException(message, message);
	}

}
