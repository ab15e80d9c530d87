package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

import io.netty.handler.timeout.ReadTimeoutException;
import io.scopedasync.AcquireRejectedException;
import io.scopedasync.Exit;
import io.scopedasync.PooledResource;
import io.scopedasync.ScopeClosedException;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import org.springframework.http.HttpMethod;
import org.springframework.http.client.reactive.ClientHttpConnector;
import org.springframework.http.client.reactive.ClientHttpRequest;
import org.springframework.http.client.reactive.ClientHttpResponse;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * An HTTP session as one scope is lent it. Its cookies, connections and login are those
 * of earlier scopes; its requests are this scope's alone, and end with it at the latest.
 */
public final class Session {

	private final SessionResource resource;

	private final PooledSession pooled;

	/** Null while nobody is lent the session: in login and logout. */
	private final PooledResource.@Nullable Lent<PooledSession> lent;

	private volatile boolean ended;

	private volatile boolean invalid;

	private Session(SessionResource resource, PooledSession pooled, PooledResource.@Nullable Lent<PooledSession> lent) {
		this.resource = resource;
		this.pooled = pooled;
		this.lent = lent;
	}

	static Session lent(SessionResource resource, PooledResource.Lent<PooledSession> lent) {
		return new Session(resource, lent.value(), lent);
	}

	static Session unlent(SessionResource resource, PooledSession pooled) {
		return new Session(resource, pooled, null);
	}

	/**
	 * A client whose requests belong to this session, whoever subscribes to them. Base
	 * URL, default headers, customizers and limits are those of the injected client.
	 * @return the client; after the end of the scope its requests fail with
	 * {@link ScopeClosedException}
	 */
	public WebClient client() {
		return this.resource.client(Mono.just(this));
	}

	/**
	 * Has the session discarded at the end of its scope instead of lent again, for
	 * instance because the server has forgotten it. Calling it twice is the same as once.
	 */
	public void invalidate() {
		this.invalid = true;
	}

	/**
	 * The name of the session's resource.
	 * @return the name
	 */
	public String name() {
		return this.resource.name();
	}

	@Override
	public String toString() {
		return "session '" + name() + "'" + (this.ended ? " (ended)" : "");
	}

	Mono<ClientHttpResponse> exchange(HttpMethod method, URI uri, @Nullable Duration remaining,
			Function<? super ClientHttpRequest, Mono<Void>> callback) {
		return new HttpExchange(this, method, uri, limit(remaining), callback);
	}

	/** Null if requests don't tell. */
	@Nullable String deadlineHeader() {
		return this.resource.deadlineHeader();
	}

	private RequestLimit limit(@Nullable Duration remaining) {
		RequestLimit total = this.resource.totalLimit();
		if (remaining == null || remaining.compareTo(total.length()) >= 0) {
			return total;
		}
		// The scope ends the request itself, and better: its caller then hears of the
		// scope's limit. This is for requests that the scope can't reach.
		return new RequestLimit(remaining, "the rest that its scope had left", remaining.plus(drainTimeout()));
	}

	/**
	 * Ends what is still going on.
	 * @return completes, always, once every connection is free or closed; past the bound
	 * the session is invalid
	 */
	Mono<Void> end() {
		this.ended = true;
		List<Mono<Void>> ends = new ArrayList<>(1);
		for (Exchange exchange : this.pooled.exchanges()) {
			if (exchange.belongsTo(this)) {
				ends.add(exchange.stop(() -> ended(exchange.describe()), true));
			}
		}
		return (ends.size() == 1) ? ends.get(0) : Mono.when(ends);
	}

	/**
	 * Ends what is still going on, and gives the session back.
	 * @return completes once the pool has it, or has discarded it
	 */
	Mono<Void> giveBack(Exit exit) {
		PooledResource.Lent<PooledSession> lent = Objects.requireNonNull(this.lent, "lent");
		return end().then(Mono.defer(() -> lent.giveBack(exit, !this.invalid)));
	}

	ScopeClosedException ended(String request) {
		return new ScopeClosedException(name(), request + " was under way when the scope of session '" + name()
				+ "' ended, or was sent after it. Have the scoped method's result wait for every request that it sends.");
	}

	/** An exchange is about to begin; false if it must not. */
	boolean begun(Exchange exchange) {
		this.pooled.exchanges().add(exchange);
		// After adding, so that either this or the end of the session sees the other.
		return !this.ended;
	}

	void usedAfterEnd(String request) {
		this.resource.options().watcher.usedAfterClose(name(), request);
	}

	ClientHttpConnector connector() {
		return this.pooled.connector();
	}

	void answered(URI uri, ClientHttpResponse response) {
		this.pooled.answered(uri, response);
		SessionLogin login = this.resource.options().login;
		if (login != null && this.lent != null && login.expired(response.getStatusCode())) {
			this.pooled.expire();
			this.invalid = true;
		}
	}

	void finished(Exchange exchange) {
		this.pooled.exchanges().remove(exchange);
	}

	void unreadBody(String request) {
		this.resource.unreadBody(request);
	}

	/** Into words of ours, where those of the network don't say which limit passed. */
	Throwable translate(String request, Throwable error) {
		SessionOptions options = this.resource.options();
		if (error instanceof ReadTimeoutException) {
			long limit = options.responseTimeout.toMillis();
			return new SessionTimeoutException(name(), options.responseTimeout,
					request + " on session '" + name() + "' received nothing for its response-timeout of " + limit
							+ " ms. Raise it, or find out why the server is silent.");
		}
		// The network's own copy of the pool's classes is not for others to name.
		String kind = error.getClass().getSimpleName();
		if (kind.equals("PoolAcquireTimeoutException")) {
			return new SessionTimeoutException(name(), options.acquireTimeout,
					request + " waited longer than the acquire-timeout of " + options.acquireTimeout.toMillis()
							+ " ms for one of the " + options.connections + " connections of session '" + name()
							+ "'. Raise the session's 'connections', or send fewer requests at once.");
		}
		if (kind.equals("PoolAcquirePendingLimitException")) {
			return new AcquireRejectedException(name(), options.maxWaiting, request + " found all "
					+ options.connections + " connections of session '" + name() + "' in use and " + options.maxWaiting
					+ " requests waiting. Raise the session's 'connections' or 'max-waiting', or send fewer requests at once.");
		}
		return error;
	}

	List<CookieJar.Entry> cookies(URI uri) {
		return this.pooled.cookies(uri);
	}

	Deadlines deadlines() {
		return this.resource.deadlines();
	}

	Duration drainTimeout() {
		return this.resource.options().drainTimeout;
	}

}
