package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

/**
 * What users see of a {@link ScopeMachine}, and its place among other scopes.
 */
abstract class RunningScope extends ScopeMachine implements Scope {

	RunningScope(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	@Override
	final RunningScope scope() {
		return this;
	}

	/** The context of the caller. */
	abstract Context callerContext();

	/** Whether it has no body and is closed by hand. */
	boolean isByHand() {
		return false;
	}

	// The beginning.

	final void start(@Nullable RunningScope parent) {
		DefaultAsyncScopes scopes = this.scopes;
		if (scopes.timed) {
			this.since = scopes.clock.nanos();
		}
		if (scopes.carrier != ContextCarrier.NONE) {
			Object carried = scopes.carrier.capture();
			if (carried != null) {
				extras().carried = carried;
			}
		}
		if (scopes.isClosed()) {
			decide(Exit.failed(scopes.refusal(this.spec.name)));
		}
		else if (scopes.tracked) {
			this.shared = true;
			scopes.open.add(this);
		}
		if (parent != null) {
			this.depth = (short) Math.min(parent.depth + 1, Short.MAX_VALUE - 1);
			parent.adopt(this);
		}
		if (this.spec.timeout != null || parent != null) {
			startLimit(this.spec.timeout);
		}
		if (FlatStep.isDueAt(this.depth) && !isByHand()) {
			yieldBeforeRun();
			FlatStep.take(this);
			return;
		}
		run();
	}

	private void startLimit(@Nullable Duration timeout) {
		if (nanosLeft() <= 0) {
			decide(Exit.failed(new DeadlineExceededException(this.spec.name, Duration.ZERO, "not even begun")));
		}
		else if (timeout != null) {
			long nanos = ScopeClock.nanos(timeout);
			if (nanos <= 0) {
				decide(Exit.failed(new DeadlineExceededException(this.spec.name, timeout, "not even begun")));
				return;
			}
			ScopeExtras extras = extras();
			extras.deadline = this.scopes.clock.nanos() + nanos;
			extras.deadlineTimer = this.scopes.clock.scheduleNanos(() -> expire(timeout), nanos);
		}
	}

	private void expire(Duration timeout) {
		String doing = (this.phase == ENTERING) ? "acquiring " + resources() : "running its body";
		interrupt(Exit.failed(new DeadlineExceededException(this.spec.name, timeout, doing)));
	}

	/** A cancel by the caller or by the scope around: taken, or held back by a shield. */
	final void cancelFromOutside(Exit exit) {
		if (this.spec.cancels != ScopeSpec.Cancels.HELD_BACK) {
			interrupt(exit);
			return;
		}
		ScopeExtras extras = extras();
		extras.heldBack = exit;
		for (StackedEntry entry : extras.stack.snapshot()) {
			if (entry.state == CHILD && entry.value() instanceof RunningScope child) {
				child.takeHeldBack(exit);
			}
		}
	}

	/** Whether a shield keeps a cancel from its body. */
	final boolean isHeldBack() {
		ScopeExtras extras = this.extras;
		return extras != null && extras.heldBack != null;
	}

	/** Whether it ends by a limit of its own, however long that is. */
	final boolean isBounded() {
		return this.end == null && this.spec.timeout != null;
	}

	private void takeHeldBack(Exit exit) {
		if (this.spec.cancels == ScopeSpec.Cancels.TAKEN_WITHIN_SHIELD) {
			interrupt(exit);
		}
	}

	private void adopt(RunningScope child) {
		StackedEntry entry = new StackedEntry(this, null);
		entry.value = child;
		entry.set(CHILD);
		child.extras().inParent = entry;
		pushUnlessEnding(entry);
		// After the push, so that a cancel that comes now finds the child, or is found
		// here.
		Exit heldBack = extras().heldBack;
		if (heldBack != null) {
			child.takeHeldBack(heldBack);
		}
	}

	/** The value or the scope, whichever the body asked for. */
	final Object bodyArgument() {
		return this.spec.ofOneResource ? RawResource.view(resource(), value()) : this;
	}

	// Context.

	/** What acquisition, body and release see. */
	final Context context() {
		ScopeExtras extras = extras();
		Context context = extras.context;
		if (context == null) {
			context = callerContext();
			if (extras.carried != null) {
				context = this.scopes.carrier.write(extras.carried, context);
			}
			context = context.put(Scope.class, this);
			extras.context = context;
		}
		return context;
	}

	/** The innermost entry that holds a resource, here or around. */
	final @Nullable Entry holder(Object identity) {
		for (RunningScope scope = this; scope != null; scope = scope.parent()) {
			Entry found = scope.ownHolder(identity);
			if (found != null) {
				return found;
			}
		}
		return null;
	}

	private @Nullable Entry ownHolder(Object identity) {
		ScopeExtras extras = this.extras;
		StackedEntry above = (extras != null) ? extras.stack.holder(identity) : null;
		return (above != null) ? above : holds(identity) ? this : null;
	}

	/** What is being acquired, held or released, in order of entry. */
	private List<Entry> openEntries() {
		List<Entry> entries = new ArrayList<>();
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
		return openEntries().stream().anyMatch((entry) -> entry.resource().identity() == identity);
	}

	// What users see.

	@Override
	public final String name() {
		return this.spec.name;
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
	public final Duration age() {
		return this.scopes.timed ? Duration.ofNanos(Math.max(0, this.scopes.clock.nanos() - this.since))
				: Duration.ZERO;
	}

	@Override
	public final Optional<Duration> remaining() {
		long left = nanosLeft();
		return (left == Long.MAX_VALUE) ? Optional.empty() : Optional.of(Duration.ofNanos(Math.max(0, left)));
	}

	private long nanosLeft() {
		long earliest = Long.MAX_VALUE;
		for (RunningScope scope = this; scope != null; scope = scope.parent()) {
			ScopeExtras extras = scope.extras;
			if (extras != null && extras.deadline != Long.MAX_VALUE) {
				earliest = Math.min(earliest, extras.deadline - scope.scopes.clock.nanos());
			}
			if (scope.spec.cancels == ScopeSpec.Cancels.HELD_BACK) {
				break;
			}
		}
		return earliest;
	}

	@Override
	public final List<String> resources() {
		return openEntries().stream()
			.filter((entry) -> !(entry.resource instanceof Resources.Handler))
			.map((entry) -> entry.resource().name())
			.toList();
	}

	@Override
	@SuppressWarnings("unchecked")
	public final <T> @Nullable T find(AsyncResource<T> resource) {
		Entry holder = holder(resource.identity());
		return (holder != null) ? (T) RawResource.view(resource, holder.value()) : null;
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
		StackedEntry entry = new StackedEntry(this, new Resources.Handler(handler));
		entry.value = this;
		entry.recorded = true;
		entry.set(ARRIVED);
		if (!pushUnlessEnding(entry)) {
			releaseLate(entry, this);
		}
	}

	/**
	 * The push becomes visible before the look at the phase, whose change is before the
	 * driver's look at the stack.
	 */
	final boolean pushUnlessEnding(StackedEntry entry) {
		int state = entry.state;
		extras().stack.push(entry);
		if (this.phase < UNWINDING) {
			return true;
		}
		extras().stack.remove(entry);
		// The driver may have taken it already, then it is as good as pushed in time.
		return !entry.move(state, GONE);
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
		owner.open(parent());
		if (this.phase >= UNWINDING) {
			owner.close();
			throw new ScopeClosedException(name(), "Scope '" + name() + "' is ending: transfer before its body ends.");
		}
		openEntries().forEach(owner::takeOver);
		return owner;
	}

	/** Moves what an entry of another scope holds onto the stack of this one. */
	final void takeOver(Entry from) {
		Object value = from.value;
		if (from.move(ARRIVED, GONE)) {
			StackedEntry entry = new StackedEntry(this, from.resource);
			entry.value = value;
			entry.recorded = from.recorded;
			entry.set(ARRIVED);
			if (!pushUnlessEnding(entry)) {
				releaseLate(entry, entry.value());
			}
		}
	}

	@Override
	public final Mono<Void> close() {
		Mono<Void> settled = settled();
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
			.then(Mono.defer(() -> (isByHand() && end() instanceof Exit.Failed failed) ? Mono.error(failed.error())
					: Mono.empty()));
	}

	final boolean hasListener() {
		ScopeExtras extras = this.extras;
		synchronized (this) {
			return extras != null && extras.settled != null;
		}
	}

	// What nobody waits for.

	/**
	 * Gives back what arrived after its scope stopped waiting, or on top of what was
	 * asked for.
	 */
	final void releaseLate(Entry entry, Object value) {
		Exit end = this.end;
		Exit exit = (end != null) ? end : Exit.cancelled("not needed");
		AsyncResource<?> resource = entry.resource();
		carried(() -> {
			try {
				Mono.fromDirect(RawResource.exit(resource, value, exit)).subscribe(new Release(this, null));
			}
			catch (Throwable ex) {
				undelivered(ex);
			}
		});
	}

	/**
	 * Runs what belongs to this scope outside its driver, with the thread locals of the
	 * call.
	 */
	final void carried(Runnable action) {
		ScopeExtras extras = this.extras;
		Object carried = (extras != null) ? extras.carried : null;
		if (carried == null) {
			action.run();
			return;
		}
		try (ContextCarrier.Restored restored = this.scopes.carrier.restore(carried)) {
			action.run();
		}
	}

	final void undelivered(Throwable error) {
		logger.warn("Scope '{}' met an error that no caller is left to hear", this.spec.name, error);
		this.scopes.recorder.undelivered(this.spec.name, error);
	}

	final RuntimeException cancelled(Exit.Cancelled exit) {
		return new ScopeClosedException(name(), "Scope '" + name() + "' was cancelled: " + exit.reason() + ".");
	}

	@Override
	public final String toString() {
		return "scope '" + name() + "' (" + state() + ", " + resources() + ")";
	}

}
