package io.scopedasync;

import reactor.core.scheduler.Schedulers;

/**
 * Where those go on who were granted something by a thread that may block. Such a thread
 * belongs to another caller: its transaction, request and identity are none of the
 * waiter's, and its caller waits for it to return. So the waiter goes on at its own
 * thread if one is waiting, else on one of the {@link HandOverThreads}.
 */
final class HandOver {

	private static final HandOverThreads THREADS = new HandOverThreads();

	private HandOver() {
	}

	/** Has a waiter go on elsewhere. */
	static void take(Waiter waiter) {
		OwnThread home = waiter.home();
		if (home == null || !home.take(waiter)) {
			THREADS.take(waiter);
		}
	}

	/**
	 * Runs what concerns another caller: here if this thread must not block, else
	 * elsewhere.
	 * @param step may throw, which is logged
	 */
	static void run(Runnable step) {
		if (Schedulers.isInNonBlockingThread()) {
			step.run();
		}
		else {
			THREADS.take(new Step(step));
		}
	}

	/** The same, after what runs here now, so that many of them are no deep stack. */
	static void runNext(Runnable step) {
		Step next = new Step(step);
		if (Schedulers.isInNonBlockingThread()) {
			Trampoline.run(next);
		}
		else {
			THREADS.take(next);
		}
	}

	/** Several that are handed over together, in order. */
	static final class Batch extends Line {

		void handOver(Waiter waiter) {
			OwnThread home = waiter.home();
			if (home == null || !home.take(waiter)) {
				add(waiter);
			}
		}

		void end() {
			if (!isEmpty()) {
				THREADS.takeAll(this);
			}
		}

	}

	/** Something that waits for nothing. */
	private static final class Step extends Waiter {

		private final Runnable step;

		Step(Runnable step) {
			this.step = step;
		}

		@Override
		void arrived(Object value) {
			throw new IllegalStateException("waits for nothing");
		}

		@Override
		void failed(Throwable error) {
			throw new IllegalStateException("waits for nothing", error);
		}

		@Override
		void resume() {
			this.step.run();
		}

	}

}
