package io.scopedasync;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiPredicate;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolAcquirePendingLimitException;
import reactor.pool.PoolAcquireTimeoutException;
import reactor.pool.PoolBuilder;
import reactor.pool.PoolShutdownException;
import reactor.pool.PooledRef;
import reactor.util.context.Context;

/**
 * A pool of what a resource makes: a scope is lent an object, works with it alone, and
 * gives it back at its end; scopes inside join it. Made by {@link AsyncResource#pooled}.
 * <p>
 * An object is made by the resource's {@code acquire()}, outside any scope: a scope that
 * goes away meanwhile loses its place, and the object goes to the next one. It is
 * destroyed by {@code release}, told how the scope ended whose end destroys it, or that
 * all was well if it was idle. Waiting can be cancelled and gives back by itself; it is
 * first come, first served.
 *
 * @param <T> what is pooled
 */
public final class PooledResource<T> extends RawResource<T> implements Measured {

	private static final Logger logger = LoggerFactory.getLogger(PooledResource.class);

	/** How long one may take to be destroyed that no scope waits for. */
	private static final Duration IDLE_LIMIT = Duration.ofSeconds(10);

	private final AsyncResource<T> resource;

	private final InstrumentedPool<Pooled> pool;

	private final int maxSize;

	private final int maxWaiting;

	private final Duration acquireTimeout;

	private final BiPredicate<? super T, ? super Exit> reuse;

	private final ScopeClock clock;

	private final PoolRoom room;

	private final AtomicBoolean closing = new AtomicBoolean();

	private final Sinks.Empty<Void> closed = Sinks.empty();

	PooledResource(AsyncResource<T> resource, PoolSettings<T> settings) {
		settings.check();
		this.resource = resource;
		this.maxSize = settings.maxSize;
		this.maxWaiting = settings.maxWaiting;
		this.acquireTimeout = settings.acquireTimeout;
		this.reuse = settings.reuse;
		this.clock = settings.clock;
		this.room = new PoolRoom(settings.maxSize);
		PoolBuilder<Pooled, ?> builder = PoolBuilder.from(Mono.defer(this::make))
			.sizeBetween(settings.minSize, settings.maxSize)
			.maxPendingAcquire(settings.maxWaiting)
			.clock(settings.clock.toClock())
			.pendingAcquireTimer((task, limit) -> settings.clock.schedule(task, limit))
			.destroyHandler(this::destroy);
		this.pool = evicting(builder, settings.idleTime, settings.lifeTime).buildPool();
	}

	private static <P> PoolBuilder<P, ?> evicting(PoolBuilder<P, ?> builder, @Nullable Duration idleTime,
			@Nullable Duration lifeTime) {
		if (idleTime == null && lifeTime == null) {
			return builder;
		}
		builder.evictionPredicate((pooled, use) -> idleTime != null && use.idleTime() >= idleTime.toMillis()
				|| lifeTime != null && use.lifeTime() >= lifeTime.toMillis());
		return (idleTime != null) ? builder.evictInBackground(idleTime) : builder;
	}

	private Mono<Pooled> make() {
		// The pool finishes this even if the scope that asked for it is gone: it is none
		// of that one's context.
		return this.room.enter()
			.then(Mono.defer(() -> RawResource.acquire(this.resource)))
			.map(Pooled::new)
			.switchIfEmpty(Mono.error(() -> ScopeExtras.emptyAcquisition(name())))
			.doOnError((error) -> this.room.leave())
			.flatMap((pooled) -> this.closing.get() ? destroy(pooled).then(Mono.error(new PoolShutdownException()))
					: Mono.just(pooled))
			.contextWrite((context) -> Context.empty());
	}

	private Mono<Void> destroy(Pooled pooled) {
		return Mono.deferContextual((context) -> {
			Exit end = pooled.end;
			Mono.defer(() -> RawResource.exit(this.resource, pooled.raw, (end != null) ? end : Exit.completed()))
				.then()
				.contextWrite(context)
				.subscribe(null, (error) -> destroyed(pooled, error), () -> destroyed(pooled, null));
			if (end == null && !pooled.gone.get()) {
				// No scope bounds it: nobody waits for one that is idle.
				Disposable limit = this.clock.schedule(() -> abort(pooled).subscribe(null, (error) -> warn(error)),
						IDLE_LIMIT);
				return pooled.destroyed.asMono().doFinally((signal) -> limit.dispose());
			}
			return pooled.destroyed.asMono();
		});
	}

	/** Tells the scope that has destroyed it, if there is one. */
	private void destroyed(Pooled pooled, @Nullable Throwable error) {
		this.room.leaveOnce(pooled.gone);
		if (error == null) {
			pooled.destroyed.tryEmitEmpty();
		}
		else if (pooled.end == null || pooled.destroyed.tryEmitError(error).isFailure()) {
			warn(error);
			pooled.destroyed.tryEmitEmpty();
		}
	}

	private void warn(Throwable error) {
		logger.warn("An object of pool '{}' could not be destroyed", name(), error);
	}

	private Mono<Void> abort(Pooled pooled) {
		// Its room is free when it is closed by force, whatever the release does.
		return Mono.defer(() -> RawResource.abort(this.resource, pooled.raw)).doFinally((signal) -> {
			this.room.leaveOnce(pooled.gone);
			pooled.destroyed.tryEmitEmpty();
		});
	}

	@Override
	Mono<?> acquireRaw() {
		// Nothing asynchronous may follow the pool: what is between it and the scope
		// could lose an object to a cancel.
		return this.pool.acquire(this.acquireTimeout).onErrorMap(this::translate);
	}

	@Override
	@SuppressWarnings("unchecked")
	Mono<Exit> exitRaw(Object raw, Exit exit) {
		PooledRef<Pooled> ref = (PooledRef<Pooled>) raw;
		boolean keep;
		try {
			keep = this.reuse.test((T) view(raw), exit);
		}
		catch (Throwable ex) {
			return Resources.unchanged(invalidate(ref, exit).then(Mono.error(ex)));
		}
		return Resources.unchanged(keep ? ref.release() : invalidate(ref, exit));
	}

	private static Mono<Void> invalidate(PooledRef<Pooled> ref, Exit exit) {
		ref.poolable().end = exit;
		return ref.invalidate();
	}

	@Override
	@SuppressWarnings("unchecked")
	Mono<Void> abortRaw(Object raw) {
		return abort(((PooledRef<Pooled>) raw).poolable());
	}

	@Override
	@SuppressWarnings("unchecked")
	Object view(Object raw) {
		return RawResource.view(this.resource, ((PooledRef<Pooled>) raw).poolable().raw);
	}

	@Override
	@SuppressWarnings("unchecked")
	@Nullable Function<Context, Context> contextRaw(Object raw) {
		return RawResource.context(this.resource, ((PooledRef<Pooled>) raw).poolable().raw);
	}

	@Override
	public String name() {
		return this.resource.name();
	}

	@Override
	public boolean cancellable() {
		return true;
	}

	@Override
	public Nesting nesting() {
		return Nesting.JOIN;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.resource.leakThreshold();
	}

	@Override
	public String type() {
		return "pool";
	}

	@Override
	public Usage usage() {
		InstrumentedPool.PoolMetrics metrics = this.pool.metrics();
		return new Usage(metrics.acquiredSize(), metrics.pendingAcquireSize(), this.maxSize, metrics.idleSize());
	}

	/**
	 * Makes as many objects as the pool has at least. A cancel does not stop it: what is
	 * being made is the pool's.
	 * @return how many were made now, or the error of the first that failed
	 */
	public Mono<Integer> warmUp() {
		return Mono.<Integer>create((sink) -> this.pool.warmup().subscribe(sink::success, sink::error))
			.onErrorMap(this::translate);
	}

	/**
	 * Ends the pool: refuses new scopes and those that wait, destroys what is idle now,
	 * and what is lent when it comes back. Eager, and the same end for every caller.
	 * @return completes once the last object is destroyed
	 */
	public Mono<Void> close() {
		if (this.closing.compareAndSet(false, true)) {
			this.pool.disposeLater().onErrorResume((error) -> {
				logger.warn("Pool '{}' could not be closed", name(), error);
				return Mono.empty();
			}).then(Mono.defer(this.room::empty)).subscribe(null, null, this.closed::tryEmitEmpty);
		}
		return this.closed.asMono();
	}

	private Throwable translate(Throwable error) {
		if (error instanceof PoolAcquireTimeoutException) {
			return new AcquireTimeoutException(name(), this.acquireTimeout,
					"No object of pool '" + name() + "' became free within its acquire-timeout of "
							+ this.acquireTimeout.toMillis() + " ms; all " + this.maxSize
							+ " are lent. Raise max-size or acquire-timeout, or shorten the scopes that hold them.");
		}
		if (error instanceof PoolAcquirePendingLimitException) {
			return new AcquireRejectedException(name(), this.maxWaiting,
					"All " + this.maxSize + " objects of pool '" + name() + "' are lent and " + this.maxWaiting
							+ " callers wait already. Raise max-size or max-waiting, or send fewer calls.");
		}
		if (error instanceof PoolShutdownException) {
			return new ScopeClosedException(name(), "The pool '" + name()
					+ "' is closed. Begin no scope that needs it after the application has begun to stop.");
		}
		return error;
	}

	/** What was made, and how the scope ended that makes it unfit for another one. */
	private static final class Pooled {

		final Object raw;

		/** For the pool and whoever invalidates it. */
		final Sinks.Empty<Void> destroyed = Sinks.empty();

		final AtomicBoolean gone = new AtomicBoolean();

		volatile @Nullable Exit end;

		Pooled(Object raw) {
			this.raw = raw;
			Parts.detach(raw);
		}

	}

}
