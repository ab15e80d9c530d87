package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A resource that needs no publisher: it has what is asked for now, or keeps the caller
 * as a {@link Waiter} and grants later. Waiting gives back by itself, so a cancel takes
 * effect at once. A limiter is one.
 *
 * @param <T> what is acquired
 */
public abstract class DirectResource<T> implements AsyncResource<T> {

	private final String name;

	final ScopeSpec spec;

	/**
	 * Creates the resource.
	 * @param name name in metrics, logs and errors
	 */
	protected DirectResource(String name) {
		this.name = name;
		this.spec = ScopeSpec.ofOne(this);
	}

	/**
	 * Acquires now or queues the caller. Throwing refuses the caller.
	 * @param waiter to be granted or refused later, exactly once, if this returns null
	 * @return the value, or null if the waiter was queued
	 */
	protected abstract @Nullable T attempt(Waiter waiter);

	/**
	 * Takes back a wait.
	 * @param waiter a waiter that {@link #attempt} queued
	 * @return true if it was still waiting and is now forgotten; false if it has been or
	 * is being granted or refused
	 */
	protected abstract boolean withdraw(Waiter waiter);

	/**
	 * Takes back what was granted.
	 * @param value what was acquired
	 */
	protected abstract void giveBack(T value);

	/**
	 * How much a call of this asks for, and then holds.
	 * @return units, 1 unless overridden
	 */
	protected int units() {
		return 1;
	}

	/**
	 * Whether each call takes something of it, also where the application holds it.
	 */
	boolean isCounted() {
		return true;
	}

	/**
	 * What is given out and who is next, all at one moment: under the lock of the queue.
	 * Asked for by whoever {@linkplain AsyncScopes#breakDeadlocks looks for deadlocks}.
	 * @return null unless overridden: then nobody who waits here is found in a deadlock
	 */
	protected @Nullable Standing standing() {
		return null;
	}

	/**
	 * Whether a waiter stands in the queue whose {@link #standing()} this tells.
	 * @param waiter a waiter that {@link #attempt} kept
	 * @return true unless overridden; false while it waits for something else, a signal
	 * for instance, and so for nobody in particular
	 */
	protected boolean isQueued(Waiter waiter) {
		return true;
	}

	@Override
	public final String name() {
		return this.name;
	}

	@Override
	public final boolean cancellable() {
		return true;
	}

	/**
	 * Acquires by hand. A cancel while waiting takes the wait back; a value that meets a
	 * cancel is given back. Whatever stands between this and its user may still lose it:
	 * prefer {@link AsyncScopes#use}.
	 */
	@Override
	public final Mono<T> acquire() {
		return new DirectMono<>(this);
	}

	@Override
	public final Mono<Void> release(T value, Exit exit) {
		return Mono.fromRunnable(() -> giveBack(value));
	}

	/**
	 * What is given out, and who is next.
	 *
	 * @param free units that the next one could have; less than zero after their total
	 * was lowered
	 * @param held units given out, to scopes and by hand
	 * @param next the head of the queue, null if nobody waits
	 */
	public record Standing(int free, int held, @Nullable Waiter next) {

	}

}
