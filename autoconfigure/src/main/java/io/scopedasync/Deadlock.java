package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

/**
 * Scopes that wait for each other, as they were found.
 *
 * @param youngest the scope whose wait ends, so that the others can go on
 * @param resource name of the resource that it waits for
 * @param cycle from the youngest on, each waiting for the next and the last for the
 * first; at most the first {@value #LISTED}
 * @param others who holds what these wait for and is stuck with them; at most the first
 * {@value #LISTED}
 * @param count how many are stuck with each other
 */
public record Deadlock(Scope youngest, String resource, List<Member> cycle, List<Member> others, int count) {

	static final int LISTED = 32;

	/** For people: the cycle. */
	@Override
	public String toString() {
		int more = this.count - this.cycle.size();
		return this.cycle.stream().map(Member::toString).collect(Collectors.joining("; "))
				+ ((more > 0) ? "; and " + more + " more" : "");
	}

	/**
	 * A scope in a deadlock. It does not refer to the scope.
	 *
	 * @param scope the scope's name
	 * @param id the scope's number, 0 if it has none
	 * @param age how long it was open
	 * @param thread the thread that opened it, null if that is not known
	 * @param callSite where it was opened, null if that was not sampled
	 * @param holds what it holds of that which somebody waits for, in words
	 * @param waitsFor what it waits for and on whom that depends, in words
	 * @param inCycle whether it is one of the cycle; otherwise it is stuck with those
	 */
	public record Member(String scope, long id, Duration age, @Nullable String thread, @Nullable CallSite callSite,
			List<String> holds, String waitsFor, boolean inCycle) {

		/**
		 * Name and number.
		 * @return the scope in words
		 */
		public String who() {
			return who(this.scope, this.id);
		}

		static String who(String scope, long id) {
			return "'" + scope + "'" + ((id != 0) ? " #" + id : "");
		}

		@Override
		public String toString() {
			return who() + (this.holds.isEmpty() ? " " : " holds " + String.join(", ", this.holds) + " and ")
					+ "waits for " + this.waitsFor;
		}

	}

}
