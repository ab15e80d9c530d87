package io.scopedasync;

import java.util.concurrent.locks.LockSupport;

import org.jspecify.annotations.Nullable;

/**
 * The thread of a blocking caller while it waits for what its scope acquires. What is
 * granted meanwhile is left here, and the thread goes on with it: a next acquisition sees
 * the transaction, the request and the identity of its own caller.
 */
final class OwnThread {

	private final Thread thread = Thread.currentThread();

	/** Guarded by this. */
	private final Line granted = new Line();

	/** Whether the thread does something else by now; guarded by this. */
	private boolean left;

	boolean isCurrent() {
		return this.thread == Thread.currentThread();
	}

	/**
	 * Leaves a waiter to the thread.
	 * @return false if the thread does not wait any more
	 */
	boolean take(Waiter waiter) {
		synchronized (this) {
			if (this.left) {
				return false;
			}
			this.granted.add(waiter);
		}
		wakeUp();
		return true;
	}

	/** Has the thread look again, unless it is the current one, which looks anyway. */
	void wakeUp() {
		if (!isCurrent()) {
			LockSupport.unpark(this.thread);
		}
	}

	/**
	 * Goes on with what was granted.
	 * @return whether anything was
	 */
	boolean goOn() {
		boolean any = false;
		for (Waiter waiter = next(); waiter != null; waiter = next()) {
			Trampoline.resume(waiter);
			any = true;
		}
		return any;
	}

	/** Goes on a last time: what is granted later is for another thread. */
	void leave() {
		synchronized (this) {
			this.left = true;
		}
		goOn();
	}

	private synchronized @Nullable Waiter next() {
		return this.granted.poll();
	}

}
