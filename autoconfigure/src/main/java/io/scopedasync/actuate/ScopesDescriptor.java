package io.scopedasync.actuate;

import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.OperationResponseBody;

/**
 * What the endpoint answers. Durations and instants are text of ISO 8601, so that they
 * look the same whatever writes them; what is not known is null, not absent.
 *
 * @param threshold the age from which a scope is overdue, null where none is looked for
 * @param resources what there is only so much of
 * @param scopes the open scopes
 * @param leaks what was reported
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
record ScopesDescriptor(@Nullable String threshold, List<ResourceEntry> resources, OpenEntry scopes,
		LeaksEntry leaks) implements OperationResponseBody {

	/**
	 * A limiter, a pool of sessions and the like.
	 *
	 * @param name the name
	 * @param type what kind of thing it is
	 * @param active units held
	 * @param pending callers waiting
	 * @param max units there may be
	 * @param idle units that could be had at once
	 */
	record ResourceEntry(String name, String type, int active, int pending, int max, int idle) {

	}

	/**
	 * The open scopes that were asked for.
	 *
	 * @param count how many there are
	 * @param list the first of them, depth-first, roots oldest first
	 */
	record OpenEntry(int count, List<ScopeEntry> list) {

	}

	/**
	 * An open scope.
	 *
	 * @param id the number
	 * @param name the name
	 * @param state where it is in its life
	 * @param phase the same for people: waiting, acquiring, body, releasing
	 * @param ageMillis how long it has been open
	 * @param remainingMillis time left before the earliest deadline, null without any
	 * @param resources what it holds or acquires, in order of entry
	 * @param keys the keys of those that have one, masked unless values are shown
	 * @param thread the thread that opened it, null if that is not known
	 * @param traceId the trace it was opened in, null if that is not known
	 * @param parent the number of the scope around it, null at a root
	 * @param depth how many open scopes are around it
	 * @param suspect whether it was reported as overdue
	 * @param callSite where it was opened, null if that was not sampled
	 */
	@JsonInclude(JsonInclude.Include.ALWAYS)
	record ScopeEntry(long id, String name, String state, String phase, long ageMillis, @Nullable Long remainingMillis,
			List<String> resources, Map<String, String> keys, @Nullable String thread, @Nullable String traceId,
			@Nullable Long parent, int depth, boolean suspect,
			@Nullable List<String> callSite) implements OperationResponseBody {

	}

	/**
	 * What was reported.
	 *
	 * @param counts how many, by reason
	 * @param recovered how many ended after all
	 * @param open how many are open still
	 * @param sites by reason and name, the latest first
	 * @param events of all sites, the latest first
	 */
	record LeaksEntry(Map<String, Long> counts, long recovered, long open, List<SiteEntry> sites,
			List<EventEntry> events) {

	}

	/**
	 * That something was reported, or recovered.
	 *
	 * @param at when
	 * @param reason the reason of the leak
	 * @param name the scope's name, or the resource's
	 * @param id the scope's number, 0 if it has none
	 * @param ageMillis how long the scope was open
	 * @param recovered whether it ended after all
	 */
	record EventEntry(String at, String reason, String name, long id, long ageMillis, boolean recovered) {

	}

	/**
	 * What was reported of one reason and one name.
	 *
	 * @param reason the reason
	 * @param name the name
	 * @param count how many
	 * @param recovered how many of them ended after all
	 * @param last when the latest was
	 * @param advice what to do about it
	 * @param latest some of the latest
	 */
	record SiteEntry(String reason, String name, long count, long recovered, String last, String advice,
			List<LeakEntry> latest) {

	}

	/**
	 * A leak as it was found.
	 *
	 * @param id the scope's number, 0 if it has none
	 * @param ageMillis how long it was open
	 * @param state where it was in its life
	 * @param resources what it held
	 * @param parents the scopes around it, innermost first
	 * @param thread the thread that opened it, null if that is not known
	 * @param detail what is to be known beside, masked unless values are shown
	 * @param callSite where it was opened, null if that was not sampled
	 * @param deadlock of a deadlock those in it, each waiting for the next, the last for
	 * the first
	 */
	@JsonInclude(JsonInclude.Include.ALWAYS)
	record LeakEntry(long id, long ageMillis, String state, List<String> resources, List<String> parents,
			@Nullable String thread, String detail, @Nullable List<String> callSite, List<MemberEntry> deadlock) {

	}

	/**
	 * A scope that waited for others that waited for it.
	 *
	 * @param id the number
	 * @param name the name
	 * @param ageMillis how long it was open
	 * @param thread the thread that opened it, null if that is not known
	 * @param holds what it held that somebody waited for, in words
	 * @param waitsFor what it waited for, and who that depended on, in words
	 * @param inCycle whether it waits for the next one; otherwise it is stuck with those
	 * @param callSite where it was opened, null if that was not sampled
	 */
	@JsonInclude(JsonInclude.Include.ALWAYS)
	record MemberEntry(long id, String name, long ageMillis, @Nullable String thread, List<String> holds,
			String waitsFor, boolean inCycle, @Nullable List<String> callSite) {

	}

}
