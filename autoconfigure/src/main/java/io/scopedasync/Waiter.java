package io.scopedasync;

import java.util.List;
import java.util.function.IntFunction;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.scheduler.Schedulers;

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
	 * queue, outside locks. The waiter's next steps run on this thread only if it must
	 * not block, as an event loop; a thread that may block belongs to another caller, and
	 * they run elsewhere. They never run inside those of another waiter: the stack stays
	 * flat.
	 * @param value what was acquired
	 */
	public final void grant(Object value) {
		if (isInline()) {
			arrived(value);
			Trampoline.run(this);
		}
		else {
			granted(value);
			HandOver.take(this);
		}
	}

	/**
	 * Ends the wait with an error, otherwise as {@link #grant}.
	 * @param error for the caller
	 */
	public final void refuse(Throwable error) {
		failed(error);
		if (isInline()) {
			Trampoline.run(this);
		}
		else {
			HandOver.take(this);
		}
	}

	/**
	 * Hands over to several at once, who go on in this order, or some of them at the same
	 * time.
	 * @param waiters as for {@link #grant}
	 * @param value what each acquired, asked with its place in the list
	 */
	public static void grantAll(List<Waiter> waiters, IntFunction<?> value) {
		HandOver.Batch batch = new HandOver.Batch();
		for (int i = 0; i < waiters.size(); i++) {
			Waiter waiter = waiters.get(i);
			if (waiter.isInline()) {
				waiter.grant(value.apply(i));
			}
			else {
				waiter.granted(value.apply(i));
				batch.handOver(waiter);
			}
		}
		batch.end();
	}

	/**
	 * Ends the wait of several at once, otherwise as {@link #grantAll}.
	 * @param waiters as for {@link #grant}
	 * @param error made for each
	 */
	public static void refuseAll(List<Waiter> waiters, Supplier<? extends Throwable> error) {
		HandOver.Batch batch = new HandOver.Batch();
		for (Waiter waiter : waiters) {
			if (waiter.isInline()) {
				waiter.refuse(error.get());
			}
			else {
				waiter.failed(error.get());
				batch.handOver(waiter);
			}
		}
		batch.end();
	}

	private boolean isInline() {
		return Schedulers.isInNonBlockingThread() && home() == null;
	}

	/** The thread that waits for this, if one does: then it goes on there. */
	@Nullable OwnThread home() {
		return null;
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

	/**
	 * Notes the value on the thread of another caller, where no code of this one runs.
	 */
	void granted(Object value) {
		arrived(value);
	}

	/** Notes the value. */
	abstract void arrived(Object value);

	/** Notes the error. */
	abstract void failed(Throwable error);

	/** Goes on with what was granted or refused. */
	void goOn() {
		resume();
	}

	/** Goes on with what was noted. */
	abstract void resume();

	/**
	 * What a scope held before {@link Waiter#borrow}.
	 */
	public interface Loan {

		/**
		 * Puts it back into the hands of the scope, which gives it back at its end.
		 * @return false if the scope has ended without: whoever borrowed keeps it
		 */
		boolean end();

		/**
		 * Whether nothing goes on after the wait: a scope around the waiter, up to the
		 * one that held it, was cancelled or is out of time.
		 * @return false while all of them go on, or have ended by themselves
		 */
		boolean isInVain();

	}

}
