package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.LendingResource;
import io.scopedasync.Measured;
import io.scopedasync.PoolSettings;
import io.scopedasync.PooledResource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import org.springframework.web.reactive.function.client.WebClient;

/**
 * A pool of HTTP sessions. A scope is lent one, works with it alone, and gives it back at
 * its end; scopes inside it join it. Waiting for a session can be cancelled and gives
 * back by itself.
 */
public final class SessionResource extends LendingResource<PooledSession, Session> implements Measured {

	private static final Logger logger = LoggerFactory.getLogger(SessionResource.class);

	/** How long {@link #close()} waits for sessions that are still lent. */
	private static final Duration LENT = Duration.ofSeconds(5);

	private final SessionOptions options;

	private final WebClient.Builder webClient;

	private final WebClient client;

	/** Every session that has been made and not yet closed. */
	private final Set<PooledSession> open = ConcurrentHashMap.newKeySet();

	private final Deadlines deadlines;

	private final RequestLimit totalLimit;

	private final LongAdder unreadBodies = new LongAdder();

	private final AtomicBoolean warned = new AtomicBoolean();

	private final AtomicBoolean closing = new AtomicBoolean();

	private final Mono<Void> lentAreClosed = Mono.defer(() -> after(LENT).then(Mono.defer(this::closeLent))).cache();

	SessionResource(SessionOptions options) {
		this(options, new Maker());
	}

	private SessionResource(SessionOptions options, Maker maker) {
		super(pool(maker, options));
		maker.resource = this;
		this.options = options;
		this.deadlines = new Deadlines(options.clock, this::exchanges);
		this.totalLimit = new RequestLimit(options.totalTimeout, "its total-timeout", options.totalTimeout);
		this.webClient = options.webClient.clientConnector(SessionConnector.INSTANCE);
		this.client = client(held());
	}

	private static PooledResource<PooledSession> pool(Maker maker, SessionOptions options) {
		return AsyncResource.of(maker::make, (PooledSession session, Exit exit) -> session.close())
			.named(options.name)
			.pooled((pool) -> configure(pool, options));
	}

	private static void configure(PoolSettings<PooledSession> pool, SessionOptions options) {
		pool.minSize(options.minSize)
			.maxSize(options.maxSize)
			.maxWaiting(options.maxWaiting)
			.acquireTimeout(options.acquireTimeout)
			.idleTime(options.idleTime)
			.clock(options.clock);
		if (options.lifeTime != null) {
			pool.lifeTime(options.lifeTime);
		}
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
		// Setting up TLS may block.
		return Mono.fromCallable(() -> {
			PooledSession session = new PooledSession(this);
			this.open.add(session);
			return session;
		}).subscribeOn(Schedulers.boundedElastic()).flatMap(PooledSession::logIn);
	}

	@Override
	protected Session lend(PooledResource.Lent<PooledSession> lent) {
		return Session.lent(this, lent);
	}

	@Override
	public Mono<Void> release(Session session, Exit exit) {
		return session.giveBack(exit);
	}

	@Override
	public String name() {
		return this.options.name;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.options.leakThreshold;
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
		Usage now = pool().usage();
		return new Statistics(now.max(), pool().allocated(), now.active(), now.idle(), now.pending(),
				this.unreadBodies.sum());
	}

	@Override
	public String type() {
		return "session";
	}

	@Override
	public Usage usage() {
		return pool().usage();
	}

	/**
	 * Makes as many sessions as the pool has at least, logins included.
	 * @return how many were made now, or the error of the first that failed
	 */
	public Mono<Integer> warmUp() {
		return pool().warmUp();
	}

	/**
	 * Ends the pool: refuses new scopes and those that wait, logs idle sessions out and
	 * closes their connections, and does so with lent ones once they are back, or after 5
	 * seconds. Eager, and the same end for every caller.
	 * @return completes once every session is closed
	 */
	public Mono<Void> close() {
		Mono<Void> closed = Mono.firstWithSignal(pool().close(), this.lentAreClosed);
		if (this.closing.compareAndSet(false, true)) {
			closed.subscribe();
		}
		return closed;
	}

	private Mono<Void> closeLent() {
		if (this.open.isEmpty()) {
			return Mono.empty();
		}
		logger.warn("Closing {} of session '{}' that were not given back within {} ms", this.open.size(), name(),
				LENT.toMillis());
		return Mono.when(this.open.stream().map(PooledSession::close).toList());
	}

	void discarded(PooledSession session) {
		this.open.remove(session);
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

	/** The pool is there before the resource, which it makes sessions for. */
	private static final class Maker {

		private @Nullable SessionResource resource;

		Mono<PooledSession> make() {
			return Objects.requireNonNull(this.resource).make();
		}

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
