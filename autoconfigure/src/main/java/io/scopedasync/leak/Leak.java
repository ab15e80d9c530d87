package io.scopedasync.leak;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

import io.scopedasync.ScopeClock;
import io.scopedasync.CallSite;
import io.scopedasync.Deadlock;
import io.scopedasync.Scope;

/**
 * A scope that was found leaked, or something that one lent, as it was at that moment. It
 * does not refer to the scope.
 *
 * @param reason why it counts as leaked
 * @param scope the scope's name, which is its site: leaks of one name are logged once
 * @param id the scope's {@linkplain Scope#id() number}, 0 if it has none
 * @param age how long it was open
 * @param state where it was in its life
 * @param resources names of what it held or was acquiring, in order of entry
 * @param parents names of the scopes around it, innermost first
 * @param thread the thread that opened it, null if that is not known
 * @param callSite where it was opened, null if that was not sampled
 * @param detail what is to be known beside, empty if nothing is
 * @param deadlock of a deadlock those in it, each waiting for the next and the last for
 * the first, which is the scope itself; then those that are stuck with them. Otherwise
 * empty
 */
public record Leak(LeakReason reason, String scope, long id, Duration age, Scope.State state, List<String> resources,
		List<String> parents, @Nullable String thread, @Nullable CallSite callSite, String detail,
		List<Deadlock.Member> deadlock) {

	private static final int SHOWN = 16;

	/**
	 * Creates the record.
	 */
	public Leak {
		resources = List.copyOf(resources);
		parents = List.copyOf(parents);
		deadlock = List.copyOf(deadlock);
	}

	/**
	 * What a scope looks like now. Of the scopes around it the innermost 16 are noted.
	 * @param reason why it counts as leaked
	 * @param scope the scope
	 * @return the record
	 */
	public static Leak of(LeakReason reason, Scope scope) {
		return of(reason, scope, "");
	}

	/**
	 * What a scope looks like now. Of the scopes around it the innermost 16 are noted.
	 * @param reason why it counts as leaked
	 * @param scope the scope
	 * @param detail what is to be known beside
	 * @return the record
	 */
	public static Leak of(LeakReason reason, Scope scope, String detail) {
		return of(reason, scope, detail, List.of());
	}

	/**
	 * The youngest of scopes that wait for each other.
	 * @param deadlock the deadlock
	 * @return the record
	 */
	public static Leak of(Deadlock deadlock) {
		List<Deadlock.Member> members = new ArrayList<>(deadlock.cycle());
		members.addAll(deadlock.others());
		int more = deadlock.count() - members.size();
		return of(LeakReason.DEADLOCK, deadlock.youngest(), (more > 0) ? more + " more are stuck with them" : "",
				members);
	}

	private static Leak of(LeakReason reason, Scope scope, String detail, List<Deadlock.Member> deadlock) {
		List<String> parents = new ArrayList<>();
		Scope parent = scope.parent();
		while (parent != null && parents.size() < SHOWN) {
			parents.add(parent.name());
			parent = parent.parent();
		}
		return new Leak(reason, scope.name(), scope.id(), scope.age(), scope.state(), scope.resources(), parents,
				scope.thread(), scope.callSite(), detail, deadlock);
	}

	/**
	 * Something that went wrong outside any scope, or after it.
	 * @param reason why it counts as leaked
	 * @param name the scope's name, or the resource's
	 * @param detail what happened
	 * @return the record
	 */
	public static Leak of(LeakReason reason, String name, String detail) {
		return new Leak(reason, name, 0, Duration.ZERO, Scope.State.CLOSED, List.of(), List.of(),
				Thread.currentThread().getName(), null, detail, List.of());
	}

	/**
	 * For people: at most the first 16 resources.
	 */
	@Override
	public String toString() {
		StringBuilder text = new StringBuilder();
		if (this.id == 0 && !this.detail.isEmpty()) {
			return "'" + this.scope + "', " + this.detail;
		}
		text.append('\'').append(this.scope).append("' open for ").append(text(this.age));
		text.append(switch (this.state) {
			case ENTERING -> ", acquiring ";
			case RUNNING -> ", running, holding ";
			case RELEASING -> ", releasing ";
			case CLOSED -> ", closed, of ";
		});
		int more = this.resources.size() - SHOWN;
		if (this.resources.isEmpty()) {
			text.append("nothing");
		}
		else if (more > 0) {
			text.append(this.resources.subList(0, SHOWN)).append(" and ").append(more).append(" more");
		}
		else {
			text.append(this.resources);
		}
		for (String parent : this.parents) {
			text.append(" in '").append(parent).append('\'');
		}
		if (!this.detail.isEmpty()) {
			text.append(", ").append(this.detail);
		}
		if (this.thread != null) {
			text.append(", opened on ").append(this.thread);
		}
		for (Deadlock.Member member : this.deadlock) {
			text.append("; ").append(member).append(" (open for ").append(text(member.age()));
			if (member.thread() != null) {
				text.append(", opened on ").append(member.thread());
			}
			text.append(')');
		}
		return text.toString();
	}

	/** Where it comes from, for the log. */
	@Nullable Throwable origin() {
		List<CallSite> known = this.deadlock.stream()
			.map(Deadlock.Member::callSite)
			.filter(Objects::nonNull)
			.map(CallSite.class::cast)
			.toList();
		return known.isEmpty() ? this.callSite : new Origins(known);
	}

	private static final class Origins extends Throwable {

		private static final long serialVersionUID = 1L;

		Origins(List<CallSite> callSites) {
			super("Scopes that waited for each other", null, true, false);
			callSites.forEach(this::addSuppressed);
		}

	}

	static String text(Duration duration) {
		long millis = ScopeClock.toMillis(duration);
		if (millis < 1000) {
			return millis + " ms";
		}
		return (millis < 10_000) ? (millis / 1000) + "." + (millis % 1000) / 100 + " s" : (millis / 1000) + " s";
	}

}
