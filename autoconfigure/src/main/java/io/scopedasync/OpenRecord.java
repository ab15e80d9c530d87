package io.scopedasync;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * What is left of a scope that nobody can reach any more: enough to say where it came
 * from and to release what it held. Stands in for the scope in {@link OpenScopes} while
 * its body runs on its own; until then, and from the body's end on, the scope is kept.
 */
final class OpenRecord extends WeakReference<RunningScope> {

	@Nullable OpenRecord next;

	@Nullable OpenRecord previous;

	final DefaultAsyncScopes scopes;

	final ScopeSpec spec;

	final long id;

	final long since;

	final @Nullable String thread;

	final @Nullable CallSite callSite;

	final @Nullable Object carried;

	final ScopeObserver.@Nullable Observed observed;

	/** Of the scope around this one. */
	final @Nullable OpenRecord parent;

	/** Keeps the scope while it releases. */
	@SuppressWarnings("unused")
	private @Nullable RunningScope kept;

	/** In order of entry; guarded by this. */
	private final List<Held> held = new ArrayList<>(1);

	OpenRecord(RunningScope scope, Trace trace) {
		super(scope);
		this.scopes = scope.scopes;
		this.spec = scope.spec;
		this.id = trace.id;
		this.since = scope.since;
		this.thread = trace.thread;
		this.callSite = trace.callSite;
		ScopeExtras extras = scope.extras;
		this.carried = (extras != null) ? extras.carried : null;
		this.observed = (extras != null) ? extras.observed : null;
		RunningScope parent = scope.parent();
		this.parent = (parent != null && parent.trace != null) ? parent.trace.record(parent) : null;
	}

	/** The body is over. */
	void keep(RunningScope scope) {
		this.kept = scope;
	}

	/**
	 * Notes what an entry holds, by whoever sees that it has arrived; more than once is
	 * the same as once.
	 */
	synchronized void add(Entry entry) {
		if (entry.state == Entry.ARRIVED && entry.noted() == null) {
			Object value = entry.held();
			if (value == null) {
				// Given back at this very moment.
				return;
			}
			// A handler is given its scope, which is not to be held.
			Held held = new Held(entry.resource(), (value instanceof Scope) ? null : value);
			entry.note(held);
			this.held.add(held);
		}
	}

	/** The entry gave it back early, or another scope took it over. */
	synchronized void remove(Entry entry) {
		int index = this.held.lastIndexOf(entry.noted());
		if (index >= 0) {
			this.held.remove(index);
		}
	}

	synchronized List<Held> held() {
		return List.copyOf(this.held);
	}

	/** What an entry held, without the entry, which knows its scope. */
	static final class Held {

		final AsyncResource<?> resource;

		/** Null for a handler. */
		final @Nullable Object value;

		Held(AsyncResource<?> resource, @Nullable Object value) {
			this.resource = resource;
			this.value = value;
		}

	}

}
