package io.scopedasync.test;

import java.util.ArrayList;
import java.util.List;

import org.assertj.core.api.AbstractAssert;

import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.LeakSite;
import io.scopedasync.leak.Leaks;

/**
 * Assertions of what was reported, since the application's start.
 */
public final class LeaksAssert extends AbstractAssert<LeaksAssert, Leaks> {

	LeaksAssert(Leaks actual) {
		super(actual, LeaksAssert.class);
	}

	/**
	 * Nothing was reported.
	 * @return this
	 */
	public LeaksAssert hasNone() {
		isNotNull();
		for (LeakReason reason : LeakReason.values()) {
			if (this.actual.count(reason) != 0) {
				failWithMessage("Expected no leak, but %s", text());
			}
		}
		return this;
	}

	/**
	 * Nothing was reported for a reason.
	 * @param reason the reason
	 * @return this
	 */
	public LeaksAssert hasNone(LeakReason reason) {
		return has(reason, 0);
	}

	/**
	 * So many leaks were reported.
	 * @param reason the reason
	 * @param count how many of it
	 * @return this
	 */
	public LeaksAssert has(LeakReason reason, long count) {
		isNotNull();
		if (this.actual.count(reason) != count) {
			failWithMessage("Expected %s leaks reported as %s, but %s", count, reason, text());
		}
		return this;
	}

	private String text() {
		List<String> counts = new ArrayList<>();
		for (LeakReason reason : LeakReason.values()) {
			if (this.actual.count(reason) != 0) {
				counts.add(this.actual.count(reason) + " " + reason);
			}
		}
		if (counts.isEmpty()) {
			return "nothing was reported";
		}
		StringBuilder text = new StringBuilder("there is ").append(String.join(", ", counts)).append(':');
		for (LeakSite site : this.actual.sites()) {
			for (Leak leak : site.latest()) {
				text.append("\n  - ").append(site.reason()).append(": ").append(Finding.text(leak));
			}
			text.append("\n    ").append(site.advice());
		}
		return text.toString();
	}

}
