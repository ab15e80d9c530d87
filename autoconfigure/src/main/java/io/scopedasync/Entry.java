package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

import org.jspecify.annotations.Nullable;

/**
 * One resource in one scope, from the acquisition to the end of the release. Every
 * transition that two threads may want is a CAS on {@link #state}, so that whatever
 * arrives is released exactly once, by whoever wins.
 */
abstract class Entry extends Waiter {

	/** Not begun. */
	static final int IDLE = 0;

	/** Being acquired. */
	static final int PENDING = 1;

	/** Held; {@link #value} is what was acquired. */
	static final int ARRIVED = 2;

	/** The acquisition failed; {@link #value} is the error. */
	static final int FAILED = 3;

	/** Held by a scope around this one, which releases it. */
	static final int JOINED = 4;

	/** Being released. */
	static final int RELEASING = 5;

	/**
	 * The release ended; {@link #value} is an error, an exit that replaces the scope's,
	 * or null.
	 */
	static final int RELEASED = 6;

	/**
	 * Given up: an acquisition taken back or past the limit (what still arrives is
	 * released), or a release past it.
	 */
	static final int ABANDONED = 7;

	/** Nothing is left to do. */
	static final int GONE = 8;

	/** Not a resource but a scope inside this one, {@link #value}. */
	static final int CHILD = 9;

	static final VarHandle STATE;

	static {
		try {
			STATE = MethodHandles.lookup().findVarHandle(Entry.class, "state", int.class);
		}
		catch (ReflectiveOperationException ex) {
			throw new ExceptionInInitializerError(ex);
		}
	}

	volatile int state;

	final @Nullable AsyncResource<?> resource;

	@Nullable Object value;

	/** Whether the recorder knows how the acquisition ended. */
	boolean recorded;

	Entry(@Nullable AsyncResource<?> resource) {
		this.resource = resource;
	}

	abstract RunningScope scope();

	final boolean move(int from, int to) {
		return STATE.compareAndSet(this, from, to);
	}

	/**
	 * For the transitions that only the scope's driver makes; the next event publishes
	 * them.
	 */
	final void set(int to) {
		STATE.setRelease(this, to);
	}

	final AsyncResource<?> resource() {
		AsyncResource<?> resource = this.resource;
		if (resource == null) {
			throw new IllegalStateException("no resource");
		}
		return resource;
	}

	@Override
	final void arrived(Object value) {
		this.value = value;
		if (!move(PENDING, ARRIVED)) {
			scope().releaseLate(this, value);
		}
	}

	@Override
	final void failed(Throwable error) {
		this.value = error;
		if (!move(PENDING, FAILED)) {
			scope().undelivered(error);
		}
	}

	@Override
	void resume() {
		scope().drive();
	}

	/** The release has ended. */
	void released() {
		scope().drive();
	}

	/** The scope took the acquisition back, or stopped waiting for it. */
	void abandoned() {
	}

	/** Whether it is held, here or by a scope around this one. */
	final boolean holds(Object identity) {
		int now = this.state;
		return (now == ARRIVED || now == JOINED) && resource().identity() == identity;
	}

	/** Whether there is something to see: being acquired, held or being released. */
	final boolean isOpen() {
		int now = this.state;
		return now == PENDING || now == ARRIVED || now == JOINED || now == RELEASING;
	}

	final Object value() {
		Object value = this.value;
		if (value == null) {
			throw new IllegalStateException("nothing acquired");
		}
		return value;
	}

	/** An entry of its own beside the scope that is its first. */
	static class Stacked extends Entry {

		volatile RunningScope scope;

		@Nullable Stacked below;

		@Nullable Stacked above;

		Stacked(RunningScope scope, @Nullable AsyncResource<?> resource) {
			super(resource);
			this.scope = scope;
		}

		@Override
		final RunningScope scope() {
			return this.scope;
		}

		/**
		 * The scope that this entry stands for has settled; its parent may be waiting for
		 * that.
		 */
		final void childSettled() {
			set(GONE);
			RunningScope parent = this.scope;
			parent.pop(this);
			if (parent.phase == ScopeMachine.UNWINDING) {
				parent.drive();
			}
		}

	}

}
