package io.scopedasync;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

/**
 * The objects of a {@link PooledResource}, and those that wait for one. Each object is in
 * one place at a time: idle, lent, being made or being destroyed, and all of these count
 * until it is gone. Who waits is served in order of arrival, with what is given back as
 * with what is made, so a caller that goes away costs the others nothing.
 * <p>
 * What is decided is decided under the lock; what is called is called outside it.
 */
final class Pool<T> extends DirectResource<Pooled> {

	private static final Logger logger = LoggerFactory.getLogger(PooledResource.class);

	/** How long one may take to be destroyed that no scope waits for. */
	private static final Duration IDLE_LIMIT = Duration.ofSeconds(10);

	/** How long a close waits; longer than for one that is idle. */
	private static final Duration CLOSE_LIMIT = Duration.ofSeconds(15);

	private final AsyncResource<T> resource;

	private final int minSize;

	private final int maxSize;

	private final int maxWaiting;

	private final Duration acquireTimeout;

	/** Null if none is destroyed for that. */
	private final @Nullable Duration idleTime;

	private final @Nullable Duration lifeTime;

	private final ScopeClock clock;

	private final Sinks.Empty<Void> empty = Sinks.empty();

	// Guarded by this.

	private final WaitQueue queue = new WaitQueue();

	/** The last to come is the first to go, so that those not needed grow old. */
	private final Deque<Pooled> idle = new ArrayDeque<>();

	/** All that are not gone, those included that are being made or destroyed. */
	private int alive;

	private int making;

	private int lent;

	private int ending;

	private boolean closed;

	/** Of the first in the queue that may run out of time. */
	private @Nullable Disposable waitTimer;

	/** Of the first idle one whose time will be over. */
	private @Nullable Disposable idleTimer;

	private long idleTimerAt;

	Pool(AsyncResource<T> resource, PoolSettings<T> settings) {
		super(resource.name());
		settings.check();
		this.resource = resource;
		this.minSize = settings.minSize;
		this.maxSize = settings.maxSize;
		this.maxWaiting = settings.maxWaiting;
		this.acquireTimeout = settings.acquireTimeout;
		this.idleTime = settings.idleTime;
		this.lifeTime = settings.lifeTime;
		this.clock = settings.clock;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.resource.leakThreshold();
	}

	synchronized Measured.Usage usage() {
		return new Measured.Usage(this.lent, this.queue.size(), this.maxSize, this.idle.size());
	}

	synchronized int alive() {
		return this.alive;
	}

	// Borrowers.

	@Override
	protected @Nullable Pooled attempt(Waiter waiter) {
		Making making;
		List<Pooled> over = List.of();
		try {
			synchronized (this) {
				if (this.closed) {
					throw closed();
				}
				if (this.idleTimer != null && this.idleTimerAt - this.clock.nanos() <= 0) {
					over = takeOver();
				}
				Pooled free = this.idle.poll();
				if (free != null) {
					lend(free);
					return free;
				}
				making = enqueue(waiter);
			}
		}
		finally {
			over.forEach(this::destroyUnused);
		}
		Object outcome = (making != null) ? making.begin() : null;
		return (outcome != null) ? made(outcome, waiter, null) : null;
	}

	/** Under the lock: what is to be made for it; null if it is to wait. */
	private @Nullable Making enqueue(Waiter waiter) {
		Making own = null;
		if (this.alive < this.maxSize && this.queue.size() >= this.making) {
			own = startMaking(null);
		}
		boolean awaited = this.queue.size() < this.making;
		if (!awaited && this.queue.size() - this.making >= this.maxWaiting) {
			throw new AcquireRejectedException(name(), this.maxWaiting,
					"All " + this.maxSize + " objects of pool '" + name() + "' are lent and " + this.maxWaiting
							+ " callers wait already. Raise max-size or max-waiting, or send fewer calls.");
		}
		if (awaited || this.acquireTimeout.isZero()) {
			this.queue.add(waiter, 1, 0);
		}
		else {
			this.queue.addExpiring(waiter, 1, this.clock.nanos());
			if (this.waitTimer == null) {
				armFor(waiter);
			}
		}
		return own;
	}

	/** A clock that was shut down refuses: then the caller must not wait on unseen. */
	private void armFor(Waiter waiter) {
		try {
			this.waitTimer = this.clock.schedule(this::expire, this.acquireTimeout);
		}
		catch (RuntimeException ex) {
			this.queue.remove(waiter);
			throw ex;
		}
	}

	private void expire() {
		for (Waiter late = takeLate(); late != null; late = takeLate()) {
			late.refuse(new AcquireTimeoutException(name(), this.acquireTimeout,
					"No object of pool '" + name() + "' became free within its acquire-timeout of "
							+ ScopeClock.toMillis(this.acquireTimeout) + " ms; all " + this.maxSize
							+ " are lent. Raise max-size or acquire-timeout, or shorten the scopes that hold them."));
		}
	}

	private synchronized @Nullable Waiter takeLate() {
		Waiter first = this.queue.firstExpiring();
		if (first == null) {
			this.waitTimer = null;
			return null;
		}
		long left = ScopeClock.toNanos(this.acquireTimeout) - (this.clock.nanos() - first.queuedAt());
		if (left > 0) {
			this.waitTimer = this.clock.scheduleNanos(this::expire, left);
			return null;
		}
		this.queue.remove(first);
		return first;
	}

	@Override
	protected synchronized boolean withdraw(Waiter waiter) {
		return this.queue.remove(waiter);
	}

	private @Nullable Waiter takeNext() {
		Waiter next = this.queue.peek();
		if (next != null) {
			this.queue.remove(next);
		}
		return next;
	}

	private void lend(Pooled pooled) {
		pooled.lent = true;
		this.lent++;
	}

	/** Takes back one that was not used. */
	@Override
	protected void giveBack(Pooled pooled) {
		if (!takeBack(pooled, true)) {
			destroyUnused(pooled);
		}
	}

	/**
	 * Takes back one that was lent.
	 * @param exit how the scope ended
	 * @param fit whether it is to be lent again
	 * @return what the scope waits for
	 */
	Mono<Void> giveBack(Pooled pooled, Exit exit, boolean fit) {
		return takeBack(pooled, fit) ? Mono.empty() : destroy(pooled, exit);
	}

	/** False if it is to be destroyed. */
	private boolean takeBack(Pooled pooled, boolean fit) {
		Waiter next;
		synchronized (this) {
			if (!pooled.lent) {
				return true;
			}
			pooled.lent = false;
			this.lent--;
			if (!fit || this.closed || isTooOld(pooled)) {
				this.ending++;
				return false;
			}
			next = takeNext();
			if (next == null) {
				keep(pooled);
				return true;
			}
			lend(pooled);
		}
		next.grant(pooled);
		return true;
	}

	// What is made.

	/** Under the lock. */
	private Making startMaking(@Nullable MonoSink<Boolean> warming) {
		this.alive++;
		this.making++;
		return new Making(warming);
	}

	/** Makes one more if there are fewer than at least; tells whether it did. */
	void warm(MonoSink<Boolean> sink) {
		Making making = null;
		boolean closed;
		synchronized (this) {
			closed = this.closed;
			if (!closed && this.alive - this.ending < this.minSize && this.alive < this.maxSize) {
				making = startMaking(sink);
			}
		}
		if (closed) {
			sink.error(closed());
		}
		else if (making == null) {
			sink.success(false);
		}
		else {
			making.run();
		}
	}

	/** Makes what is waited for, where there is room. */
	private void fill() {
		for (Making next = nextMaking(); next != null; next = nextMaking()) {
			HandOver.runNext(next);
		}
	}

	private synchronized @Nullable Making nextMaking() {
		if (this.closed || this.alive >= this.maxSize || this.queue.size() <= this.making) {
			return null;
		}
		// What is made for it takes the time that it takes.
		this.queue.keepFirstExpiring();
		return startMaking(null);
	}

	/**
	 * One was made, or could not be.
	 * @param outcome the object or an error
	 * @param here the waiter on whose thread and behalf it was made, null if none
	 * @param warming told instead of a waiter if it could not be made
	 * @return the object if the waiter has it; the error is thrown if it is the waiter's
	 */
	private @Nullable Pooled made(Object outcome, @Nullable Waiter here, @Nullable MonoSink<Boolean> warming) {
		Pooled pooled = (outcome instanceof Pooled made) ? made : null;
		Waiter next;
		boolean closed;
		synchronized (this) {
			this.making--;
			closed = this.closed;
			next = (pooled == null && warming != null) ? null : takeNext();
			if (pooled == null) {
				this.alive--;
			}
			else if (closed) {
				this.ending++;
			}
			else if (next != null) {
				lend(pooled);
			}
			else {
				keep(pooled);
			}
		}
		if (pooled == null) {
			failed((Throwable) outcome, next, here, warming);
			return null;
		}
		if (closed) {
			destroyUnused(pooled);
		}
		if (warming != null) {
			warming.success(true);
		}
		if (next != null && next != here) {
			next.grant(pooled);
		}
		return (next == here) ? pooled : null;
	}

	private void failed(Throwable error, @Nullable Waiter next, @Nullable Waiter here,
			@Nullable MonoSink<Boolean> warming) {
		left();
		if (warming != null) {
			warming.error(error);
		}
		else if (next == null) {
			logger.warn("An object of pool '{}' could not be made, and no caller waits for it any more", name(), error);
		}
		else if (next == here) {
			throw Exceptions.propagate(error);
		}
		else {
			next.refuse(error);
		}
	}

	/** There is room for one more. */
	private void left() {
		boolean empty;
		synchronized (this) {
			empty = this.closed && this.alive == 0;
		}
		if (empty) {
			this.clock.close(this.empty::tryEmitEmpty);
		}
		else {
			fill();
		}
	}

	// What is idle.

	/** Under the lock. */
	private void keep(Pooled pooled) {
		this.idle.push(pooled);
		if (this.idleTime != null || this.lifeTime != null) {
			long now = this.clock.nanos();
			pooled.idleSince = now;
			arm(now, nanosLeft(pooled, now, spare() > 0));
		}
	}

	private void arm(long now, long left) {
		if (left == Long.MAX_VALUE || (this.idleTimer != null && now + left - this.idleTimerAt >= 0)) {
			return;
		}
		stopIdleTimer();
		this.idleTimerAt = now + left;
		this.idleTimer = this.clock.scheduleNanos(this::evict, left);
	}

	private void stopIdleTimer() {
		if (this.idleTimer != null) {
			this.idleTimer.dispose();
			this.idleTimer = null;
		}
	}

	/** How many there are that need not be kept. */
	private int spare() {
		return this.alive - this.ending - this.minSize;
	}

	private long nanosLeft(Pooled pooled, long now, boolean spare) {
		long left = Long.MAX_VALUE;
		if (this.idleTime != null && spare) {
			left = ScopeClock.toNanos(this.idleTime) - (now - pooled.idleSince);
		}
		if (this.lifeTime != null) {
			left = Math.min(left, ScopeClock.toNanos(this.lifeTime) - (now - pooled.madeAt));
		}
		return left;
	}

	private boolean isTooOld(Pooled pooled) {
		return this.lifeTime != null && this.clock.nanos() - pooled.madeAt >= ScopeClock.toNanos(this.lifeTime);
	}

	private void evict() {
		List<Pooled> over;
		synchronized (this) {
			this.idleTimer = null;
			over = takeOver();
			long now = this.clock.nanos();
			boolean spare = spare() > 0;
			this.idle.stream()
				.mapToLong((pooled) -> nanosLeft(pooled, now, spare))
				.min()
				.ifPresent((left) -> arm(now, Math.max(1, left)));
		}
		over.forEach(this::destroyUnused);
	}

	/** Under the lock: those whose time is over, the oldest first. */
	private List<Pooled> takeOver() {
		long now = this.clock.nanos();
		List<Pooled> over = new ArrayList<>();
		Iterator<Pooled> oldest = this.idle.descendingIterator();
		while (oldest.hasNext()) {
			Pooled pooled = oldest.next();
			if (nanosLeft(pooled, now, spare() > 0) <= 0) {
				oldest.remove();
				this.ending++;
				over.add(pooled);
			}
		}
		return over;
	}

	// What is destroyed.

	/** On a thread that may block, where no caller waits for it. */
	private void destroyUnused(Pooled pooled) {
		this.clock.close(() -> destroy(pooled, null).subscribe());
	}

	/**
	 * Destroys one that is in no other hands.
	 * @param end of the scope that waits for it; null if none does
	 */
	private Mono<Void> destroy(Pooled pooled, @Nullable Exit end) {
		return Mono.deferContextual((context) -> {
			Exit exit = (end != null) ? end : Exit.completed();
			Mono.defer(() -> RawResource.exit(this.resource, pooled.raw, exit))
				.then()
				.contextWrite(context)
				.subscribe(null, (error) -> destroyed(pooled, error, end != null),
						() -> destroyed(pooled, null, end != null));
			if (end == null && !pooled.gone.get()) {
				Disposable limit = this.clock.schedule(() -> closeByForce(pooled).subscribe(null, this::warn),
						IDLE_LIMIT);
				return pooled.destroyed.asMono().doFinally((signal) -> limit.dispose());
			}
			return pooled.destroyed.asMono();
		});
	}

	private void destroyed(Pooled pooled, @Nullable Throwable error, boolean awaited) {
		gone(pooled);
		if (error == null) {
			pooled.destroyed.tryEmitEmpty();
		}
		else if (!awaited || pooled.destroyed.tryEmitError(error).isFailure()) {
			warn(error);
			pooled.destroyed.tryEmitEmpty();
		}
	}

	private void warn(Throwable error) {
		logger.warn("An object of pool '{}' could not be destroyed", name(), error);
	}

	/** Its room is free once it is closed by force, or that has had its time. */
	Mono<Void> closeByForce(Pooled pooled) {
		Runnable ended = () -> {
			gone(pooled);
			pooled.destroyed.tryEmitEmpty();
		};
		return Mono.defer(() -> {
			Disposable limit = this.clock.schedule(ended, IDLE_LIMIT);
			return RawResource.abort(this.resource, pooled.raw).doFinally((signal) -> limit.dispose());
		}).doFinally((signal) -> ended.run());
	}

	private void gone(Pooled pooled) {
		if (!pooled.gone.compareAndSet(false, true)) {
			return;
		}
		synchronized (this) {
			this.alive--;
			this.ending--;
		}
		left();
	}

	// The end.

	Mono<Void> close() {
		List<Waiter> refused = new ArrayList<>();
		List<Pooled> unused;
		boolean empty;
		synchronized (this) {
			if (this.closed) {
				return this.empty.asMono();
			}
			this.closed = true;
			for (Waiter waiter = takeNext(); waiter != null; waiter = takeNext()) {
				refused.add(waiter);
			}
			unused = List.copyOf(this.idle);
			this.idle.clear();
			this.ending += unused.size();
			stopIdleTimer();
			if (this.waitTimer != null) {
				this.waitTimer.dispose();
				this.waitTimer = null;
			}
			empty = this.alive == 0;
		}
		Waiter.refuseAll(refused, this::closed);
		unused.forEach(this::destroyUnused);
		if (empty) {
			this.empty.tryEmitEmpty();
		}
		else {
			this.clock.closeLater(this::giveUp, ScopeClock.toNanos(CLOSE_LIMIT));
		}
		return this.empty.asMono();
	}

	private void giveUp() {
		int lent;
		int others;
		synchronized (this) {
			lent = this.lent;
			others = this.alive - lent;
		}
		if (lent + others > 0) {
			logger.warn(
					"Pool '{}' was told to close {} ms ago and goes on without waiting: {} of its objects are "
							+ "still lent, {} are being made or destroyed. Each is destroyed when it comes back.",
					name(), CLOSE_LIMIT.toMillis(), lent, others);
			this.empty.tryEmitEmpty();
		}
	}

	private RuntimeException closed() {
		return new ScopeClosedException(name(), "The pool '" + name()
				+ "' is closed. Begin no scope that needs it after the application has begun to stop.");
	}

	/**
	 * One that is being made. It is finished even if the scope that asked for it is gone,
	 * so it is none of that one's context.
	 */
	private final class Making implements Runnable {

		private static final Object ELSEWHERE = new Object();

		private final @Nullable MonoSink<Boolean> warming;

		private final AtomicReference<@Nullable Object> outcome = new AtomicReference<>();

		Making(@Nullable MonoSink<Boolean> warming) {
			this.warming = warming;
		}

		/** What came of it if it ended at once; otherwise the pool is told. */
		@Nullable Object begin() {
			Mono.defer(() -> RawResource.acquire(Pool.this.resource))
				.<Object>map((raw) -> new Pooled(raw, Pool.this.clock.nanos()))
				.switchIfEmpty(Mono.error(() -> ScopeExtras.emptyAcquisition(name())))
				.contextWrite((context) -> Context.empty())
				.subscribe(this::ended, this::ended);
			return this.outcome.compareAndSet(null, ELSEWHERE) ? null : this.outcome.get();
		}

		private void ended(Object outcome) {
			if (!this.outcome.compareAndSet(null, outcome) && this.outcome.compareAndSet(ELSEWHERE, outcome)) {
				made(outcome, null, this.warming);
			}
		}

		@Override
		public void run() {
			Object outcome = begin();
			if (outcome != null) {
				made(outcome, null, this.warming);
			}
		}

	}

}
