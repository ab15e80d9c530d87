package io.scopedasync.webclient;

import java.time.Duration;
import java.util.Objects;

import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Configures a {@link SessionResource}.
 */
public final class SessionBuilder {

	/** How many sessions may be lent at once unless {@linkplain #size set}. */
	public static final int DEFAULT_MAX_SIZE = 10;

	private final SessionOptions options;

	SessionBuilder(String name) {
		this.options = new SessionOptions(Objects.requireNonNull(name, "name"));
	}

	/**
	 * What the session's clients are made from: base URL, default headers, codecs,
	 * filters, observations. Its connector is replaced by the session's own; an exchange
	 * function that it has been given stays, and then nothing reaches the network.
	 * @param builder copied; a plain one unless set
	 * @return this
	 */
	public SessionBuilder webClient(WebClient.Builder builder) {
		this.options.webClient = builder.clone();
		return this;
	}

	/**
	 * How sessions reach the network.
	 * @param transport plain Reactor Netty unless set
	 * @return this
	 */
	public SessionBuilder transport(SessionTransport transport) {
		this.options.transport = Objects.requireNonNull(transport, "transport");
		return this;
	}

	/**
	 * The clock of every limit and of the cookies' ages.
	 * @param clock {@link ScopeClock#system()} unless set
	 * @return this
	 */
	public SessionBuilder clock(ScopeClock clock) {
		this.options.clock = Objects.requireNonNull(clock, "clock");
		return this;
	}

	/**
	 * What is told of bodies that nobody read, and of requests after the end of their
	 * scope.
	 * @param watcher {@link ScopeWatcher#NONE} unless set
	 * @return this
	 */
	public SessionBuilder watcher(ScopeWatcher watcher) {
		this.options.watcher = Objects.requireNonNull(watcher, "watcher");
		return this;
	}

	/**
	 * From which age on a scope that holds a session counts as overdue.
	 * @param threshold null unless set: as for all scopes
	 * @return this
	 */
	public SessionBuilder leakThreshold(@Nullable Duration threshold) {
		this.options.leakThreshold = threshold;
		return this;
	}

	/**
	 * In which header a request says how many milliseconds its scope has left, so that
	 * the server need not work for nobody. A request that sets the header itself keeps
	 * its own; a scope without a deadline sends none.
	 * @param header null unless set: in none
	 * @return this
	 */
	public SessionBuilder deadlineHeader(@Nullable String header) {
		Assert.isTrue(header == null || !header.isBlank(),
				() -> "Session '" + this.options.name + "' can't have a deadline header without a name");
		this.options.deadlineHeader = header;
		return this;
	}

	/**
	 * How sessions get in and out.
	 * @param login null unless set: sessions need no login and never expire
	 * @return this
	 */
	public SessionBuilder login(@Nullable SessionLogin login) {
		this.options.login = login;
		return this;
	}

	/**
	 * Whether sessions keep cookies.
	 * @param cookies true unless set
	 * @return this
	 */
	public SessionBuilder cookies(boolean cookies) {
		this.options.cookies = cookies;
		return this;
	}

	/**
	 * How many sessions there are.
	 * @param min made by {@link SessionResource#warmUp()}; 0 unless set
	 * @param max lent at once at most; 10 unless set
	 * @return this
	 */
	public SessionBuilder size(int min, int max) {
		Assert.isTrue(min >= 0 && max >= 1 && min <= max,
				() -> "Session '" + this.options.name + "' can't have between " + min + " and " + max
						+ " sessions: the maximum is at least 1 and at least the minimum");
		this.options.minSize = min;
		this.options.maxSize = max;
		return this;
	}

	/**
	 * How many scopes may wait for a session, and how many requests of a session for a
	 * connection, before more are rejected.
	 * @param maxWaiting 1,000 unless set
	 * @return this
	 */
	public SessionBuilder maxWaiting(int maxWaiting) {
		Assert.isTrue(maxWaiting >= 0, () -> "Session '" + this.options.name + "' can't have a queue of " + maxWaiting
				+ ": use 0 to let nobody wait");
		this.options.maxWaiting = maxWaiting;
		return this;
	}

	/**
	 * How many requests of one session run at once; the others wait.
	 * @param connections 8 unless set
	 * @return this
	 */
	public SessionBuilder connections(int connections) {
		Assert.isTrue(connections >= 1, () -> "Session '" + this.options.name + "' can't have " + connections
				+ " connections: it needs at least 1");
		this.options.connections = connections;
		return this;
	}

	/**
	 * How long a scope waits for a session, and a request for a connection of its
	 * session.
	 * @param limit 10 seconds unless set
	 * @return this
	 */
	public SessionBuilder acquireTimeout(Duration limit) {
		this.options.acquireTimeout = positive("acquire timeout", limit);
		return this;
	}

	/**
	 * How long connecting may take.
	 * @param limit 10 seconds unless set
	 * @return this
	 */
	public SessionBuilder connectTimeout(Duration limit) {
		this.options.connectTimeout = positive("connect timeout", limit);
		return this;
	}

	/**
	 * How long a server may be silent, before its answer and within it.
	 * @param limit 30 seconds unless set
	 * @return this
	 */
	public SessionBuilder responseTimeout(Duration limit) {
		this.options.responseTimeout = positive("response timeout", limit);
		return this;
	}

	/**
	 * How long a request may take in all, from waiting for a connection to the last byte
	 * of the answer. The limit of the scope around it counts if less is left.
	 * @param limit 5 minutes unless set
	 * @return this
	 */
	public SessionBuilder totalTimeout(Duration limit) {
		this.options.totalTimeout = positive("total timeout", limit);
		return this;
	}

	/**
	 * How long a login, and a logout, may take.
	 * @param limit 5 seconds unless set
	 * @return this
	 */
	public SessionBuilder loginTimeout(Duration limit) {
		this.options.loginTimeout = positive("login timeout", limit);
		return this;
	}

	/**
	 * How long the end of a scope waits for the rest of an answer that nobody read,
	 * before it closes the connection.
	 * @param limit 200 milliseconds unless set
	 * @return this
	 */
	public SessionBuilder drainTimeout(Duration limit) {
		this.options.drainTimeout = positive("drain timeout", limit);
		return this;
	}

	/**
	 * How long a session, and a connection, may be unused before it is discarded.
	 * @param limit 1 minute unless set
	 * @return this
	 */
	public SessionBuilder idleTime(Duration limit) {
		this.options.idleTime = positive("idle time", limit);
		return this;
	}

	/**
	 * How old a session, and a connection, may become. One that is in use is discarded
	 * afterwards.
	 * @param limit null unless set: no limit
	 * @return this
	 */
	public SessionBuilder lifeTime(@Nullable Duration limit) {
		this.options.lifeTime = (limit != null) ? positive("life time", limit) : null;
		return this;
	}

	/**
	 * Builds the sessions. Nothing is connected yet.
	 * @return the resource
	 */
	public SessionResource build() {
		return new SessionResource(this.options.copy());
	}

	private Duration positive(String what, Duration limit) {
		Assert.isTrue(!limit.isNegative() && !limit.isZero(), () -> "Session '" + this.options.name + "' can't have a "
				+ what + " of " + limit + ": it must be above zero");
		return ScopeClock.limited(limit);
	}

}
