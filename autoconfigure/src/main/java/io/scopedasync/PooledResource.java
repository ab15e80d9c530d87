package io.scopedasync;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiPredicate;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A pool of what a resource makes: a scope is lent an object, works with it alone, and
 * gives it back at its end; scopes inside join it. Made by {@link AsyncResource#pooled}.
 * <p>
 * An object is made by the resource's {@code acquire()}, outside any scope: a scope that
 * goes away meanwhile loses its place, and the object goes to the next one. It is
 * destroyed by {@code release}, told how the scope ended whose end destroys it, or that
 * all was well if it was idle. Waiting can be cancelled and gives back by itself; it is
 * first come, first served. Of several idle objects the one that came back last is lent
 * first.
 *
 * @param <T> what is pooled
 */
public final class PooledResource<T> extends WrappedResource<Pooled, T> implements Measured {

	private final AsyncResource<T> made;

	private final Pool<T> pool;

	private final BiPredicate<? super T, ? super Exit> reuse;

	PooledResource(AsyncResource<T> made, PoolSettings<T> settings) {
		this(made, new Pool<>(made, settings), settings.reuse);
	}

	private PooledResource(AsyncResource<T> made, Pool<T> pool, BiPredicate<? super T, ? super Exit> reuse) {
		super(pool);
		this.made = made;
		this.pool = pool;
		this.reuse = reuse;
	}

	@Override
	@SuppressWarnings("unchecked")
	Mono<Exit> exitRaw(Object raw, Exit exit) {
		Pooled pooled = (Pooled) raw;
		boolean fit;
		try {
			fit = this.reuse.test((T) view(raw), exit);
		}
		catch (Throwable ex) {
			return Resources.unchanged(this.pool.giveBack(pooled, exit, false).then(Mono.error(ex)));
		}
		return Resources.unchanged(this.pool.giveBack(pooled, exit, fit));
	}

	@Override
	Mono<Void> abortRaw(Object raw) {
		return this.pool.closeByForce((Pooled) raw);
	}

	@Override
	Object view(Object raw) {
		return RawResource.view(this.made, ((Pooled) raw).raw);
	}

	@Override
	@Nullable Function<Context, Context> contextRaw(Object raw) {
		return RawResource.context(this.made, ((Pooled) raw).raw);
	}

	@Override
	public Object identity() {
		return this.pool.identity();
	}

	@Override
	public Nesting nesting() {
		return Nesting.JOIN;
	}

	DirectResource<Pooled> places() {
		return this.pool;
	}

	Lent<T> lent(Pooled pooled) {
		return new Lent<>(this, pooled);
	}

	@Override
	public String type() {
		return "pool";
	}

	@Override
	public Usage usage() {
		return this.pool.usage();
	}

	/**
	 * How many objects there are.
	 * @return those that are idle, lent, being made or being destroyed
	 */
	public int allocated() {
		return this.pool.alive();
	}

	/**
	 * Borrows by hand. A cancel while waiting takes the wait back; an object that meets a
	 * cancel goes back.
	 */
	Mono<Lent<T>> borrow() {
		return this.pool.acquire().map(this::lent);
	}

	/**
	 * Makes as many objects as the pool has at least. A cancel does not stop it: what is
	 * being made is the pool's.
	 * @return how many were made now, or the error of the first that failed
	 */
	public Mono<Integer> warmUp() {
		Mono<Long> made = Mono.create(this.pool::warm).repeat().takeWhile(Boolean::booleanValue).count();
		return Mono.create((sink) -> made.subscribe((count) -> sink.success(count.intValue()), sink::error));
	}

	/**
	 * Ends the pool: refuses new scopes and those that wait, destroys what is idle now,
	 * and what is lent when it comes back, never before. Eager, and the same end for
	 * every caller.
	 * @return completes once the last object is destroyed, or after 15 seconds, which is
	 * logged; what is lent then is destroyed when it comes back all the same
	 */
	public Mono<Void> close() {
		return this.pool.close();
	}

	/**
	 * An object as a {@link LendingResource} has it from its pool.
	 *
	 * @param <T> what is pooled
	 */
	public static final class Lent<T> {

		private final PooledResource<T> pool;

		private final Pooled pooled;

		private final AtomicBoolean ended = new AtomicBoolean();

		private Lent(PooledResource<T> pool, Pooled pooled) {
			this.pool = pool;
			this.pooled = pooled;
		}

		/**
		 * The object.
		 * @return to be used until it is given back
		 */
		@SuppressWarnings("unchecked")
		public T value() {
			return (T) this.pool.view(this.pooled);
		}

		/**
		 * Gives it back. Twice is the same as once.
		 * @param exit how the scope ended that used it, told to the object's release if
		 * that destroys it
		 * @param fit whether it may be lent again
		 * @return completes once the pool has it, or has destroyed it
		 */
		public Mono<Void> giveBack(Exit exit, boolean fit) {
			return Mono.defer(() -> this.ended.compareAndSet(false, true)
					? this.pool.pool.giveBack(this.pooled, exit, fit) : Mono.empty());
		}

	}

}
