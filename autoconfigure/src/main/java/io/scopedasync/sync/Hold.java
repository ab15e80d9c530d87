package io.scopedasync.sync;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * The proof that a lock is held, by whoever acquired it and nobody else. One that a scope
 * holds is given back by the scope and can't be closed by hand; one from
 * {@code tryAcquire} must be closed, once.
 */
public final class Hold implements AutoCloseable {

	private static final AtomicIntegerFieldUpdater<Hold> OVER = AtomicIntegerFieldUpdater.newUpdater(Hold.class,
			"over");

	private final OwnedResource lock;

	private final int units;

	private final boolean byHand;

	@SuppressWarnings("unused")
	private volatile int over;

	Hold(OwnedResource lock, int units, boolean byHand) {
		this.lock = lock;
		this.units = units;
		this.byHand = byHand;
	}

	/** Of a keyed lock it lives as long as somebody uses its key. */
	OwnedResource lock() {
		return this.lock;
	}

	int units() {
		return this.units;
	}

	/** Whether it was valid until now. */
	boolean end() {
		return OVER.compareAndSet(this, 0, 1);
	}

	/**
	 * Gives the lock back. Never blocks; may run waiting bodies on this thread.
	 * @throws IllegalStateException if it was given back before, or belongs to a scope;
	 * the lock is left as it is
	 */
	@Override
	public void close() {
		if (!this.byHand) {
			throw this.lock.notOwned("belongs to a scope, which gives it back at its end: don't close it by hand.");
		}
		this.lock.giveBack(this);
	}

	@Override
	public String toString() {
		return "hold of lock '" + this.lock.name() + "'";
	}

}
