package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

/**
 * What users see of a scope.
 */
abstract class RunningScope extends NestedScope implements Scope, CurrentScope.Place {

	RunningScope(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	@Override
	final RunningScope scope() {
		return this;
	}

	@Override
	public final RunningScope here() {
		return this;
	}

	/** What is being acquired, held or released, in order of entry. */
	final List<Entry> openEntries() {
		List<Entry> entries = new ArrayList<>();
		if (this.phase == SETTLED) {
			// Who enters only now stands on the stack until it is refused.
			return entries;
		}
		ScopeExtras extras = this.extras;
		if (extras != null) {
			entries.addAll(extras.stack.snapshot());
			Collections.reverse(entries);
		}
		entries.add(0, this);
		entries.removeIf((entry) -> !entry.isOpen());
		return entries;
	}

	final boolean involves(Object identity) {
		return openEntries().stream()
			.anyMatch((entry) -> RawResource.identity(entry.resource()) == identity || entry.holds(identity))
				|| partsUnderWay().stream().anyMatch((part) -> part.involves(identity));
	}

	@Override
	public final String name() {
		return this.spec.name;
	}

	@Override
	public final long id() {
		Trace trace = this.trace;
		return (trace != null) ? trace.id : 0;
	}

	@Override
	public final @Nullable String thread() {
		Trace trace = this.trace;
		return (trace != null) ? trace.thread : null;
	}

	@Override
	public final @Nullable CallSite callSite() {
		Trace trace = this.trace;
		return (trace != null) ? trace.callSite : null;
	}

	@Override
	public final AsyncScopes scopes() {
		return this.scopes;
	}

	@Override
	public final @Nullable RunningScope parent() {
		ScopeExtras extras = this.extras;
		StackedEntry inParent = (extras != null) ? extras.inParent : null;
		return (inParent != null) ? inParent.scope : null;
	}

	@Override
	public final State state() {
		return switch (this.phase) {
			case ENTERING -> State.ENTERING;
			case RUNNING -> State.RUNNING;
			case UNWINDING -> State.RELEASING;
			default -> State.CLOSED;
		};
	}

	@Override
	public final boolean isWaiting() {
		List<Entry> pending = pending();
		return !pending.isEmpty() && pending.stream().noneMatch((entry) -> entry.isMasked(entry.acquisition()));
	}

	/** What is being acquired, here and in the parts of what is. */
	private List<Entry> pending() {
		List<Entry> pending = openEntries();
		pending.removeIf((entry) -> entry.state != PENDING);
		partsUnderWay().forEach((part) -> pending.addAll(part.pending()));
		return pending;
	}

	/** This one, or the one that it is a part of. */
	final RunningScope seen() {
		RunningScope scope = this;
		for (RunningScope around = parent(); !scope.isSeen() && around != null; around = scope.parent()) {
			scope = around;
		}
		return scope;
	}

	final List<RunningScope> partsUnderWay() {
		ScopeExtras extras = this.extras;
		if (extras == null || extras.stack.top() == null) {
			return List.of();
		}
		return extras.stack.snapshot()
			.stream()
			.filter((entry) -> entry.state == CHILD)
			.map((entry) -> (RunningScope) entry.value())
			.filter((child) -> !child.isSeen())
			.toList();
	}

	@Override
	public final Duration age() {
		return this.scopes.timed ? Duration.ofNanos(Math.max(0, this.scopes.clock.nanos() - this.since))
				: Duration.ZERO;
	}

	@Override
	public final @Nullable Duration leakThreshold() {
		if (this.spec.leakThreshold != null) {
			return this.spec.leakThreshold;
		}
		Duration shortest = null;
		for (Entry entry : openEntries()) {
			Duration one = RawResource.answer(entry.resource(), AsyncResource::leakThreshold);
			if (one != null && (shortest == null || one.compareTo(shortest) < 0)) {
				shortest = one;
			}
		}
		return shortest;
	}

	@Override
	public final @Nullable Duration longestAge() {
		ScopeExtras extras = this.extras;
		ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
		return (deadline != null && this.scopes.timed) ? deadline.longestAge(this.since) : null;
	}

	@Override
	public final ScopeDeadline deadline() {
		return extras().deadlineOf(this);
	}

	@Override
	public final Optional<Duration> remaining() {
		long left = nanosLeft();
		return (left == Long.MAX_VALUE) ? Optional.empty() : Optional.of(Duration.ofNanos(Math.max(0, left)));
	}

	@Override
	public final List<String> resources() {
		return openEntries().stream()
			.filter((entry) -> !(entry.resource instanceof Resources.Handler))
			.map((entry) -> RawResource.name(entry.resource()))
			.toList();
	}

	@Override
	public final Map<String, String> keys() {
		Map<String, String> keys = new LinkedHashMap<>();
		for (Entry entry : openEntries()) {
			String key = RawResource.answer(entry.resource(), RunningScope::key);
			if (key != null) {
				keys.put(RawResource.name(entry.resource()), key);
			}
		}
		return keys;
	}

	private static @Nullable String key(AsyncResource<?> resource) {
		Object key = resource.key();
		return (key != null) ? key.toString() : null;
	}

	@Override
	@SuppressWarnings("unchecked")
	public final <T> @Nullable T find(AsyncResource<T> resource) {
		Object identity = resource.identity();
		Entry holder = holder(identity);
		Object held = (holder != null) ? holder.find(identity) : null;
		return (held != null) ? (T) RawResource.view(resource, held) : null;
	}

	@Override
	public final <T> Mono<T> enter(AsyncResource<T> resource) {
		Objects.requireNonNull(resource, "resource");
		return Mono.create((sink) -> new EnteredEntry<>(this, resource, sink).begin());
	}

	@Override
	public final void onExit(Function<? super Exit, ? extends Mono<Void>> callback) {
		Objects.requireNonNull(callback, "callback");
		push((exit) -> Resources.unchanged(callback.apply(exit)));
	}

	@Override
	public final void push(Function<? super Exit, ? extends Mono<Exit>> handler) {
		own(new Resources.Handler(handler), this);
	}

	/**
	 * Puts on the stack what is there already. A scope that is releasing releases it
	 * next, one that has ended at once.
	 */
	final void own(AsyncResource<?> resource, Object value) {
		StackedEntry entry = new StackedEntry(this, resource);
		entry.value = value;
		entry.recorded = true;
		entry.set(ARRIVED);
		extras().stack.pushNext(entry);
		if (this.phase < UNWINDING) {
			holds(entry);
		}
		else if (this.phase < SETTLED) {
			drive();
		}
		else {
			extras().stack.remove(entry);
			releaseLeft(entry);
		}
	}

	/** It was pushed as the scope settled: by whoever is first. */
	private void releaseLeft(StackedEntry entry) {
		Object value = entry.held();
		if (value != null && entry.move(ARRIVED, GONE)) {
			releaseLate(entry, value);
		}
	}

	/** What was pushed after the last look at the stack. */
	final void releaseLeft() {
		ScopeExtras extras = this.extras;
		if (extras != null && extras.stack.top() != null) {
			extras.stack.snapshot().forEach(this::releaseLeft);
		}
	}

	@Override
	public final void readAhead() {
		for (RunningScope scope = this; scope != null; scope = scope.parent()) {
			scope.askAhead();
		}
	}

	/** Asks the body for more than its subscriber did, if it brings many values. */
	void askAhead() {
	}

	@Override
	public final Scope child(String name) {
		OpenScope child = new OpenScope(this.scopes, ScopeSpec.of(name));
		child.open(this);
		if (this.phase >= UNWINDING) {
			child.close();
			throw new ScopeClosedException(name(),
					"Scope '" + name() + "' is ending: open '" + name + "' before its body ends.");
		}
		return child;
	}

	@Override
	public final Scope transfer() {
		OpenScope owner = new OpenScope(this.scopes, ScopeSpec.of(this.spec.name));
		// A shutdown lets it in where it lets this one open another.
		owner.open(parent());
		owner.detach();
		List<Entry> leaving = owner.isEnding() ? List.of() : leaving();
		if (leaving.isEmpty() && (this.phase >= UNWINDING || owner.isEnding())) {
			owner.close();
			throw new ScopeClosedException(name(), "Scope '" + name() + "' is ending: transfer before its body ends.");
		}
		leaving.forEach(owner::keep);
		return owner;
	}

	/**
	 * Lets go of all that is held, or of nothing once the unwinding has begun: its driver
	 * looks at the stack, under the same lock, before it releases what is there.
	 */
	private List<Entry> leaving() {
		EntryStack stack = extras().stack;
		List<Entry> leaving = new ArrayList<>();
		synchronized (stack) {
			if (this.phase < UNWINDING) {
				for (Entry entry : openEntries()) {
					if (!(entry.resource instanceof TaskResource) && entry.move(ARRIVED, GONE)) {
						leaving.add(entry);
					}
				}
			}
		}
		return leaving;
	}

	@Override
	public final <R> R call(Callable<R> code) throws Exception {
		Objects.requireNonNull(code, "code");
		this.shared = true;
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place before = current.bind(this);
		try (ContextCarrier.Restored observing = observing()) {
			return code.call();
		}
		finally {
			current.bind(before);
		}
	}

	@Override
	public final <T> Mono<Void> release(AsyncResource<T> resource, T value) {
		Objects.requireNonNull(resource, "resource");
		for (Entry entry : openEntries()) {
			Object held = (RawResource.identity(entry.resource()) == resource.identity()) ? entry.held() : null;
			if (held == null || RawResource.view(entry.resource(), held) != value) {
				continue;
			}
			if (entry.move(JOINED, GONE)) {
				return Mono.empty();
			}
			Holding early = Holding.part(this, Holding.Holder.NOBODY);
			if (early.begin(this, entry)) {
				return early.close();
			}
			early.close();
			if (isEnding()) {
				return Mono.error(new ScopeClosedException(name(),
						"Scope '" + name() + "' is ending and releases '" + resource.name() + "' by itself."));
			}
		}
		return Mono.error(new IllegalStateException("Scope '" + name() + "' does not hold this value of '"
				+ resource.name() + "', which it has given back already or never entered itself: "
				+ "release what this very scope entered, once."));
	}

	@Override
	public final <T> AsyncResource<T> memoize(AsyncResource<T> resource) {
		return SharedResource.memoized(resource, this);
	}

	/** Moves what an entry of another scope holds onto the stack of this one. */
	final boolean takeOver(Entry from) {
		if (!from.move(ARRIVED, GONE)) {
			return false;
		}
		keep(from);
		return true;
	}

	/** Puts on the stack of this scope what another one has let go of. */
	final void keep(Entry from) {
		from.recordAcquired(ScopeRecorder.Outcome.SUCCESS);
		from.scope().holdsNoMore(from);
		// Not read before: it may have arrived just now.
		own(from.resource(), from.value());
	}

	/** Whether this scope or one around it has interrupted its body on a thread. */
	boolean hasInterrupted(Thread thread) {
		StartedTask<?> task = task();
		RunningScope parent = parent();
		return (task != null && task.hasInterrupted(thread)) || (parent != null && parent.hasInterrupted(thread));
	}

	/** The release of what an entry holds, for the entry to subscribe to. */
	Mono<Exit> exit(AsyncResource<?> resource, Object value, Exit exit) {
		return RawResource.exit(resource, value, exit);
	}

	/** An entry has arrived while the body runs. */
	void holds(Entry entry) {
		OpenRecord record = record();
		if (record != null) {
			record.add(entry);
		}
	}

	/** An entry left before the end of the scope. */
	final void holdsNoMore(Entry entry) {
		OpenRecord record = record();
		if (record != null) {
			record.remove(entry);
		}
	}

	@Override
	public final TaskGroup tasks() {
		return tasks(TaskPolicy.failTogether());
	}

	/** The tasks of this scope; the policy is that of the first who asks. */
	ScopeTasks tasks(TaskPolicy policy) {
		ScopeExtras extras = extras();
		ScopeTasks tasks = extras.tasks;
		if (tasks == null) {
			synchronized (this) {
				tasks = extras.tasks;
				if (tasks == null) {
					tasks = new ScopeTasks(this, policy);
					extras.tasks = tasks;
				}
			}
		}
		return tasks;
	}

	@Override
	public final Mono<Void> close() {
		Mono<Void> settled = settled();
		if (isByHand() && tasksOrNull() != null) {
			ended(Exit.completed());
			return settled;
		}
		interrupt(isByHand() ? Exit.completed() : Exit.cancelled("closed by hand"));
		return settled;
	}

	@Override
	public final Mono<Void> cancel(String reason) {
		Mono<Void> settled = settled();
		interrupt(Exit.cancelled(reason));
		return settled;
	}

	/** The same end for everybody who asks. */
	final Mono<Void> settled() {
		Sinks.Empty<Void> settled;
		ScopeExtras extras = extras();
		synchronized (this) {
			settled = extras.settled;
			if (settled == null) {
				settled = Sinks.empty();
				extras.settled = settled;
			}
		}
		if (this.phase == SETTLED) {
			settled.tryEmitEmpty();
		}
		return settled.asMono()
			.then(Mono.defer(() -> (isByHand() && told() instanceof Exit.Failed failed) ? Mono.error(failed.error())
					: Mono.empty()));
	}

	final boolean hasListener() {
		ScopeExtras extras = this.extras;
		synchronized (this) {
			return extras != null && extras.settled != null;
		}
	}

	/** The {@link AsyncScopes} are closing: what nobody needs is to end. */
	void scopesAreClosing() {
	}

	/** What the caller hears of a cancel, and of what failed after it. */
	final RuntimeException cancelled(Exit.Cancelled exit) {
		ScopeClosedException cancelled = new ScopeClosedException(name(),
				"Scope '" + name() + "' was cancelled: " + exit.reason() + ".");
		// One opened by hand has no caller that hears of a cancel.
		return isByHand() ? cancelled : Unheard.addTo(cancelled, this);
	}

	@Override
	public final String toString() {
		return "scope '" + name() + "' (" + state() + ", " + resources() + ")";
	}

}
