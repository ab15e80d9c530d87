package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;

import io.scopedasync.ScopeRecorder.Outcome;

/**
 * The one state machine behind all fronts: enters each resource, starts the body,
 * unwinds, tells the caller.
 * <p>
 * It is level-triggered. Events (an arrival, the body's end, a cancel, a limit) only note
 * what happened and call {@link #drive()}; one thread at a time, the driver, looks at
 * what is noted and takes the next step. So no two steps race, user code that answers at
 * once never recurses, and what can race are the notes: {@link #end} is set once, and
 * each entry's state by CAS. On the path where nothing waits the subscribing thread is
 * the driver all along.
 * <p>
 * The scope is itself the entry of its first resource, and so the waiter in that
 * resource's queue.
 */
abstract class ScopeMachine extends ScopeUnwinding {

	private static final VarHandle WIP;

	static {
		try {
			WIP = MethodHandles.lookup().findVarHandle(ScopeMachine.class, "wip", int.class);
		}
		catch (ReflectiveOperationException ex) {
			throw new ExceptionInInitializerError(ex);
		}
	}

	/**
	 * Events not yet looked at. Who raises it from 0 is the driver; it starts with
	 * whoever starts the scope.
	 */
	@SuppressWarnings("unused")
	private volatile int wip;

	/** How many of the spec's resources were begun. */
	private short entered;

	/** Where {@link OpenScopes} keeps this scope, -1 if it does not. */
	short stripe = -1;

	/** Null unless scopes are tracked. */
	@Nullable Trace trace;

	@Nullable ScopeMachine nextOpen;

	@Nullable ScopeMachine previousOpen;

	ScopeMachine(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
		// Nobody else can see it yet: no need for a volatile write.
		WIP.set(this, 1);
	}

	@Override
	final void drive() {
		if ((int) WIP.getAndAdd(this, 1) != 0) {
			wakeDriver();
			return;
		}
		// Who noted the event may be in another scope, or in a release of one.
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place before = current.bind(null);
		try {
			driveWithLocals();
		}
		finally {
			current.bind(before);
		}
	}

	private void driveWithLocals() {
		ScopeExtras extras = this.extras;
		if (extras == null) {
			run();
			return;
		}
		ContextCarrier.Restored restored = restore(extras);
		try {
			run();
		}
		finally {
			Guarded.close(restored);
		}
	}

	/** Without the caller's thread locals the body must not go on, nor begin. */
	private ContextCarrier.@Nullable Restored restore(ScopeExtras extras) {
		try {
			return extras.restore(this.scopes.carrier);
		}
		catch (Throwable ex) {
			Throwable error = Exceptions.unwrap(ex);
			if (!interrupt(Exit.failed(error))) {
				scope().undelivered(error);
			}
			return null;
		}
	}

	/** An event was noted while somebody drives, who may be waiting for one. */
	void wakeDriver() {
	}

	/**
	 * For the driver, about to hand the scope back: a thread with nothing else to do may
	 * wait here while {@link #isUpToDate}.
	 */
	void awaitEvent(int seen) {
	}

	/** Whether there is nothing but the events that the driver has looked at. */
	final boolean isUpToDate(int seen) {
		return (int) WIP.getVolatile(this) == seen;
	}

	/** Whether what is held may be released on this thread. */
	boolean mayUnwindHere() {
		return true;
	}

	/** Whether it is a scope of its own for those who look from outside. */
	boolean isSeen() {
		return true;
	}

	/** Hands the scope back to whoever drives it next. */
	final void yieldBeforeRun() {
		beforeWaiting();
		this.shared = true;
		WIP.setRelease(this, 0);
	}

	/** To be called by the driver only. */
	final void run() {
		int missed = 1;
		do {
			advance();
			if (this.phase == SETTLED) {
				// Never handed back: later events find a driver and do nothing.
				return;
			}
			beforeWaiting();
			if (this.stripe < 0 && isSeen()) {
				this.shared = true;
				becomeKnown(scope().parent());
			}
			Trace trace = this.trace;
			if (trace != null && !trace.loosened && this.phase == RUNNING) {
				loosen(trace);
			}
			awaitEvent(missed);
			missed = (int) WIP.getAndAdd(this, -missed) - missed;
		}
		while (missed != 0);
	}

	/**
	 * To be called by the driver only, once. A shutdown that found it out of sight has
	 * given up waiting for more, so it must end by itself.
	 */
	void becomeKnown(@Nullable RunningScope parent) {
		this.scopes.open.add(this);
		if (this.scopes.shutdown.isTooLate(parent)) {
			interrupt(Exit.failed(this.scopes.shutdown.refusal(this.spec.name)));
		}
	}

	/**
	 * For the driver, about to leave the body alone. Who knows the body keeps the scope;
	 * when nobody does, nobody can end it.
	 */
	private void loosen(Trace trace) {
		trace.loosened = true;
		OpenRecord record = trace.record(scope());
		for (Entry entry : scope().openEntries()) {
			record.add(entry);
		}
		this.scopes.open.loosen(this, record);
	}

	/** Null while it can't be lost, and nothing inside it can. */
	final @Nullable OpenRecord record() {
		Trace trace = this.trace;
		return (trace != null) ? trace.record : null;
	}

	@Override
	final OpenRecord.@Nullable Held noted() {
		Trace trace = this.trace;
		return (trace != null) ? trace.own : null;
	}

	@Override
	final void note(OpenRecord.Held held) {
		Trace trace = this.trace;
		if (trace != null) {
			trace.own = held;
		}
	}

	/** Takes every step for which there is nothing to wait. */
	private void advance() {
		boolean more = this.phase == ENTERING;
		while (more) {
			more = enterNext();
		}
		if (this.phase == RUNNING && isBodyOver() && mayUnwindHere()) {
			beginUnwinding();
			OpenRecord record = record();
			if (record != null) {
				record.keep(scope());
			}
		}
		more = this.phase == UNWINDING;
		while (more) {
			more = releaseNext();
		}
	}

	/** Whether nothing of the body runs any more, the tasks that it started included. */
	private boolean isBodyOver() {
		ScopeTasks tasks = tasksOrNull();
		return (tasks != null) ? tasks.areOver() : this.end != null && this.bodyOver;
	}

	private boolean enterNext() {
		int count = this.entered;
		if (count > 0 && !hasArrived((count == 1) ? this : extras().entering())) {
			return false;
		}
		if (this.end != null) {
			beginUnwinding();
			return false;
		}
		AsyncResource<?>[] resources = this.spec.resources;
		if (count == resources.length) {
			bodyBegins();
			try {
				if (this.spec.limits != ScopeLimits.NONE) {
					scope().deadline().begin(Scope.State.RUNNING, this.spec.limits.body());
				}
				startBody();
			}
			catch (Throwable ex) {
				brokenBody(ex);
			}
			return false;
		}
		Entry entry = this;
		if (count != 0) {
			AsyncResource<?> resource = resources[count];
			try {
				if (resource instanceof FlatMappedResource.Next<?> next) {
					resource = next.after(value());
				}
			}
			catch (Throwable ex) {
				brokenEntering(ex);
				return true;
			}
			StackedEntry stacked = new StackedEntry(scope(), resource);
			extras().entering = stacked;
			extras().stack.push(stacked);
			entry = stacked;
		}
		this.entered = (short) (count + 1);
		entry.acquire();
		return true;
	}

	/** It threw where it must not, when it was subscribed to or cancelled. */
	private void brokenBody(Throwable error) {
		if (!endedAtOnce(Exit.failed(error))) {
			scope().undelivered(error);
		}
	}

	/**
	 * Whether there is nothing to wait for: it arrived or failed, or the scope is to end
	 * anyway.
	 */
	private boolean hasArrived(Entry entry) {
		if (this.end != null) {
			return true;
		}
		int now = entry.state;
		if (now == FAILED) {
			entry.set(GONE);
			Throwable error = (Throwable) entry.value();
			entry.recordAcquired(ScopeExtras.outcomeOf(error));
			if (!decide(Exit.failed(error))) {
				scope().undelivered(error);
			}
		}
		else if (now == ARRIVED) {
			entry.recordAcquired(Outcome.SUCCESS);
			try {
				scope().bringContext(entry);
			}
			catch (Throwable ex) {
				brokenEntering(ex);
			}
		}
		return now != PENDING;
	}

	/** Threw before the body, where no acquisition is under way. */
	final void brokenEntering(Throwable thrown) {
		Throwable error = Exceptions.unwrap(thrown);
		if (!decide(Exit.failed(error))) {
			scope().undelivered(error);
		}
	}

	@Override
	final void settle() {
		// Whoever finds it settled finds it no more among the open ones.
		if (this.stripe >= 0) {
			this.scopes.open.remove(this);
		}
		turn(SETTLED);
		scope().releaseLeft();
		if (told() != end() && end() instanceof Exit.Cancelled quiet) {
			this.end = Unheard.insteadOf(quiet, scope());
		}
		Exit end = end();
		Exit told = told();
		if (told != end && !keepsResult()) {
			forgetResult();
		}
		boolean seen = isSeen();
		if (seen && this.scopes.recorder != ScopeRecorder.NOOP) {
			this.scopes.recorder.closed(this.spec.name, told, this.scopes.clock.nanos() - this.since);
		}
		ScopeExtras extras = this.extras;
		ScopeObserver.Observed observed = seen ? observed() : null;
		try (ContextCarrier.Restored callers = (observed != null) ? observed.closed(scope().id(), told) : null) {
			if (extras != null) {
				extras.settle(scope());
			}
			boolean heard = deliver(told);
			if (told instanceof Exit.Failed failed) {
				scope().heard(failed.error(), heard);
			}
			else if (told instanceof Exit.Cancelled && (!heard || scope().isByHand())) {
				Unheard.passOn(scope(), false);
			}
		}
		finally {
			if (extras != null && extras.inParent != null) {
				extras.inParent.childSettled();
			}
		}
	}

}
