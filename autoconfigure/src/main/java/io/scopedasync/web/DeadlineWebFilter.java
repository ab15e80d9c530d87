package io.scopedasync.web;

import java.util.List;

import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ScopeSpec;
import reactor.core.publisher.Mono;

import org.springframework.core.Ordered;
import org.springframework.http.HttpStatus;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;

/**
 * Runs a request that says how long its caller waits in a scope with that deadline, which
 * all scopes of the request inherit. When it passes, the request is cancelled, everything
 * released, and the answer is 504, unless it has begun. A request without the header has
 * no scope. A limit of zero or less is answered with 504 before anything is acquired;
 * several values, or one that is no whole number of milliseconds, with 400.
 */
public final class DeadlineWebFilter implements WebFilter, Ordered {

	private final AsyncScopes scopes;

	private final DeadlineHeader header;

	/**
	 * Creates the filter.
	 * @param scopes the scopes
	 * @param header name of the header
	 */
	public DeadlineWebFilter(AsyncScopes scopes, String header) {
		this.scopes = scopes;
		this.header = new DeadlineHeader(header);
	}

	@Override
	public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
		List<String> values = exchange.getRequest().getHeaders().getOrEmpty(this.header.name());
		if (values.isEmpty()) {
			return chain.filter(exchange);
		}
		ScopeSpec spec;
		try {
			spec = this.header.spec(values);
		}
		catch (IllegalArgumentException ex) {
			return Mono.error(new ResponseStatusException(HttpStatus.BAD_REQUEST, ex.getMessage(), ex));
		}
		return this.scopes.<Void>with(spec, (scope) -> chain.filter(exchange))
			.onErrorMap(DeadlineExceededException.class, DeadlineWebFilter::translate);
	}

	/** A limit of something inside is the application's to answer. */
	private static Throwable translate(DeadlineExceededException error) {
		return DeadlineHeader.SCOPE.equals(error.getResource())
				? new ResponseStatusException(HttpStatus.GATEWAY_TIMEOUT, error.getMessage(), error) : error;
	}

	/** Around security and the like, whose work counts too. */
	@Override
	public int getOrder() {
		return Ordered.HIGHEST_PRECEDENCE + 100;
	}

}
