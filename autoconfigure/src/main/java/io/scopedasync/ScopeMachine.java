package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
abstract class ScopeMachine extends Entry {

	static final Logger logger = LoggerFactory.getLogger(Scope.class);

	static final byte ENTERING = 0;

	static final byte RUNNING = 1;

	static final byte UNWINDING = 2;

	static final byte SETTLED = 3;

	private static final VarHandle END;

	private static final VarHandle WIP;

	private static final VarHandle PHASE;

	static {
		try {
			MethodHandles.Lookup lookup = MethodHandles.lookup();
			END = lookup.findVarHandle(ScopeMachine.class, "end", Exit.class);
			WIP = lookup.findVarHandle(ScopeMachine.class, "wip", int.class);
			PHASE = lookup.findVarHandle(ScopeMachine.class, "phase", byte.class);
		}
		catch (ReflectiveOperationException ex) {
			throw new ExceptionInInitializerError(ex);
		}
	}

	final DefaultAsyncScopes scopes;

	final ScopeSpec spec;

	/**
	 * How the body ended, or why it must; noted once, then changed by the driver as exits
	 * replace it.
	 */
	volatile @Nullable Exit end;

	/**
	 * Events not yet looked at. Who raises it from 0 is the driver; it starts with
	 * whoever starts the scope.
	 */
	@SuppressWarnings("unused")
	private volatile int wip;

	volatile byte phase;

	/**
	 * Whether nothing of the body runs any more: it has ended, or its cancel has
	 * returned. Nothing is released before. Published by the event that follows.
	 */
	boolean bodyOver;

	/**
	 * Whether anybody but driver and subscriber can know this scope, who may then enter
	 * it, ask it or take from it at any moment. A scope that ends before that has nobody
	 * to race with, and pays for no fence. Written where it becomes known: in the driver,
	 * or on the thread of a body that the driver runs.
	 */
	boolean shared;

	/** How many of the spec's resources were begun. */
	private short entered;

	/** How many scopes are around this one. */
	short depth;

	/** Where {@link OpenScopes} keeps this scope, -1 if it does not. */
	short stripe = -1;

	@Nullable ScopeMachine nextOpen;

	@Nullable ScopeMachine previousOpen;

	volatile @Nullable ScopeExtras extras;

	ScopeMachine(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super((spec.resources.length != 0) ? spec.resources[0] : null);
		this.scopes = scopes;
		this.spec = spec;
		this.shared = !spec.ofOneResource;
		// Nobody else can see it yet: no need for a volatile write.
		WIP.set(this, 1);
	}

	// What a front does.

	/** Starts the body, in the driver. */
	abstract void startBody();

	/**
	 * Stops the body if it runs; on any thread, before, during and after it, more than
	 * once.
	 * @return whether the body is over now; if not, the front notes its end and drives
	 */
	abstract boolean cancelBody();

	/** The driver is about to leave a scope that has not settled. */
	void beforeWaiting() {
	}

	/** An exit was replaced: the caller sees a normal end without the body's value. */
	abstract void forgetResult();

	/** Tells the caller how the scope ended; false if nobody is left to hear. */
	abstract boolean deliver(Exit end);

	// What happens to the scope: notes.

	/** The body must not begin, or has to end; the first note counts. */
	final boolean decide(Exit exit) {
		return END.compareAndSet(this, null, exit);
	}

	/** The body ended by itself; false if it had to end anyway. */
	final boolean ended(Exit exit) {
		this.bodyOver = true;
		if (!decide(exit)) {
			return false;
		}
		if (FlatStep.isDueAt(this.depth)) {
			FlatStep.take((RunningScope) this);
		}
		else {
			drive();
		}
		return true;
	}

	/**
	 * The body ended by itself within {@link #startBody}. A cancel being noted at this
	 * very moment has lost.
	 */
	final void endedAtOnce(Exit exit) {
		this.bodyOver = true;
		if (this.end == null) {
			END.setRelease(this, exit);
		}
	}

	/** Ends the scope from outside. */
	final boolean interrupt(Exit exit) {
		if (!decide(exit)) {
			return false;
		}
		boolean over = true;
		try {
			over = cancelBody();
		}
		catch (Throwable ex) {
			((RunningScope) this).undelivered(ex);
		}
		if (over) {
			this.bodyOver = true;
		}
		drive();
		return true;
	}

	// The machine.

	final void drive() {
		if ((int) WIP.getAndAdd(this, 1) != 0) {
			return;
		}
		ScopeExtras extras = this.extras;
		Object carried = (extras != null) ? extras.carried : null;
		if (carried == null) {
			run();
			return;
		}
		try (ContextCarrier.Restored restored = this.scopes.carrier.restore(carried)) {
			run();
		}
	}

	/** Hands the scope back to whoever drives it next. */
	final void yieldBeforeRun() {
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
			if (this.stripe < 0) {
				this.shared = true;
				this.scopes.open.add(this);
			}
			missed = (int) WIP.getAndAdd(this, -missed) - missed;
		}
		while (missed != 0);
	}

	/** Takes every step for which there is nothing to wait. */
	private void advance() {
		boolean more = this.phase == ENTERING;
		while (more) {
			more = enterNext();
		}
		if (this.phase == RUNNING && this.end != null && this.bodyOver) {
			turn(UNWINDING);
		}
		more = this.phase == UNWINDING;
		while (more) {
			more = releaseNext();
		}
	}

	private boolean enterNext() {
		int count = this.entered;
		if (count > 0 && !hasArrived((count == 1) ? this : extras().entering())) {
			return false;
		}
		if (this.end != null) {
			turn(UNWINDING);
			return false;
		}
		AsyncResource<?>[] resources = this.spec.resources;
		if (count == resources.length) {
			PHASE.setRelease(this, RUNNING);
			try {
				startBody();
			}
			catch (Throwable ex) {
				brokenBody(ex);
			}
			return false;
		}
		this.entered = (short) (count + 1);
		Entry entry = this;
		if (count != 0) {
			StackedEntry stacked = new StackedEntry((RunningScope) this, resources[count]);
			extras().entering = stacked;
			extras().stack.push(stacked);
			entry = stacked;
		}
		entry.acquire();
		return true;
	}

	/** It threw where it must not, when it was subscribed to or cancelled. */
	private void brokenBody(Throwable error) {
		Exit failed = Exit.failed(error);
		endedAtOnce(failed);
		if (this.end != failed) {
			((RunningScope) this).undelivered(error);
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
				((RunningScope) this).undelivered(error);
			}
		}
		else if (now == ARRIVED) {
			entry.recordAcquired(Outcome.SUCCESS);
		}
		return now != PENDING;
	}

	/**
	 * With a full fence, so that whoever enters or asks at the same moment sees this, or
	 * we see what was entered or asked.
	 */
	private void turn(byte phase) {
		PHASE.setRelease(this, phase);
		if (this.shared) {
			VarHandle.fullFence();
		}
	}

	/** A transition that others may want too, if there are others. */
	private boolean claim(Entry entry, int from, int to) {
		if (this.shared) {
			return entry.move(from, to);
		}
		entry.set(to);
		return true;
	}

	private boolean releaseNext() {
		ScopeExtras extras = this.extras;
		StackedEntry top = (extras != null) ? extras.stack.top() : null;
		Entry entry = (top != null) ? top : this;
		switch (entry.state) {
			case CHILD -> {
				return isChildDone(entry);
			}
			case PENDING -> {
				return takeBack(entry);
			}
			case FAILED -> {
				if (entry.move(FAILED, GONE)) {
					((RunningScope) this).undelivered((Throwable) entry.value());
				}
			}
			case ARRIVED -> {
				disarm();
				if (claim(entry, ARRIVED, RELEASING)) {
					entry.release(end());
				}
			}
			case RELEASING -> {
				return isOverdue(entry) && giveUpRelease(entry);
			}
			case RELEASED -> {
				disarm();
				if (claim(entry, RELEASED, GONE)) {
					afterRelease(entry, entry.value);
				}
			}
			default -> {
				if (entry == this) {
					settle();
					return false;
				}
				extras().stack.remove((StackedEntry) entry);
			}
		}
		return true;
	}

	/**
	 * Ends an acquisition that nobody wants any more; false if it can only be waited for.
	 */
	private boolean takeBack(Entry entry) {
		Acquisition acquisition = entry.acquisition();
		boolean back = entry.withdraw(acquisition);
		if (!back && entry.isMasked(acquisition) && isOverdue(entry) && entry.move(PENDING, ABANDONED)) {
			back = true;
			disarm();
			releaseFailed(new ReleaseTimeoutException(entry.resource().name(), this.scopes.releaseTimeout,
					"The acquisition, waited for by a scope that was cancelled,"));
		}
		if (back) {
			if (acquisition != null) {
				acquisition.abandon();
			}
			entry.abandoned();
			entry.recordAcquired((this.end instanceof Exit.Cancelled) ? Outcome.CANCELLED : Outcome.TIMEOUT);
		}
		return back || entry.state != PENDING;
	}

	/**
	 * A scope opened under this one: what this one holds may be in use there until it has
	 * settled. One that neither ends nor has to is left to outlive this one.
	 */
	private boolean isChildDone(Entry entry) {
		RunningScope child = (RunningScope) entry.value();
		Exit end = end();
		if (child.isByHand()) {
			child.interrupt(end);
		}
		else if (end instanceof Exit.Cancelled || isLimit(end)) {
			child.cancelFromOutside(Exit.cancelled("the scope around it, '" + this.spec.name + "', ended"));
		}
		if (child.phase < SETTLED && (child.end != null || child.isHeldBack())) {
			if (child.isBounded() || !isOverdue(entry)) {
				return false;
			}
			disarm();
			releaseFailed(new ReleaseTimeoutException(child.spec.name, this.scopes.releaseTimeout, "The inner scope"));
		}
		entry.set(GONE);
		return true;
	}

	private static boolean isLimit(Exit end) {
		return end instanceof Exit.Failed failed && failed.error() instanceof DeadlineExceededException;
	}

	/** The caller goes on, after a close by force where the resource knows one. */
	private boolean giveUpRelease(Entry entry) {
		disarm();
		if (!entry.aborted) {
			releaseFailed(
					new ReleaseTimeoutException(entry.resource().name(), this.scopes.releaseTimeout, "The release"));
			entry.recordReleased(Outcome.TIMEOUT);
			if (entry.abort()) {
				return true;
			}
		}
		entry.move(RELEASING, ABANDONED);
		return true;
	}

	private void afterRelease(Entry entry, @Nullable Object result) {
		if (result instanceof Throwable error) {
			releaseFailed(error);
		}
		else if (result instanceof Exit exit && exit != this.end) {
			this.end = exit;
			forgetResult();
		}
		if (!entry.aborted) {
			entry.recordReleased((result instanceof Throwable) ? Outcome.ERROR : Outcome.SUCCESS);
		}
	}

	/**
	 * A release went wrong: told to the caller, with or after the body's error, or to
	 * those who hear what no caller does.
	 */
	private void releaseFailed(Throwable error) {
		Exit end = end();
		if (end instanceof Exit.Cancelled) {
			((RunningScope) this).undelivered(error);
		}
		else {
			this.end = ScopeExtras.afterReleaseError(end, error);
		}
	}

	private void settle() {
		turn(SETTLED);
		if (this.stripe >= 0) {
			this.scopes.open.remove(this);
		}
		Exit end = end();
		if (this.scopes.recorder != ScopeRecorder.NOOP) {
			this.scopes.recorder.closed(this.spec.name, end, this.scopes.clock.nanos() - this.since);
		}
		ScopeExtras extras = this.extras;
		if (extras != null) {
			extras.settle(this);
		}
		try {
			if (!deliver(end) && end instanceof Exit.Failed failed) {
				((RunningScope) this).undelivered(failed.error());
			}
		}
		finally {
			if (extras != null && extras.inParent != null) {
				extras.inParent.childSettled();
			}
		}
	}

	final boolean isEnding() {
		return this.phase >= UNWINDING || this.end != null;
	}

	final Exit end() {
		Exit end = this.end;
		if (end == null) {
			throw new IllegalStateException("scope '" + this.spec.name + "' has not ended");
		}
		return end;
	}

	/** Whether an entry had its time; the time begins with the first look. */
	private boolean isOverdue(Entry entry) {
		return extras().isOverdue(entry, this);
	}

	private void disarm() {
		ScopeExtras extras = this.extras;
		if (extras != null) {
			extras.disarm();
		}
	}

	final ScopeExtras extras() {
		ScopeExtras extras = this.extras;
		if (extras == null) {
			synchronized (this) {
				extras = this.extras;
				if (extras == null) {
					extras = new ScopeExtras();
					this.extras = extras;
				}
			}
		}
		return extras;
	}

}
