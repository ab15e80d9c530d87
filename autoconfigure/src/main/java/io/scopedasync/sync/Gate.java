package io.scopedasync.sync;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import io.scopedasync.DirectResource;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.WaitQueue;
import io.scopedasync.Waiter;

/**
 * Where callers wait until all are let through together. There is nothing to give back.
 *
 * @param <T> what each is told
 */
abstract class Gate<T> extends DirectResource<T> implements Measured {

	/** Guarded by this. */
	final WaitQueue queue = new WaitQueue();

	Gate(String name) {
		super(name);
	}

	/** Inside a scope in one of its own, so that it is seen waiting. */
	final Mono<T> pass() {
		return Scope.current()
			.map((scope) -> scope.scopes().use(this, (value) -> Mono.<T>just(value)))
			.defaultIfEmpty(acquire())
			.flatMap(Function.identity());
	}

	/** Takes out all who wait, in order of arrival, to be answered outside the lock. */
	final List<Waiter> everybody() {
		List<Waiter> all = new ArrayList<>(this.queue.size());
		for (Waiter next = this.queue.peek(); next != null; next = this.queue.peek()) {
			this.queue.remove(next);
			all.add(next);
		}
		return all;
	}

	/**
	 * How many wait.
	 * @return the number now
	 */
	public final synchronized int waiting() {
		return this.queue.size();
	}

	@Override
	protected final synchronized boolean withdraw(Waiter waiter) {
		return this.queue.remove(waiter);
	}

	@Override
	protected final void giveBack(T value) {
		// Nothing was taken.
	}

	@Override
	protected abstract @Nullable T attempt(Waiter waiter);

}
