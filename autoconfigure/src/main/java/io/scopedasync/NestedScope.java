package io.scopedasync;

import java.time.Duration;
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
		if (scopes.isClosed()) {
			decide(Exit.failed(scopes.refusal(this.spec.name)));
		}
		else if (scopes.tracked) {
			this.shared = true;
			this.trace = new Trace(Thread.currentThread().getName(),
					scopes.callSites.samples(this.spec.name) ? new CallSite(this.spec.name) : null);
			becomeKnown();
		}
		if (parent != null) {
			parent.adopt(this);
		}
		if (this.spec.timeout != null || parent != null) {
			startLimit(this.spec.timeout);
		}
		if (FlatStep.isDueAt(this.depth) && !isByHand()) {
			yieldBeforeRun();
			FlatStep.take(scope());
			return;
		}
		try (ContextCarrier.Restored observing = observing()) {
			run();
		}
	}

	private void observe(ScopeObserver.@Nullable Observed around) {
		ScopeObserver.Observed observed = this.scopes.observer.begin(this.spec.name, callerContext(), around);
		if (observed != null) {
			extras().observed = observed;
		}
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
		String doing = (this.phase == ENTERING) ? "acquiring " + scope().resources() : "running its body";
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

	/** Whether it ends by a limit of its own, however long that is. */
	final boolean isBounded() {
		return this.end == null && this.spec.timeout != null;
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
		return this.spec.ofOneResource ? RawResource.view(resource(), value()) : scope();
	}

	// Context.

	/** What acquisition, body and release see. */
	final Context context() {
		ScopeExtras extras = extras();
		Context context = extras.context;
		if (context == null) {
			context = callerContext();
			RunningScope parent = parent();
			if (parent != null && !context.hasKey(Scope.class)) {
				// Found on the thread or named by hand: what it holds brought something
				// that the caller's context can't know.
				context = parent.context().putAll(context.readOnly());
			}
			if (extras.carried != null) {
				context = this.scopes.carrier.write(extras.carried, context);
			}
			if (extras.observed != null) {
				context = extras.observed.write(context);
			}
			context = extras.see(context.put(Scope.class, scope()));
		}
		return context;
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

	/** The innermost entry that holds a resource, here or around. */
	final @Nullable Entry holder(Object identity) {
		for (RunningScope scope = scope(); scope != null; scope = scope.parent()) {
			Entry found = scope.ownHolder(identity);
			if (found != null) {
				return found;
			}
		}
		return null;
	}

	final @Nullable Entry ownHolder(Object identity) {
		ScopeExtras extras = this.extras;
		StackedEntry above = (extras != null) ? extras.stack.holder(identity) : null;
		return (above != null) ? above : holds(identity) ? this : null;
	}

	final long nanosLeft() {
		long earliest = Long.MAX_VALUE;
		for (RunningScope scope = scope(); scope != null; scope = scope.parent()) {
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
		if (!(entry.resource instanceof Resources.Handler)) {
			this.scopes.watcher.late(scope(), entry.resource().name());
		}
		AsyncResource<?> resource = entry.resource();
		carried(() -> {
			try {
				Mono.fromDirect(RawResource.exit(resource, value, exit)).subscribe(new Release(scope(), null));
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
		if (extras == null) {
			action.run();
			return;
		}
		try (ContextCarrier.Restored restored = extras.restore(this.scopes.carrier)) {
			action.run();
		}
	}

	final void undelivered(Throwable error) {
		logger.warn("Scope '{}' met an error that no caller is left to hear", this.spec.name, error);
		this.scopes.recorder.undelivered(this.spec.name, error);
	}

}
