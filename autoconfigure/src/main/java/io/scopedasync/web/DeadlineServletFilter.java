package io.scopedasync.web;

import java.io.IOException;
import java.util.Collections;
import java.util.List;

import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeSpec;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import org.springframework.core.Ordered;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * As {@link DeadlineWebFilter}, for servlets. The scope is that of the request's thread
 * until the controller returns, and open until an asynchronous answer is complete. When
 * the deadline passes, the scopes of the request are cancelled, and with them the
 * blocking bodies in them interrupted; a controller that blocks outside of any scope is
 * left alone, and answers 504 when it returns.
 */
public final class DeadlineServletFilter extends OncePerRequestFilter implements Ordered {

	private static final String SCOPE = DeadlineServletFilter.class.getName() + ".SCOPE";

	private static final Logger log = LoggerFactory.getLogger(DeadlineServletFilter.class);

	private final AsyncScopes scopes;

	private final DeadlineHeader header;

	/**
	 * Creates the filter.
	 * @param scopes the scopes
	 * @param header name of the header
	 */
	public DeadlineServletFilter(AsyncScopes scopes, String header) {
		this.scopes = scopes;
		this.header = new DeadlineHeader(header);
	}

	/** The answer of an asynchronous controller comes here as well. */
	@Override
	protected boolean shouldNotFilterAsyncDispatch() {
		return false;
	}

	@Override
	protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		if (request.getAttribute(SCOPE) instanceof Scope scope) {
			filter(scope, request, response, chain);
		}
		else {
			List<String> values = Collections.list(request.getHeaders(this.header.name()));
			if (values.isEmpty()) {
				chain.doFilter(request, response);
			}
			else {
				begin(values, request, response, chain);
			}
		}
	}

	private void begin(List<String> values, HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		Scope scope;
		try {
			scope = this.scopes.open(this.header.spec(values));
		}
		catch (IllegalArgumentException ex) {
			response.sendError(HttpServletResponse.SC_BAD_REQUEST, ex.getMessage());
			return;
		}
		catch (DeadlineExceededException ex) {
			response.sendError(HttpServletResponse.SC_GATEWAY_TIMEOUT, ex.getMessage());
			return;
		}
		catch (ScopeClosedException ex) {
			response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE, ex.getMessage());
			return;
		}
		request.setAttribute(SCOPE, scope);
		filter(scope, request, response, chain);
	}

	private void filter(Scope scope, HttpServletRequest request, HttpServletResponse response, FilterChain chain)
			throws ServletException, IOException {
		Throwable failure = null;
		try {
			scope.call(() -> {
				chain.doFilter(request, response);
				return true;
			});
		}
		catch (Throwable ex) {
			// An Error as well: the scope is to be closed whatever was thrown.
			failure = ex;
		}
		if (staysOpen(scope, request)) {
			rethrow(failure);
		}
		else {
			close(scope);
			answer(scope, response, failure);
		}
	}

	private static boolean staysOpen(Scope scope, HttpServletRequest request) {
		try {
			if (request.isAsyncStarted()) {
				request.getAsyncContext().addListener(new ClosingListener(scope));
				return true;
			}
		}
		catch (IllegalStateException ex) {
			log.debug("An asynchronous answer was complete before anybody could listen to it", ex);
		}
		return false;
	}

	private static void close(Scope scope) {
		try {
			scope.close().block();
		}
		catch (RuntimeException ex) {
			// Of the deadline, which is told below, or of a release, for which there is
			// no
			// better place.
			if (!scope.deadline().isExpired()) {
				log.warn("A scope of the request failed to end", ex);
			}
		}
	}

	private void answer(Scope scope, HttpServletResponse response, @Nullable Throwable failure)
			throws ServletException, IOException {
		if (scope.deadline().isExpired() && !response.isCommitted()) {
			log.debug("The deadline of a request has passed", failure);
			response.sendError(HttpServletResponse.SC_GATEWAY_TIMEOUT,
					"The deadline that the request set in " + this.header.name() + " has passed.");
		}
		else {
			rethrow(failure);
		}
	}

	private static void rethrow(@Nullable Throwable failure) {
		if (failure != null) {
			DeadlineServletFilter.<RuntimeException>sneakyThrow(failure);
		}
	}

	/** The chain's own errors, checked ones that it does not declare included. */
	@SuppressWarnings("unchecked")
	private static <E extends Throwable> void sneakyThrow(Throwable error) throws E {
		throw (E) error;
	}

	/** As {@link DeadlineWebFilter#getOrder()}. */
	@Override
	public int getOrder() {
		return Ordered.HIGHEST_PRECEDENCE + 100;
	}

	/**
	 * Closes the scope with the answer.
	 *
	 * @param scope the request's
	 */
	private record ClosingListener(Scope scope) implements AsyncListener {

		@Override
		public void onComplete(AsyncEvent event) {
			this.scope.close();
		}

		@Override
		public void onTimeout(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onError(AsyncEvent event) {
			// Completion follows.
		}

		@Override
		public void onStartAsync(AsyncEvent event) {
			// Started once more: a listener is for one start only.
			event.getAsyncContext().addListener(this);
		}

	}

}
