package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.Measured;
import io.scopedasync.ScopeClosedException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolAcquirePendingLimitException;
import reactor.pool.PoolAcquireTimeoutException;
import reactor.pool.PoolBuilder;
import reactor.pool.PoolShutdownException;
import reactor.util.context.Context;

import org.springframework.web.reactive.function.client.WebClient;

/**
 * A pool of HTTP sessions. A scope is lent one, works with it alone, and gives it back at
 * its end; scopes inside it join it. Waiting for a session can be cancelled and gives
 * back by itself.
 */
public final class SessionResource implements AsyncResource<Session>, Measured {

	private static final Logger logger = LoggerFactory.getLogger(SessionResource.class);

	/** How long {@link #close()} waits for sessions that are still lent. */
	private static final Duration LENT = Duration.ofSeconds(5);

	private final SessionOptions options;

	private final WebClient.Builder webClient;

	private final WebClient client;

	private final InstrumentedPool<PooledSession> pool;

	/** Every session that has been made and not yet closed. */
	private final Set<PooledSession> open = ConcurrentHashMap.newKeySet();

	private final Deadlines deadlines;

	private final RequestLimit totalLimit;

	private final LongAdder unreadBodies = new LongAdder();

	private final AtomicBoolean warned = new AtomicBoolean();

	private final AtomicBoolean closing = new AtomicBoolean();

	private final Sinks.Empty<Void> allGone = Sinks.empty();

	private final Sinks.Empty<Void> closed = Sinks.empty();

	SessionResource(SessionOptions options) {
		this.options = options;
		this.deadlines = new Deadlines(options.clock, this::exchanges);
		this.totalLimit = new RequestLimit(options.totalTimeout, "its total-timeout", options.totalTimeout);
		this.webClient = options.webClient.clientConnector(SessionConnector.INSTANCE);
		this.client = client(held());
		this.pool = PoolBuilder.from(Mono.defer(this::make))
			.sizeBetween(options.minSize, options.maxSize)
			.maxPendingAcquire(options.maxWaiting)
			.clock(options.clock.toClock())
			.pendingAcquireTimer((task, limit) -> options.clock.schedule(task, limit))
			.evictionPredicate((session, use) -> use.idleTime() >= options.idleTime.toMillis()
					|| options.lifeTime != null && use.lifeTime() >= options.lifeTime.toMillis())
			.evictInBackground(options.idleTime)
			.destroyHandler(PooledSession::close)
			.buildPool();
	}

	/**
	 * Configures new sessions.
	 * @param name name in metrics, logs and errors
	 * @return a builder
	 */
	public static SessionBuilder builder(String name) {
		return new SessionBuilder(name);
	}

	private Mono<PooledSession> make() {
		// The pool finishes this even if the scope that asked for it is gone: the next
		// one gets the session, so it is none of
		// the first one's context. Setting up TLS may block.
		return Mono.fromCallable(() -> {
			PooledSession session = new PooledSession(this);
			this.open.add(session);
			return session;
		})
			.subscribeOn(Schedulers.boundedElastic())
			.flatMap(PooledSession::logIn)
			.contextWrite((context) -> Context.empty());
	}

	@Override
	public Mono<Session> acquire() {
		// Nothing asynchronous may follow the pool: what is between it and the scope
		// could lose a session to a cancel.
		return this.pool.acquire(this.options.acquireTimeout)
			.map((ref) -> Session.lent(this, ref))
			.onErrorMap(this::translate);
	}

	@Override
	public Mono<Void> release(Session session, Exit exit) {
		return session.giveBack();
	}

	@Override
	public String name() {
		return this.options.name;
	}

	@Override
	public boolean cancellable() {
		return true;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.options.leakThreshold;
	}

	@Override
	public Nesting nesting() {
		return Nesting.JOIN;
	}

	/**
	 * A client that sends each request through the session that the innermost scope
	 * around its subscriber holds. Shared and thread-safe.
	 * @return the client; outside any scope its requests fail with
	 * {@link io.scopedasync.NoScopeException}
	 */
	public WebClient client() {
		return this.client;
	}

	WebClient client(Mono<Session> session) {
		return this.webClient.clone().filters((filters) -> filters.add(0, SessionConnector.outermost(session))).build();
	}

	/**
	 * What the pool looks like.
	 * @return a snapshot
	 */
	public Statistics statistics() {
		InstrumentedPool.PoolMetrics metrics = this.pool.metrics();
		return new Statistics(this.options.maxSize, metrics.allocatedSize(), metrics.acquiredSize(), metrics.idleSize(),
				metrics.pendingAcquireSize(), this.unreadBodies.sum());
	}

	@Override
	public String type() {
		return "session";
	}

	@Override
	public Usage usage() {
		Statistics now = statistics();
		return new Usage(now.active(), now.pending(), now.max(), now.idle());
	}

	/**
	 * Makes as many sessions as the pool has at least, logins included.
	 * @return how many were made now, or the error of the first that failed
	 */
	public Mono<Integer> warmUp() {
		return this.pool.warmup().onErrorMap(this::translate);
	}

	/**
	 * Ends the pool: refuses new scopes and those that wait, logs idle sessions out and
	 * closes their connections, and does so with lent ones once they are back, or after 5
	 * seconds. Eager, and the same end for every caller.
	 * @return completes once every session is closed
	 */
	public Mono<Void> close() {
		if (this.closing.compareAndSet(false, true)) {
			this.pool.disposeLater().onErrorResume((error) -> {
				logger.warn("The pool of session '{}' could not be closed", name(), error);
				return Mono.empty();
			}).then(Mono.defer(this::closeLent)).subscribe(null, null, this.closed::tryEmitEmpty);
		}
		return this.closed.asMono();
	}

	private Mono<Void> closeLent() {
		if (this.open.isEmpty()) {
			return Mono.empty();
		}
		Mono<Void> force = Mono.defer(() -> {
			if (this.open.isEmpty()) {
				return Mono.empty();
			}
			logger.warn("Closing {} of session '{}' that were not given back within {} ms", this.open.size(), name(),
					LENT.toMillis());
			return Mono.when(this.open.stream().map(PooledSession::close).toList());
		});
		return Mono.firstWithSignal(this.allGone.asMono(), after(LENT)).then(force);
	}

	void discarded(PooledSession session) {
		this.open.remove(session);
		if (this.open.isEmpty() && this.pool.isDisposed()) {
			this.allGone.tryEmitEmpty();
		}
	}

	void unreadBody(String request) {
		this.unreadBodies.increment();
		this.options.watcher.unreadBody(name(), request);
		if (this.warned.compareAndSet(false, true)) {
			logger
				.warn("Nobody read the body of {} before the scope of session '{}' ended. Read it, or release it with "
						+ "toBodilessEntity() or releaseBody(). Further ones are only counted.", request, name());
		}
	}

	Mono<Void> after(Duration delay) {
		return Mono.create((sink) -> sink.onDispose(this.options.clock.schedule(sink::success, delay)));
	}

	/** Those under way. */
	List<Exchange> exchanges() {
		return this.open.stream().flatMap((session) -> session.exchanges().stream()).toList();
	}

	@Nullable String deadlineHeader() {
		return this.options.deadlineHeader;
	}

	Deadlines deadlines() {
		return this.deadlines;
	}

	RequestLimit totalLimit() {
		return this.totalLimit;
	}

	SessionOptions options() {
		return this.options;
	}

	private Throwable translate(Throwable error) {
		if (error instanceof PoolAcquireTimeoutException) {
			Duration limit = this.options.acquireTimeout;
			return new AcquireTimeoutException(name(), limit,
					"No session of '" + name() + "' became free within its " + "acquire-timeout of " + limit.toMillis()
							+ " ms; all " + this.options.maxSize
							+ " are lent. Raise 'max-size' or 'acquire-timeout', or shorten the scopes that hold it.");
		}
		if (error instanceof PoolAcquirePendingLimitException) {
			return new AcquireRejectedException(name(), this.options.maxWaiting,
					"All " + this.options.maxSize + " sessions of '" + name() + "' are lent and "
							+ this.options.maxWaiting
							+ " callers wait already. Raise 'max-size' or 'max-waiting', or send fewer calls.");
		}
		if (error instanceof PoolShutdownException) {
			return new ScopeClosedException(name(), "The sessions of '" + name()
					+ "' are closed. Begin no scope that needs one after the application has begun to stop.");
		}
		return error;
	}

	/**
	 * Numbers of a pool.
	 *
	 * @param max how many sessions there may be
	 * @param allocated how many there are, those being made included
	 * @param active how many are lent
	 * @param idle how many wait to be lent
	 * @param pending how many scopes wait for one
	 * @param unreadBodies how many bodies nobody has read until its scope ended, since
	 * the beginning
	 */
	public record Statistics(int max, int allocated, int active, int idle, int pending, long unreadBodies) {
	}

}
