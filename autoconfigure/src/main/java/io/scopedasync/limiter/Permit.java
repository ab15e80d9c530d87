package io.scopedasync.limiter;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Room that a {@link Limiter} granted. One that a scope holds is given back by the scope
 * and can't be closed by hand; one from {@link Limiter#tryAcquire()} must be closed,
 * once.
 */
public final class Permit implements AutoCloseable {

	private final Limiter limiter;

	private final int permits;

	private final AtomicBoolean open;

	private final boolean byHand;

	Permit(Limiter limiter, int permits, boolean byHand) {
		this.limiter = limiter;
		this.permits = permits;
		this.byHand = byHand;
		this.open = new AtomicBoolean(byHand);
	}

	/**
	 * Not for users: of a keyed limiter it lives as long as somebody uses its key, and
	 * whoever went past the key would not be counted.
	 */
	Limiter limiter() {
		return this.limiter;
	}

	/**
	 * How many units it stands for.
	 * @return at least 1
	 */
	public int permits() {
		return this.permits;
	}

	/**
	 * Gives it back. Never blocks; may run waiting bodies on this thread.
	 * @throws IllegalStateException if it was given back before, or belongs to a scope;
	 * the limiter's count is unchanged
	 */
	@Override
	public void close() {
		if (!this.byHand) {
			this.limiter.givenBackTwice();
			throw new IllegalStateException("This permit of limiter '" + this.limiter.name()
					+ "' belongs to a scope, which gives it back at its end: don't close it by hand.");
		}
		if (!this.open.compareAndSet(true, false)) {
			this.limiter.givenBackTwice();
			throw new IllegalStateException("This permit of limiter '" + this.limiter.name()
					+ "' was given back already: close each permit once.");
		}
		this.limiter.close(this);
	}

	@Override
	public String toString() {
		return this.permits + " of limiter '" + this.limiter.name() + "'";
	}

}
