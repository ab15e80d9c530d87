package io.scopedasync.sync;

import java.util.List;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import io.scopedasync.Waiter;

/**
 * Where n callers wait for each other, without a thread: when the n-th arrives all pass,
 * each with its number in order of arrival, and the next n may come.
 * <p>
 * A caller that is cancelled while it waits leaves, and the others wait for one more, as
 * in Python's {@code asyncio}; the barrier is broken by {@link #abort()} alone. Numbers
 * are given when all pass, so they are 0 to n - 1 also then.
 */
public final class Barrier extends Gate<Integer> {

	private final int parties;

	/** Guarded by this. */
	private boolean broken;

	private Barrier(String name, int parties) {
		super(name);
		this.parties = parties;
	}

	/**
	 * A barrier.
	 * @param name name in metrics, logs and errors
	 * @param parties how many pass together, at least 1
	 * @return a new barrier
	 */
	public static Barrier of(String name, int parties) {
		if (parties < 1) {
			throw new IllegalArgumentException(
					"Barrier '" + name + "' is for " + parties + " parties: give 1 at least.");
		}
		return new Barrier(name, parties);
	}

	/**
	 * Waits for the others; on each subscription. A cancel while waiting leaves at once.
	 * @return the number, 0 for who came first; on the thread of who came last if that
	 * must not block, otherwise on one of ours; a {@link BarrierBrokenException} if the
	 * barrier is or becomes broken, or is reset
	 */
	public Mono<Integer> await() {
		return pass();
	}

	/**
	 * Makes it as new. Those who wait fail with a {@link BarrierBrokenException}.
	 */
	public void reset() {
		fail(false, "was reset while this caller waited: call again.");
	}

	/**
	 * Breaks it. Those who wait, and all who come until {@link #reset()}, fail with a
	 * {@link BarrierBrokenException}.
	 */
	public void abort() {
		fail(true, "was aborted while this caller waited.");
	}

	private void fail(boolean broken, String why) {
		List<Waiter> waiting;
		synchronized (this) {
			this.broken = broken;
			waiting = everybody();
		}
		Waiter.refuseAll(waiting, () -> broken(why));
	}

	private BarrierBrokenException broken(String why) {
		return new BarrierBrokenException(name(), "Barrier '" + name() + "' " + why);
	}

	/**
	 * Whether it was aborted.
	 * @return true from {@link #abort()} to {@link #reset()}
	 */
	public synchronized boolean isBroken() {
		return this.broken;
	}

	/**
	 * How many pass together.
	 * @return at least 1
	 */
	public int parties() {
		return this.parties;
	}

	@Override
	protected @Nullable Integer attempt(Waiter waiter) {
		List<Waiter> others;
		synchronized (this) {
			if (this.broken) {
				throw broken("is broken since it was aborted: reset it before it is used again.");
			}
			if (waiting() < this.parties - 1) {
				this.queue.add(waiter, 1, 0);
				return null;
			}
			others = everybody();
		}
		Waiter.grantAll(others, (place) -> place);
		return others.size();
	}

	@Override
	public String type() {
		return "barrier";
	}

	/** Nobody holds a barrier; idle are the places until all pass. */
	@Override
	public Usage usage() {
		int waiting = waiting();
		return new Usage(0, waiting, this.parties, this.parties - waiting);
	}

	@Override
	public String toString() {
		return "barrier '" + name() + "' (" + (isBroken() ? "broken" : waiting() + " of " + this.parties + " waiting")
				+ ")";
	}

}
