package io.scopedasync.webclient;

import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import io.netty.channel.ChannelOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

import org.springframework.http.HttpHeaders;
import org.springframework.http.client.reactive.ClientHttpConnector;
import org.springframework.http.client.reactive.ClientHttpResponse;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * What stays of a session between scopes: cookies, connections, login.
 */
final class PooledSession {

	private static final Logger logger = LoggerFactory.getLogger(PooledSession.class);

	private final SessionResource resource;

	private final SessionOptions options;

	private final CookieJar cookies;

	private final ConnectionProvider connections;

	private final ClientHttpConnector connector;

	/** Those that have begun and not ended, of whoever is lent the session. */
	private final Set<Exchange> exchanges = ConcurrentHashMap.newKeySet();

	private final Mono<Void> closed;

	private volatile boolean loggedIn;

	PooledSession(SessionResource resource) {
		this.resource = resource;
		this.options = resource.options();
		this.cookies = new CookieJar(this.options.clock);
		ConnectionProvider.Builder connections = ConnectionProvider.builder("session-" + resource.name())
			.maxConnections(this.options.connections)
			.pendingAcquireMaxCount(this.options.maxWaiting)
			.pendingAcquireTimeout(this.options.acquireTimeout)
			.maxIdleTime(this.options.idleTime);
		if (this.options.lifeTime != null) {
			connections.maxLifeTime(this.options.lifeTime);
		}
		this.connections = connections.build();
		this.connector = this.options.transport.connector(this.connections, this::configure);
		// Several ways lead here at shutdown; whoever comes second waits for the same
		// end.
		this.closed = Mono.defer(this::shutDown).cache();
	}

	private HttpClient configure(HttpClient client) {
		HttpClient configured = client
			.option(ChannelOption.CONNECT_TIMEOUT_MILLIS,
					(int) Math.min(Integer.MAX_VALUE, this.options.connectTimeout.toMillis()))
			.responseTimeout(this.options.responseTimeout);
		if (!this.options.cookies) {
			return configured;
		}
		// The caller never sees the answer of a redirect, and that is where logins set
		// their cookies.
		return configured.doOnRedirect((response, connection) -> {
			String url = response.resourceUrl();
			if (url != null) {
				this.cookies.store(URI.create(url), response.responseHeaders().getAll(HttpHeaders.SET_COOKIE));
			}
		});
	}

	/**
	 * Logs in, if there is a login.
	 * @return this session; an error after everything was closed
	 */
	Mono<PooledSession> logIn() {
		SessionLogin login = this.options.login;
		if (login == null) {
			return Mono.just(this);
		}
		return internally("login", login::login).then(Mono.fromCallable(() -> {
			this.loggedIn = true;
			return this;
		})).onErrorResume((error) -> close().then(Mono.error(error)));
	}

	private Mono<Void> internally(String what, Function<WebClient, Mono<Void>> use) {
		return Mono.defer(() -> {
			Session session = Session.unlent(this.resource, this);
			Mono<Void> slow = this.resource.after(this.options.loginTimeout)
				.then(Mono.error(() -> new SessionTimeoutException(this.resource.name(), this.options.loginTimeout,
						"The " + what + " of session '" + this.resource.name()
								+ "' took longer than its login-timeout of " + this.options.loginTimeout.toMillis()
								+ " ms. Raise it, or find out why the server is slow.")));
			return Mono.firstWithSignal(Mono.defer(() -> use.apply(session.client())), slow)
				.onErrorResume((error) -> session.end().then(Mono.error(error)))
				.then(Mono.defer(session::end));
		});
	}

	void answered(URI uri, ClientHttpResponse response) {
		if (this.options.cookies) {
			List<String> set = response.getHeaders().get(HttpHeaders.SET_COOKIE);
			if (set != null) {
				this.cookies.store(uri, set);
			}
		}
	}

	void expire() {
		this.loggedIn = false;
	}

	List<CookieJar.Entry> cookies(URI uri) {
		return this.options.cookies ? this.cookies.matching(uri) : List.of();
	}

	Set<Exchange> exchanges() {
		return this.exchanges;
	}

	ClientHttpConnector connector() {
		return this.connector;
	}

	/**
	 * Logs out and closes every connection.
	 * @return completes, always, once closed
	 */
	Mono<Void> close() {
		return this.closed;
	}

	private Mono<Void> shutDown() {
		SessionLogin login = this.options.login;
		Mono<Void> logout = (this.loggedIn && login != null) ? internally("logout", login::logout) : Mono.empty();
		return logout.onErrorResume((error) -> warn("Session '" + this.resource.name() + "' could not log out", error))
			.then(Mono.defer(() -> Mono.firstWithSignal(this.connections.disposeLater(),
					this.resource.after(this.options.drainTimeout))))
			.onErrorResume(
					(error) -> warn("Connections of session '" + this.resource.name() + "' could not be closed", error))
			.then(Mono.fromRunnable(() -> this.resource.discarded(this)));
	}

	private static Mono<Void> warn(String message, Throwable error) {
		logger.warn(message, error);
		return Mono.empty();
	}

}
