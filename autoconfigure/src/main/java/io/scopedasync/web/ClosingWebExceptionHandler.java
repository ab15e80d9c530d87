package io.scopedasync.web;

import java.util.function.BooleanSupplier;

import io.scopedasync.ScopeClosedException;
import reactor.core.publisher.Mono;

import org.springframework.core.Ordered;
import org.springframework.http.HttpStatus;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebExceptionHandler;

/**
 * Answers 503 to a request whose scope was refused or cancelled because the application
 * closes. Handlers of the application come first.
 */
public final class ClosingWebExceptionHandler implements WebExceptionHandler, Ordered {

	private final BooleanSupplier closing;

	/**
	 * Creates the handler.
	 * @param closing whether the application closes; otherwise errors are left alone
	 */
	public ClosingWebExceptionHandler(BooleanSupplier closing) {
		this.closing = closing;
	}

	@Override
	public Mono<Void> handle(ServerWebExchange exchange, Throwable error) {
		return Mono.error((error instanceof ScopeClosedException && this.closing.getAsBoolean())
				? new ResponseStatusException(HttpStatus.SERVICE_UNAVAILABLE, error.getMessage(), error) : error);
	}

	/** Just before Boot's own, which writes the answer. */
	@Override
	public int getOrder() {
		return -2;
	}

}
