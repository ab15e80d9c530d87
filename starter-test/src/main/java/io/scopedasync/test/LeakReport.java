package io.scopedasync.test;

import java.util.Collection;
import java.util.List;

import io.scopedasync.ScopeClock;

/**
 * Puts into words what a test left behind.
 */
final class LeakReport {

	private LeakReport() {
	}

	static AssertionError error(WatchedTest test, Collection<String> tests, Collection<Finding.Expectable> missing,
			List<Finding> unexpected) {
		StringBuilder text = new StringBuilder();
		List<Finding> open = unexpected.stream().filter((finding) -> finding.open() != null).toList();
		List<Finding> reported = unexpected.stream().filter((finding) -> finding.open() == null).toList();
		if (!open.isEmpty()) {
			text.append(counted(open.size(), "scope was", "scopes were"))
				.append(" opened and ")
				.append((open.size() == 1) ? "is" : "are")
				.append(" still open ")
				.append(ScopeClock.toMillis(test.grace()))
				.append(" ms after ")
				.append(String.join(" or ", tests))
				.append(':');
			list(open, text);
			text.append("\nEnd the body or close the scope before the test ends. If it is meant to stay open, say "
					+ "@ExpectedLeaks(open = \"")
				.append(open.get(0).expectable().what())
				.append("\").");
			if (open.stream().anyMatch((finding) -> finding.callSite() == null)) {
				text.append("\nTo see where scopes were opened, set scoped-async.leak-detection.level=paranoid, or "
						+ "build AsyncScopes with tracked(true).callSites(CallSites.all()).");
			}
			text.append('\n');
		}
		if (!reported.isEmpty()) {
			text.append(counted(reported.size(), "leak was", "leaks were"))
				.append(" reported during ")
				.append(String.join(" or ", tests))
				.append(':');
			list(reported, text);
			text.append("\nThe log says what to do about each. If that is what the test is for, say "
					+ "@ExpectedLeaks(LeakReason....).\n");
		}
		for (Finding.Expectable expectable : missing) {
			text.append(test.name())
				.append(" was to leave ")
				.append(expectable)
				.append(", as its @ExpectedLeaks says, and did not within ")
				.append(ScopeClock.toMillis(test.grace()))
				.append(" ms.\n");
		}
		AssertionError error = new AssertionError(text.toString().stripTrailing());
		for (Finding finding : unexpected) {
			if (finding.callSite() != null) {
				error.addSuppressed(finding.callSite());
			}
		}
		return error;
	}

	private static String counted(int number, String one, String many) {
		return number + " " + ((number == 1) ? one : many);
	}

	private static void list(List<Finding> findings, StringBuilder text) {
		findings.forEach((finding) -> text.append("\n  - ").append(finding.text()));
	}

}
