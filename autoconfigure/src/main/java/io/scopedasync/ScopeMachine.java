package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Fuseable;
import reactor.core.publisher.Mono;

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

	static {
		try {
			MethodHandles.Lookup lookup = MethodHandles.lookup();
			END = lookup.findVarHandle(ScopeMachine.class, "end", Exit.class);
			WIP = lookup.findVarHandle(ScopeMachine.class, "wip", int.class);
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
	private volatile int wip = 1;

	volatile byte phase;

	/** How many of the spec's resources were begun. */
	private short entered;

	/** Where {@link OpenScopes} keeps this scope, -1 if it does not. */
	short stripe = -1;

	@Nullable ScopeMachine nextOpen;

	@Nullable ScopeMachine previousOpen;

	volatile @Nullable ScopeExtras extras;

	ScopeMachine(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super((spec.resources.length != 0) ? spec.resources[0] : null);
		this.scopes = scopes;
		this.spec = spec;
	}

	// What a front does.

	/** Starts the body, in the driver. */
	abstract void startBody();

	/**
	 * Stops the body if it runs; on any thread, before, during and after it, more than
	 * once.
	 */
	abstract void cancelBody();

	/** An exit was replaced: the caller sees a normal end without the body's value. */
	abstract void forgetResult();

	/** Tells the caller how the scope ended; false if nobody is left to hear. */
	abstract boolean deliver(Exit end);

	// What happens to the scope: notes.

	/** The body ended by itself, or must not begin; the first note counts. */
	final boolean decide(Exit exit) {
		return END.compareAndSet(this, null, exit);
	}

	/**
	 * The body ended by itself within {@link #startBody}. A cancel being noted at this
	 * very moment has lost.
	 */
	final void endedAtOnce(Exit exit) {
		if (this.end == null) {
			END.setRelease(this, exit);
		}
	}

	/** Ends the scope from outside. */
	final boolean interrupt(Exit exit) {
		if (!decide(exit)) {
			return false;
		}
		cancelBody();
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

	/** To be called by the driver only. */
	final void run() {
		int missed = 1;
		do {
			boolean more;
			do {
				more = step();
			}
			while (more);
			if (this.phase == SETTLED) {
				// Never handed back: later events find a driver and do nothing.
				return;
			}
			if (this.stripe < 0) {
				this.scopes.open.add(this);
			}
			missed = (int) WIP.getAndAdd(this, -missed) - missed;
		}
		while (missed != 0);
	}

	private boolean step() {
		return switch (this.phase) {
			case ENTERING -> enterNext();
			case RUNNING -> this.end != null && unwind();
			case UNWINDING -> releaseNext();
			default -> false;
		};
	}

	private boolean enterNext() {
		int count = this.entered;
		if (count > 0 && !hasArrived((count == 1) ? this : extras().entering())) {
			return false;
		}
		if (this.end != null) {
			return unwind();
		}
		AsyncResource<?>[] resources = this.spec.resources;
		if (count == resources.length) {
			this.phase = RUNNING;
			startBody();
			return true;
		}
		this.entered = (short) (count + 1);
		Entry entry = this;
		if (count != 0) {
			Entry.Stacked stacked = new Entry.Stacked((RunningScope) this, resources[count]);
			extras().entering = stacked;
			push(stacked);
			entry = stacked;
		}
		acquire(entry);
		return true;
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
			recordAcquired(entry, ScopeExtras.outcomeOf(error));
			decide(Exit.failed(error));
		}
		else if (now == ARRIVED) {
			recordAcquired(entry, Outcome.SUCCESS);
		}
		return now != PENDING;
	}

	/**
	 * Begins an acquisition: in the driver or, for what the body enters, on the body's
	 * thread.
	 */
	@SuppressWarnings("unchecked")
	final void acquire(Entry entry) {
		AsyncResource<?> resource = entry.resource();
		try {
			if (resource.nesting() != AsyncResource.Nesting.SEPARATE && joins(entry, resource)) {
				return;
			}
			if (entry.state == IDLE) {
				entry.set(PENDING);
			}
			if (resource instanceof DirectResource<?> direct) {
				Object value = ((DirectResource<Object>) direct).attempt(entry);
				if (value != null && entry == this) {
					entry.value = value;
					entry.set(ARRIVED);
				}
				else if (value != null) {
					entry.arrived(value);
				}
			}
			else {
				subscribe(entry, resource);
			}
		}
		catch (Throwable ex) {
			if (entry.state != PENDING) {
				entry.value = ex;
				entry.set(FAILED);
			}
			else {
				entry.failed(ex);
			}
		}
	}

	private boolean joins(Entry entry, AsyncResource<?> resource) {
		Entry holder = ((RunningScope) this).holder(resource.identity());
		if (holder == null) {
			return false;
		}
		if (resource.nesting() == AsyncResource.Nesting.REFUSE) {
			throw new IllegalStateException(
					"'" + resource.name() + "' is held already by scope '" + holder.scope().spec.name
							+ "' around this one: asking again would wait for itself. Ask for it once.");
		}
		entry.value = holder.value();
		entry.set(JOINED);
		return true;
	}

	private void subscribe(Entry entry, AsyncResource<?> resource) throws Exception {
		Mono<?> acquire = Resources.Raw.acquire(resource);
		if (acquire == null) {
			throw new IllegalStateException(
					"acquire() of '" + resource.name() + "' returned null: return a Mono of exactly one value.");
		}
		if (acquire instanceof Fuseable.ScalarCallable<?> ready) {
			Object value = ready.call();
			if (value == null) {
				throw ScopeExtras.emptyAcquisition(resource.name());
			}
			entry.arrived(value);
			return;
		}
		boolean cancellable = resource.cancellable();
		Acquisition acquisition = new Acquisition(entry, cancellable);
		if (cancellable) {
			entry.value = acquisition;
		}
		Mono.fromDirect(acquire).subscribe(acquisition);
	}

	private boolean unwind() {
		// A full fence, so that whoever enters at the same moment sees this, or we see
		// what was entered.
		this.phase = UNWINDING;
		return true;
	}

	private boolean releaseNext() {
		ScopeExtras extras = this.extras;
		Entry.Stacked top = (extras != null) ? extras.top : null;
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
				if (entry.move(ARRIVED, RELEASING)) {
					release(entry, end());
				}
			}
			case RELEASING -> {
				return isOverdueOrArmed(entry) && giveUpRelease(entry);
			}
			case RELEASED -> {
				disarm();
				if (entry.move(RELEASED, GONE)) {
					afterRelease(entry, entry.value);
				}
			}
			default -> {
				if (entry == this) {
					settle();
					return false;
				}
				pop((Entry.Stacked) entry);
			}
		}
		return true;
	}

	/**
	 * Ends an acquisition that nobody wants any more; false if it can only be waited for.
	 */
	private boolean takeBack(Entry entry) {
		Object acquisition = entry.value;
		boolean back;
		if (entry.resource() instanceof DirectResource<?> direct) {
			back = direct.withdraw(entry) && entry.move(PENDING, ABANDONED);
		}
		else if (acquisition instanceof Acquisition cancellable) {
			back = entry.move(PENDING, ABANDONED);
			if (back) {
				cancellable.cancel();
			}
		}
		else {
			back = isOverdueOrArmed(entry) && entry.move(PENDING, ABANDONED);
			if (back) {
				disarm();
				releaseFailed(new ReleaseTimeoutException(entry.resource().name(), this.scopes.releaseTimeout,
						"The acquisition, waited for by a scope that was cancelled,"));
			}
		}
		if (back) {
			entry.abandoned();
			recordAcquired(entry, (this.end instanceof Exit.Cancelled) ? Outcome.CANCELLED : Outcome.TIMEOUT);
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
		if (child.phase < UNWINDING && (child.isByHand() || end instanceof Exit.Cancelled || isLimit(end))) {
			child.interrupt(
					child.isByHand() ? end : Exit.cancelled("the scope around it, '" + this.spec.name + "', ended"));
		}
		if (child.phase == UNWINDING || (child.phase < UNWINDING && child.end != null)) {
			if (!isOverdueOrArmed(entry)) {
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

	/**
	 * Begins a release; by the driver, or by whoever else moved the entry to
	 * {@link #RELEASING}.
	 */
	@SuppressWarnings("unchecked")
	final void release(Entry entry, Exit exit) {
		AsyncResource<?> resource = entry.resource();
		recordAcquired(entry, Outcome.SUCCESS);
		try {
			if (resource instanceof DirectResource<?> direct) {
				((DirectResource<Object>) direct).giveBack(entry.value());
				entry.value = null;
				entry.set(RELEASED);
				return;
			}
			if (this.scopes.timed) {
				if (entry == this) {
					extras().releaseBegan = this.scopes.clock.nanos();
				}
				else {
					entry.since = this.scopes.clock.nanos();
				}
			}
			Mono<Exit> release = Resources.Raw.exit(resource, entry.value(), exit);
			if (release == null) {
				throw new IllegalStateException("release of '" + resource.name()
						+ "' returned null: return a Mono, Mono.empty() if it is done.");
			}
			if (release instanceof Fuseable.ScalarCallable<?> ready) {
				entry.value = ready.call();
				entry.set(RELEASED);
				return;
			}
			Mono.fromDirect(release).subscribe(new Release((RunningScope) this, entry));
		}
		catch (Throwable ex) {
			entry.value = ex;
			entry.move(RELEASING, RELEASED);
		}
	}

	private boolean giveUpRelease(Entry entry) {
		if (entry.move(RELEASING, ABANDONED)) {
			disarm();
			releaseFailed(
					new ReleaseTimeoutException(entry.resource().name(), this.scopes.releaseTimeout, "The release"));
			recordReleased(entry, Outcome.TIMEOUT);
		}
		return true;
	}

	private void afterRelease(Entry entry, @Nullable Object result) {
		if (result instanceof Throwable error) {
			releaseFailed(error);
			recordReleased(entry, Outcome.ERROR);
			return;
		}
		recordReleased(entry, Outcome.SUCCESS);
		if (result instanceof Exit exit && exit != this.end) {
			this.end = exit;
			forgetResult();
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
		this.phase = SETTLED;
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
		if (!deliver(end) && end instanceof Exit.Failed failed) {
			((RunningScope) this).undelivered(failed.error());
		}
		if (extras != null && extras.inParent != null) {
			extras.inParent.childSettled();
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

	// The stack above this entry.

	/** In the driver, or under the lock of this after a look at the phase. */
	final synchronized void push(Entry.Stacked entry) {
		ScopeExtras extras = extras();
		Entry.Stacked top = extras.top;
		entry.below = top;
		if (top != null) {
			top.above = entry;
		}
		extras.top = entry;
	}

	/** Forgets an entry that is done, wherever it stands. */
	final synchronized void pop(Entry.Stacked entry) {
		ScopeExtras extras = extras();
		Entry.Stacked above = entry.above;
		Entry.Stacked below = entry.below;
		if (above != null) {
			above.below = below;
		}
		else if (extras.top == entry) {
			extras.top = below;
		}
		if (below != null) {
			below.above = above;
		}
		entry.above = null;
		entry.below = null;
	}

	// Limits of single steps.

	private void arm(Entry entry) {
		ScopeExtras extras = extras();
		if (extras.limitTimer == null) {
			extras.limitTimer = this.scopes.clock.schedule(() -> {
				extras.overdue = entry;
				drive();
			}, this.scopes.releaseTimeout);
		}
	}

	private void disarm() {
		ScopeExtras extras = this.extras;
		if (extras != null && extras.limitTimer != null) {
			extras.limitTimer.dispose();
			extras.limitTimer = null;
			extras.overdue = null;
		}
	}

	private boolean isOverdueOrArmed(Entry entry) {
		if (!isOverdue(entry)) {
			arm(entry);
			return false;
		}
		return true;
	}

	private boolean isOverdue(Entry entry) {
		ScopeExtras extras = this.extras;
		return extras != null && extras.overdue == entry;
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

	// What is recorded.

	final void recordAcquired(Entry entry, Outcome outcome) {
		ScopeRecorder recorder = this.scopes.recorder;
		if (recorder != ScopeRecorder.NOOP && !entry.recorded) {
			entry.recorded = true;
			recorder.acquired(entry.resource().name(), outcome, this.scopes.clock.nanos() - entry.since);
		}
	}

	/**
	 * Nothing that was granted without a wait takes time to give back: the clock is left
	 * alone.
	 */
	final void recordReleased(Entry entry, Outcome outcome) {
		ScopeRecorder recorder = this.scopes.recorder;
		if (recorder != ScopeRecorder.NOOP) {
			AsyncResource<?> resource = entry.resource();
			long began = (entry == this && this.extras != null) ? extras().releaseBegan : entry.since;
			recorder.released(resource.name(), outcome,
					(resource instanceof DirectResource) ? 0 : this.scopes.clock.nanos() - began);
		}
	}

}
