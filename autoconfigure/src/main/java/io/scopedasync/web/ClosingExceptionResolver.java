package io.scopedasync.web;

import java.io.IOException;
import java.util.function.BooleanSupplier;

import io.scopedasync.ScopeClosedException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.core.Ordered;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.ModelAndView;

/**
 * As {@link ClosingWebExceptionHandler}, for servlets.
 */
public final class ClosingExceptionResolver implements HandlerExceptionResolver, Ordered {

	private final BooleanSupplier closing;

	/**
	 * Creates the resolver.
	 * @param closing whether the application closes; otherwise errors are left alone
	 */
	public ClosingExceptionResolver(BooleanSupplier closing) {
		this.closing = closing;
	}

	@Override
	public @Nullable ModelAndView resolveException(HttpServletRequest request, HttpServletResponse response,
			@Nullable Object handler, Exception error) {
		if (!(error instanceof ScopeClosedException) || response.isCommitted() || !this.closing.getAsBoolean()) {
			return null;
		}
		try {
			response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE, error.getMessage());
		}
		catch (IOException ex) {
			// The client has gone, and with it the connection to answer on.
			error.addSuppressed(ex);
			return null;
		}
		return new ModelAndView();
	}

	/** After the application's own exception handlers. */
	@Override
	public int getOrder() {
		return Ordered.LOWEST_PRECEDENCE - 1;
	}

}
