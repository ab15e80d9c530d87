package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is known of a scope, and how events note what happened to it. What can race are
 * these notes: the end is set once, and each entry's state by CAS.
 */
abstract class ScopeState extends Entry {

	static final Logger logger = LoggerFactory.getLogger(Scope.class);

	static final byte ENTERING = 0;

	static final byte RUNNING = 1;

	static final byte UNWINDING = 2;

	static final byte SETTLED = 3;

	private static final VarHandle END;

	private static final VarHandle PHASE;

	static {
		try {
			MethodHandles.Lookup lookup = MethodHandles.lookup();
			END = lookup.findVarHandle(ScopeState.class, "end", Exit.class);
			PHASE = lookup.findVarHandle(ScopeState.class, "phase", byte.class);
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

	/** How many scopes are around this one. */
	short depth;

	volatile @Nullable ScopeExtras extras;

	ScopeState(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super((spec.resources.length != 0) ? spec.resources[0] : null);
		this.scopes = scopes;
		this.spec = spec;
		this.shared = !spec.ofOneResource;
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

	/**
	 * Whether the running body may be waiting for what it has inside; false if it is seen
	 * to be busy, or to wait for a limited time only.
	 */
	boolean mayBodyWait() {
		StartedTask<?> task = task();
		return task == null || task.mayWait();
	}

	/** As far as can be seen of a body's thread. */
	static boolean mayWait(Thread thread) {
		Thread.State state = thread.getState();
		return state == Thread.State.WAITING || state == Thread.State.BLOCKED;
	}

	/** The driver is about to leave a scope that has not settled. */
	void beforeWaiting() {
	}

	/** An exit was replaced: the caller sees a normal end without the body's value. */
	abstract void forgetResult();

	/** Tells the caller how the scope ended; false if nobody is left to hear. */
	abstract boolean deliver(Exit end);

	// What happens to the scope: notes.

	/** An event was noted: somebody is to look. */
	abstract void drive();

	/** The body must not begin, or has to end; the first note counts. */
	final boolean decide(Exit exit) {
		return END.compareAndSet(this, null, exit);
	}

	/**
	 * Replaces an end before anything is released.
	 */
	final boolean decideInstead(Exit before, Exit exit) {
		return END.compareAndSet(this, before, exit);
	}

	/**
	 * The body ended by itself. False if it had to end anyway: then it is over when its
	 * cancel has returned, which may still be running on another thread. Also false if it
	 * completed and its tasks decide how the scope goes on.
	 */
	final boolean ended(Exit exit) {
		ScopeTasks tasks = tasksOrNull();
		if (tasks != null && exit instanceof Exit.Completed && this.end == null) {
			tasks.bodyDone = true;
			driveFlat();
			return false;
		}
		if (!decide(exit)) {
			return false;
		}
		this.bodyOver = true;
		driveFlat();
		return true;
	}

	/** Of scopes deep inside each other only a few are driven on one stack. */
	final void driveFlat() {
		if (FlatStep.isDueAt(this.depth)) {
			FlatStep.take(scope());
		}
		else {
			drive();
		}
	}

	/** The body has returned that a cancel could only ask to. */
	final void bodyReturned() {
		this.bodyOver = true;
		drive();
	}

	/**
	 * The body ended by itself within {@link #startBody}. A cancel being noted at this
	 * very moment has lost, unless there are tasks, whose errors would be lost with it.
	 * @return whether that is how the scope ends or goes on, or somebody was told
	 */
	final boolean endedAtOnce(Exit exit) {
		ScopeTasks tasks = tasksOrNull();
		if (tasks != null) {
			tasks.bodyEndedAtOnce(exit);
			return true;
		}
		this.bodyOver = true;
		if (this.end == null) {
			END.setRelease(this, exit);
		}
		return this.end == exit;
	}

	/** What the body has started, if it ever asked. */
	final @Nullable ScopeTasks tasksOrNull() {
		ScopeExtras extras = this.extras;
		return (extras != null) ? extras.tasks : null;
	}

	/** The task that this scope is, if it is one. */
	final @Nullable StartedTask<?> task() {
		ScopeExtras extras = this.extras;
		return (extras != null) ? extras.task : null;
	}

	/** Whether a limit of its own ended it. */
	final boolean hasPassedLimit() {
		ScopeExtras extras = this.extras;
		ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
		return deadline != null && deadline.hasPassed();
	}

	/**
	 * How the scope ended, as its caller is told: an end that was asked for is none to
	 * complain of, nor is a limit that passes quietly, unless a release failed after it.
	 */
	final Exit told() {
		Exit end = end();
		boolean quiet = end == ScopeTasks.BY_HANDLE || (this.spec.limits.quiet() && hasPassedLimit()
				&& end instanceof Exit.Failed failed && failed.error() instanceof DeadlineExceededException
				&& failed.error().getSuppressed().length == 0);
		return quiet ? Exit.completed() : end;
	}

	/** Whether it was cancelled by its group after the body had brought its value. */
	final boolean keepsResult() {
		ScopeTasks tasks = tasksOrNull();
		return this.end == ScopeTasks.BY_HANDLE && tasks != null && tasks.bodyDone;
	}

	/** Ends the scope from outside. */
	final boolean interrupt(Exit exit) {
		if (!decide(exit)) {
			return false;
		}
		stop();
		return true;
	}

	/** Ends what goes on, after the end was noted. */
	final void stop() {
		boolean over = true;
		try {
			over = cancelBody();
		}
		catch (Throwable ex) {
			scope().undelivered(ex);
		}
		if (over) {
			this.bodyOver = true;
		}
		try {
			driveFlat();
		}
		catch (Throwable ex) {
			// Thrown by the caller when it was told. Whoever interrupts is a stranger to
			// it: the scope around, or a shutdown with more scopes to end.
			scope().undelivered(ex);
		}
	}

	/** Nobody waits for the body to begin. */
	final void bodyBegins() {
		PHASE.setRelease(this, RUNNING);
	}

	/** How long each release may take. */
	final Duration releaseTimeout() {
		Duration own = this.spec.limits.release();
		return (own != null) ? own : this.scopes.releaseTimeout;
	}

	/**
	 * With a full fence, so that whoever enters or asks at the same moment sees this, or
	 * we see what was entered or asked.
	 */
	final void turn(byte phase) {
		PHASE.setRelease(this, phase);
		if (this.shared) {
			VarHandle.fullFence();
		}
	}

	/** A transition that others may want too, if there are others. */
	final boolean claim(Entry entry, int from, int to) {
		if (this.shared) {
			return entry.move(from, to);
		}
		entry.set(to);
		return true;
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

	final ScopeObserver.@Nullable Observed observed() {
		ScopeExtras extras = this.extras;
		return (extras != null) ? extras.observed : null;
	}

	/**
	 * Makes what follows this scope the current one where the thread locals of the call
	 * are there already: on its caller's thread. Null if nothing follows it.
	 */
	final ContextCarrier.@Nullable Restored observing() {
		ScopeObserver.Observed observed = observed();
		return (observed != null) ? observed.open() : null;
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
