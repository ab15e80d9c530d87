package io.scopedasync.webclient;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;

import io.scopedasync.Scope;
import io.scopedasync.ScopedAsyncException;
import reactor.core.publisher.Mono;

import org.springframework.http.HttpMethod;
import org.springframework.http.client.reactive.ClientHttpConnector;
import org.springframework.http.client.reactive.ClientHttpRequest;
import org.springframework.http.client.reactive.ClientHttpResponse;
import org.springframework.web.reactive.function.client.ClientRequest;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.ExchangeFilterFunction;
import org.springframework.web.reactive.function.client.ExchangeFunction;
import org.springframework.web.reactive.function.client.WebClientRequestException;

/**
 * Both ends of a client's filter chain. The outermost filter finds the session, on the
 * caller's own thread, which any filter after it may leave; the connector sends each
 * request that arrives at the other end, retried ones too, through that session.
 */
final class SessionConnector implements ClientHttpConnector {

	static final SessionConnector INSTANCE = new SessionConnector();

	private SessionConnector() {
	}

	static ExchangeFilterFunction outermost(Mono<Session> session) {
		Mono<Optional<Scope>> scope = Scope.current().map(Optional::of).defaultIfEmpty(Optional.empty());
		Mono<Caller> caller = session.flatMap((found) -> scope.map((around) -> new Caller(found, around)));
		return (request, next) -> caller.flatMap((found) -> send(request, next, found));
	}

	private static Mono<ClientResponse> send(ClientRequest request, ExchangeFunction next, Caller caller) {
		return next.exchange(request)
			.contextWrite((context) -> context.put(Caller.class, caller))
			.onErrorMap(WebClientRequestException.class, SessionConnector::unwrap);
	}

	/** Our own errors say more than their wrapper. */
	private static Throwable unwrap(WebClientRequestException error) {
		return (error.getCause() instanceof ScopedAsyncException cause) ? cause : error;
	}

	@Override
	public Mono<ClientHttpResponse> connect(HttpMethod method, URI uri,
			Function<? super ClientHttpRequest, Mono<Void>> requestCallback) {
		return Mono.deferContextual((context) -> {
			Caller caller = context.get(Caller.class);
			Session session = caller.session();
			Duration remaining = caller.scope().flatMap(Scope::remaining).orElse(null);
			String header = session.deadlineHeader();
			return session.exchange(method, uri, remaining, (header == null || remaining == null) ? requestCallback
					: (request) -> requestCallback.apply(tell(request, header, caller.scope().orElseThrow())));
		});
	}

	/** At the last moment, when least is left. */
	private static ClientHttpRequest tell(ClientHttpRequest request, String header, Scope scope) {
		request.beforeCommit(() -> Mono.fromRunnable(() -> scope.remaining()
			.filter((left) -> !request.getHeaders().containsHeader(header))
			.ifPresent((left) -> request.getHeaders().set(header, Long.toString(left.toMillis())))));
		return request;
	}

	/**
	 * Who sends a request.
	 *
	 * @param session the session that it belongs to
	 * @param scope the scope that it is sent in
	 */
	private record Caller(Session session, Optional<Scope> scope) {
	}

}
