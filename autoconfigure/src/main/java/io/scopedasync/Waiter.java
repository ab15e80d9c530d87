package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * A caller that waits for a {@link DirectResource}: a node that the resource may link
 * into a {@link WaitQueue}, and to which it hands what it grants. The scope itself is the
 * node, so waiting allocates nothing.
 */
public abstract class Waiter {

	@Nullable Waiter next;

	@Nullable Waiter previous;

	boolean queued;

	/** Whether it may run out of time; set by the queue. */
	boolean expiring;

	/** How much it waits for; set by the queue. */
	int units;

	/** When it was queued, on the queue's clock. */
	long queuedAt;

	Waiter() {
	}

	/**
	 * When it was queued.
	 * @return nanoseconds of the queue's clock
	 */
	public final long queuedAt() {
		return this.queuedAt;
	}

	/**
	 * How much it waits for.
	 * @return what {@link WaitQueue#add} was given
	 */
	public final int units() {
		return this.units;
	}

	/**
	 * Hands over what was waited for. Called once, by whoever took this waiter out of its
	 * queue, outside locks. Runs the waiter's next steps on this thread, but never inside
	 * those of another waiter: the stack stays flat.
	 * @param value what was acquired
	 */
	public final void grant(Object value) {
		arrived(value);
		Trampoline.run(this);
	}

	/**
	 * Ends the wait with an error, otherwise as {@link #grant}.
	 * @param error for the caller
	 */
	public final void refuse(Throwable error) {
		failed(error);
		Trampoline.run(this);
	}

	/** The scope that asks, null outside any. */
	@Nullable RunningScope asking() {
		return null;
	}

	/**
	 * Takes what the innermost scope around this waiter holds of a resource out of that
	 * scope's hands for as long as this waiter waits: the scope then does not hold it,
	 * nor gives it back if it ends before.
	 * @param resource what is held
	 * @return the loan; null if no scope around holds it, or this waiter is in none
	 */
	public @Nullable Loan borrow(AsyncResource<?> resource) {
		return null;
	}

	/** Notes the value. */
	abstract void arrived(Object value);

	/** Notes the error. */
	abstract void failed(Throwable error);

	/** Goes on with what was noted. */
	abstract void resume();

	/**
	 * What a scope held before {@link Waiter#borrow}.
	 */
	@FunctionalInterface
	public interface Loan {

		/**
		 * Puts it back into the hands of the scope, which gives it back at its end.
		 * @return false if the scope has ended without: whoever borrowed keeps it
		 */
		boolean end();

	}

}
