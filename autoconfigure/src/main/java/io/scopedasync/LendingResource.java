package io.scopedasync;

import java.util.Objects;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A resource that lends what a pool lends it, to each scope in a form of its own. Waiting
 * for it is waiting for the pool.
 *
 * @param <P> what is pooled
 * @param <T> what a scope is lent
 */
public abstract class LendingResource<P, T> extends WrappedResource<Pooled, T> {

	private final PooledResource<P> pool;

	/**
	 * Creates the resource.
	 * @param pool what it lends
	 */
	protected LendingResource(PooledResource<P> pool) {
		super(pool.places());
		this.pool = pool;
	}

	/**
	 * What a scope is lent.
	 * @param lent what the pool has lent, given back by {@link #release}
	 * @return the form of the scope; never fails
	 */
	protected abstract T lend(PooledResource.Lent<P> lent);

	/**
	 * The pool.
	 * @return what is lent
	 */
	protected final PooledResource<P> pool() {
		return this.pool;
	}

	@Override
	public Mono<T> acquire() {
		return this.pool.borrow().map(this::lend);
	}

	@Override
	public abstract Mono<Void> release(T value, Exit exit);

	/** What a scope around holds is in its form already. */
	@Override
	final Object keep(Object raw) {
		return (raw instanceof Pooled pooled) ? Objects.requireNonNull(lend(this.pool.lent(pooled))) : raw;
	}

	@Override
	@SuppressWarnings("unchecked")
	final Mono<Exit> exitRaw(Object raw, Exit exit) {
		return exit((T) raw, exit);
	}

	@Override
	@SuppressWarnings("unchecked")
	final Mono<Void> abortRaw(Object raw) {
		return abort((T) raw);
	}

	@Override
	final Object view(Object raw) {
		return raw;
	}

	@Override
	@SuppressWarnings("unchecked")
	final @Nullable Function<Context, Context> contextRaw(Object raw) {
		return context((T) raw);
	}

	@Override
	public final Object identity() {
		return this.pool.identity();
	}

	@Override
	public Nesting nesting() {
		return this.pool.nesting();
	}

}
