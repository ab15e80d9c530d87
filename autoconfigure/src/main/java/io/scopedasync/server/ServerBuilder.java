package io.scopedasync.server;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

import io.scopedasync.ScopeClock;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;

/**
 * Configures a {@link ServerResource}.
 */
public final class ServerBuilder {

	/**
	 * How many connections may be open at once unless {@linkplain #maxConnections set}.
	 */
	public static final int DEFAULT_MAX_CONNECTIONS = 10_000;

	private final String name;

	private final AsyncScopes scopes;

	private final Supplier<Mono<? extends DisposableServer>> bind;

	private final boolean http;

	private boolean bindOnly;

	private int maxConnections = DEFAULT_MAX_CONNECTIONS;

	private Duration grace = Duration.ofSeconds(5);

	private Duration abortAfter = Duration.ofSeconds(2);

	private Predicate<? super Throwable> stopOn = (error) -> false;

	private Consumer<? super List<ServerConnection>> aborted = (connections) -> {
	};

	private @Nullable Duration leakThreshold;

	ServerBuilder(String name, AsyncScopes scopes, Supplier<Mono<? extends DisposableServer>> bind, boolean http) {
		this.name = Objects.requireNonNull(name, "name");
		this.scopes = Objects.requireNonNull(scopes, "scopes");
		this.bind = bind;
		this.http = http;
		// A connection may well stay open; a request should end.
		this.leakThreshold = http ? null : ChronoUnit.FOREVER.getDuration();
	}

	/**
	 * Binds without accepting: clients wait in the system's queue until
	 * {@link Server#start()} or {@link Server#serveForever()}. Unless set, a server
	 * accepts as soon as it is acquired.
	 * @return this
	 */
	public ServerBuilder bindOnly() {
		this.bindOnly = true;
		return this;
	}

	/**
	 * How many connections may be open at once. Further clients wait in the system's
	 * queue, whose length is {@code ChannelOption.SO_BACKLOG} of the server, until one is
	 * closed.
	 * @param max {@value #DEFAULT_MAX_CONNECTIONS} unless set
	 * @return this
	 */
	public ServerBuilder maxConnections(int max) {
		if (max < 1) {
			throw new IllegalArgumentException(
					"Server '" + this.name + "' can't have max connections of " + max + ": give 1 or more.");
		}
		this.maxConnections = max;
		return this;
	}

	/**
	 * How long, at its end, the server waits for what is being served, whatever the exit
	 * of its scope.
	 * @param limit 5 seconds unless set; zero cancels at once
	 * @return this
	 */
	public ServerBuilder grace(Duration limit) {
		this.grace = notNegative("grace period", limit);
		return this;
	}

	/**
	 * How long, after the grace period, what was cancelled may take to settle before its
	 * connection is reset.
	 * @param limit 2 seconds unless set
	 * @return this
	 */
	public ServerBuilder abortAfter(Duration limit) {
		this.abortAfter = notNegative("abort limit", limit);
		return this;
	}

	/**
	 * Which errors of handlers stop the whole server, gracefully, and end
	 * {@link Server#serveForever()}. Any other one ends its own connection, of HTTP its
	 * own request.
	 * @param errors none unless set
	 * @return this
	 */
	public ServerBuilder stopOn(Predicate<? super Throwable> errors) {
		this.stopOn = Objects.requireNonNull(errors, "errors");
		return this;
	}

	/**
	 * What is told of connections that were reset, besides the log.
	 * @param listener called on an event loop; must not block
	 * @return this
	 */
	public ServerBuilder onAbort(Consumer<? super List<ServerConnection>> listener) {
		this.aborted = Objects.requireNonNull(listener, "listener");
		return this;
	}

	/**
	 * From which age on the scope of a connection, of HTTP of a request, counts as
	 * overdue.
	 * @param threshold unless set, never for a connection, and for a request as for all
	 * scopes
	 * @return this
	 */
	public ServerBuilder leakThreshold(Duration threshold) {
		this.leakThreshold = Objects.requireNonNull(threshold, "threshold");
		return this;
	}

	/**
	 * Builds the resource. Nothing is bound yet.
	 * @return the resource
	 * @throws IllegalArgumentException if the end of a server may take longer than a
	 * release
	 */
	public ServerResource build() {
		Duration end = this.grace.plus(this.abortAfter);
		Duration limit = this.scopes.releaseTimeout();
		if (end.compareTo(limit) >= 0) {
			throw new IllegalArgumentException("Server '" + this.name + "' may take " + end.toMillis()
					+ " ms to stop (grace period " + this.grace.toMillis() + " ms, then abort limit "
					+ this.abortAfter.toMillis() + " ms), but releases are given up after " + limit.toMillis()
					+ " ms: shorten these, or raise the release limit (scoped-async.release-timeout) above their sum.");
		}
		ScopeSpec spec = ScopeSpec.of(this.name + (this.http ? " request" : " connection"));
		if (this.leakThreshold != null) {
			spec = spec.leakThreshold(this.leakThreshold);
		}
		return new ServerResource(new ServerOptions(this.name, this.scopes, this.bind, spec, this.http, this.bindOnly,
				this.maxConnections, this.grace, this.abortAfter, this.stopOn, this.aborted));
	}

	private Duration notNegative(String what, Duration limit) {
		if (limit.isNegative()) {
			throw new IllegalArgumentException(
					"Server '" + this.name + "' can't have a " + what + " of " + limit + ": give zero or more.");
		}
		return ScopeClock.limited(limit);
	}

}
