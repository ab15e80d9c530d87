package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A scope's place among its caller and other scopes: what it inherits, whom it contains,
 * what reaches it from outside.
 */
abstract class NestedScope extends ScopeMachine {

	NestedScope(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	/** The scope around this one. */
	abstract @Nullable RunningScope parent();

	/** The context of the caller. */
	abstract Context callerContext();

	/** Whether it has no body and is closed by hand. */
	boolean isByHand() {
		return false;
	}

	final void start(@Nullable RunningScope parent) {
		try {
			begin(parent);
		}
		catch (Throwable ex) {
			brokenEntering(ex);
		}
		if (FlatStep.isDueAt(this.depth) && !isByHand() && home() == null) {
			yieldBeforeRun();
			FlatStep.take(scope());
			return;
		}
		try (ContextCarrier.Restored observing = observing()) {
			run();
		}
	}

	private void begin(@Nullable RunningScope parent) {
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
		if (scopes.observer != ScopeObserver.NONE) {
			observe((parent != null) ? parent.observed() : null);
		}
		if (scopes.shutdown.refuses(parent)) {
			decide(Exit.failed(scopes.shutdown.refusal(this.spec.name)));
		}
		else if (scopes.tracked) {
			this.shared = true;
			this.trace = new Trace(Thread.currentThread().getName(),
					scopes.callSites.samples(this.spec.name) ? new CallSite(this.spec.name) : null);
			becomeKnown(parent);
		}
		if (parent != null) {
			parent.adopt(this);
		}
		endIfCancelledUnbegun();
		if (this.spec.limits != ScopeLimits.NONE || parent != null) {
			startLimits(this.spec.limits);
		}
		if (parent != null && this.spec.cancels != ScopeSpec.Cancels.HELD_BACK && parent.isCancelled()) {
			decide(Exit.cancelled("the scope around it, '" + parent.name() + "', is cancelled"));
		}
	}

	private void observe(ScopeObserver.@Nullable Observed around) {
		ScopeObserver.Observed observed = this.scopes.observer.begin(this.spec.name, callerContext(), around);
		if (observed != null) {
			extras().observed = observed;
		}
	}

	private void startLimits(ScopeLimits limits) {
		Instant moment = limits.at();
		long at = (moment != null) ? scope().deadline().nanosAt(moment) : ScopeDeadline.NEVER;
		// Read first: of one moment in both, the deadline around this scope has passed
		// too.
		Duration own = (moment != null) ? scope().deadline().limitUntil(at) : limits.whole();
		if (nanosLeft() <= 0 && isTooLate()) {
			decide(Exit.failed(new DeadlineExceededException(this.spec.name, Duration.ZERO)));
		}
		else if (own != null && ScopeClock.toNanos(own) <= 0) {
			scope().deadline().expireUnbegun(own);
		}
		else {
			try {
				startTimers(limits, at);
			}
			catch (Throwable ex) {
				// A clock that was shut down, unless the scope has been ended meanwhile.
				decide(Exit.failed(ex));
			}
		}
	}

	/**
	 * A deadline around this scope has passed and its timer was slower: it is the outer
	 * scope that expires, not the one that this refuses. It may be moved meanwhile.
	 */
	private boolean isTooLate() {
		while (nanosLeft() <= 0) {
			for (RunningScope scope = parent(); scope != null; scope = scope.parent()) {
				ScopeExtras extras = scope.extras;
				ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
				if (deadline != null && deadline.left() <= 0 && deadline.look()) {
					return true;
				}
			}
		}
		return false;
	}

	private void startTimers(ScopeLimits limits, long at) {
		if (limits.at() != null) {
			scope().deadline().reschedule(limits.at(), at);
		}
		else if (limits.whole() != null) {
			scope().deadline().reschedule(limits.whole());
		}
		if (limits.acquire() != null) {
			scope().deadline().begin(Scope.State.ENTERING, limits.acquire());
		}
	}

	/** Why its subscriber cancels it, if the scope around knows. */
	final Exit cancelledBecause() {
		RunningScope around = parent();
		if (around != null && around.hasPassedLimit()) {
			return cancelledByLimitOf(around);
		}
		return (around != null && around.end instanceof Exit.Cancelled cancelled) ? cancelled
				: ScopeExtras.BY_SUBSCRIBER;
	}

	static Exit cancelledByLimitOf(RunningScope around) {
		return Exit.cancelled("the limit of the scope around it, '" + around.name() + "', has passed");
	}

	/** A cancel by the caller or by the scope around: taken, or held back by a shield. */
	final void cancelFromOutside(Exit exit) {
		if (this.spec.cancels != ScopeSpec.Cancels.HELD_BACK) {
			// As few calls as can be: scopes inside each other cancel each other.
			if (decide(exit)) {
				stop();
			}
			return;
		}
		ScopeExtras extras = extras();
		extras.heldBack = exit;
		for (StackedEntry entry : extras.stack.snapshot()) {
			if (entry.state == CHILD && entry.value() instanceof NestedScope child) {
				child.takeHeldBack(exit);
			}
		}
	}

	/** Whether a shield keeps a cancel from its body. */
	final boolean isHeldBack() {
		ScopeExtras extras = this.extras;
		return extras != null && extras.heldBack != null;
	}

	/**
	 * A shield keeps a cancel from what has begun. Cancelled before that, it must not
	 * begin: a scope around it may have released already, and does not wait for it.
	 */
	private void endIfCancelledUnbegun() {
		ScopeExtras extras = this.extras;
		Exit cancel = (extras != null) ? extras.heldBack : null;
		if (cancel != null) {
			decide(cancel);
		}
	}

	/** Whether it is to end: now, or once its shield lets it. */
	final boolean isToEnd() {
		return this.end != null || isHeldBack();
	}

	/**
	 * Whether it ends by a limit of its own, however long that is, or waits for a scope
	 * inside that does.
	 */
	boolean isBounded() {
		ScopeExtras extras = this.extras;
		if (this.end == null) {
			ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
			Duration now = (this.phase == ENTERING) ? this.spec.limits.acquire() : this.spec.limits.body();
			return now != null || (deadline != null && deadline.isSet());
		}
		Deque<ScopeExtras> ending = new ArrayDeque<>();
		while (extras != null) {
			for (StackedEntry entry : extras.stack.snapshot()) {
				if (entry.state == CHILD && entry.value() instanceof NestedScope child && child.isToEnd()) {
					if (child.end == null && child.isBounded()) {
						return true;
					}
					ending.add(child.extras());
				}
			}
			extras = ending.poll();
		}
		return false;
	}

	private void takeHeldBack(Exit exit) {
		if (this.spec.cancels == ScopeSpec.Cancels.TAKEN_WITHIN_SHIELD) {
			interrupt(exit);
		}
	}

	final void adopt(NestedScope child) {
		if (this.trace != null) {
			// For the child's, which refers to it.
			this.trace.record(scope());
		}
		child.depth = (short) Math.min(this.depth + 1, Short.MAX_VALUE - 1);
		StackedEntry entry = new StackedEntry(scope(), null);
		entry.value = child.scope();
		entry.set(CHILD);
		child.extras().inParent = entry;
		boolean pushed = pushUnlessEnding(entry);
		if (!pushed && child.spec.cancels == ScopeSpec.Cancels.HELD_BACK && isCancelled()) {
			// Nobody waits for it, and what it needs is being released.
			child.decide(Exit.cancelled("the scope around it, '" + this.spec.name + "', ended"));
		}
		// After the push, so that a cancel that comes now finds the child, or is found
		// here.
		Exit heldBack = extras().heldBack;
		if (heldBack != null) {
			child.takeHeldBack(heldBack);
		}
		adopted();
	}

	/**
	 * Takes it off the stack of the scope that it was begun in. What holds it from now on
	 * ends it, so it may move to another scope, and keeps none alive.
	 */
	final void detach() {
		ScopeExtras extras = extras();
		StackedEntry inParent = extras.inParent;
		if (inParent != null) {
			extras.inParent = null;
			inParent.scope.extras().stack.remove(inParent);
		}
	}

	/** Whether it is what a release opens its scopes in. */
	boolean isInRelease() {
		return false;
	}

	/** A scope was begun inside. */
	void adopted() {
	}

	/**
	 * Whether it is cancelled, or one around it is, as far as they reach what begins
	 * here. A task that fails cancels the body that has started it, too.
	 */
	final boolean isCancelled() {
		for (RunningScope scope = scope(); scope != null; scope = scope.parent()) {
			Exit end = scope.end;
			if (end instanceof Exit.Cancelled || (end != null && scope.hasPassedLimit())
					|| (end instanceof Exit.Failed && scope.phase == RUNNING && !scope.bodyOver)) {
				return true;
			}
			if (scope.spec.cancels == ScopeSpec.Cancels.HELD_BACK) {
				return false;
			}
		}
		return false;
	}

	/** The value or the scope, whichever the body asked for. */
	final Object bodyArgument() {
		return this.spec.ofOneResource ? RawResource.view(resource(), value()) : scope();
	}

	// Context.

	/** What the body sees. */
	final Context context() {
		ScopeExtras extras = extras();
		Context context = extras.context;
		if (context == null) {
			context = CallerHooks.hiddenFromBody(callerContext());
			RunningScope parent = parent();
			if (parent != null && !context.hasKey(Scope.class)) {
				// Found on the thread or named by hand: what it holds brought something
				// that the caller's context can't know.
				context = parent.context().putAll(context.readOnly());
			}
			if (extras.carried != null) {
				context = writeCarried(extras.carried, context);
			}
			if (extras.observed != null) {
				context = extras.observed.write(context);
			}
			context = extras.see(context.put(Scope.class, scope()));
		}
		return context;
	}

	/** Without it nothing begins, but what is held is released. */
	private Context writeCarried(Object carried, Context context) {
		try {
			return this.scopes.carrier.write(carried, context);
		}
		catch (Throwable ex) {
			if (this.end == null) {
				throw ex;
			}
			undelivered(ex);
			return context;
		}
	}

	/** Once held, a resource may bring something into the context of what follows. */
	final void bringContext(Entry entry) {
		Object value = (entry.resource instanceof DirectResource) ? null : entry.held();
		Function<Context, Context> brought = (value != null) ? RawResource.context(entry.resource(), value) : null;
		if (brought != null) {
			context();
			extras().see(brought);
		}
	}

	/** The innermost entry that holds a resource: here, around, or in the application. */
	final @Nullable Entry holder(Object identity) {
		for (RunningScope scope = scope(); scope != null; scope = scope.parent()) {
			Entry found = scope.ownHolder(identity);
			if (found != null) {
				return found;
			}
		}
		return this.scopes.heldByApplication(identity);
	}

	final @Nullable Entry ownHolder(Object identity) {
		ScopeExtras extras = this.extras;
		StackedEntry above = (extras != null) ? extras.stack.holder(identity) : null;
		return (above != null) ? above : holds(identity) ? this : null;
	}

	/** What this one holds of a resource, null if nothing. */
	final @Nullable Object findOwn(Object identity) {
		Entry holder = ownHolder(identity);
		return (holder != null) ? holder.find(identity) : null;
	}

	final long nanosLeft() {
		long earliest = Long.MAX_VALUE;
		for (RunningScope scope = scope(); scope != null; scope = scope.parent()) {
			ScopeExtras extras = scope.extras;
			ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
			if (deadline != null) {
				earliest = Math.min(earliest, deadline.left());
			}
			if (scope.spec.cancels == ScopeSpec.Cancels.HELD_BACK) {
				break;
			}
		}
		return earliest;
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

	/**
	 * Gives back what arrived after its scope stopped waiting, or on top of what was
	 * asked for.
	 */
	final void releaseLate(Entry entry, Object value) {
		Exit end = this.end;
		Exit exit = (end != null) ? end : Exit.cancelled("not needed");
		if (!(entry.resource instanceof Resources.Handler) && !entry.isHandedOver()) {
			this.scopes.watcher.late(scope(), RawResource.name(entry.resource()));
		}
		AsyncResource<?> resource = entry.resource();
		releaseCarried(() -> {
			try {
				new Release(scope(), null).begin(() -> RawResource.exit(resource, value, exit), "release");
			}
			catch (Throwable ex) {
				undelivered(ex);
			}
		});
	}

	/**
	 * Runs what belongs to this scope outside its driver, with the thread locals of the
	 * call.
	 * @param instead is given the error if they can't be put on the thread
	 */
	final void carried(Runnable action, Consumer<? super Throwable> instead) {
		ScopeExtras extras = this.extras;
		ContextCarrier.Restored restored;
		try {
			restored = (extras != null) ? extras.restore(this.scopes.carrier) : null;
		}
		catch (Throwable ex) {
			instead.accept(ex);
			return;
		}
		try {
			action.run();
		}
		finally {
			Guarded.close(restored);
		}
	}

	/** The same for a release, which is never left out. */
	final void releaseCarried(Runnable release) {
		carried(release, (error) -> {
			undelivered(error);
			release.run();
		});
	}

	/**
	 * An error that is not the end of this scope: for the caller that hears of this scope
	 * or one around it, as suppressed, else for those who hear what no caller does.
	 */
	final void undelivered(Throwable error) {
		if (!Unheard.isTaken(scope(), this, error)) {
			report(error);
		}
	}

	/** It was the end of this scope. */
	final void heard(Throwable error, boolean byCaller) {
		if (!byCaller) {
			undelivered(error);
		}
		else if (parent() == null) {
			Errors.heard(error);
		}
	}

	/** An error that no caller hears. */
	final void report(Throwable error) {
		Guarded.warn(() -> "Scope '" + this.spec.name + "' met an error that no caller is left to hear", error);
		this.scopes.recorder.undelivered(this.spec.name, error);
	}

}
