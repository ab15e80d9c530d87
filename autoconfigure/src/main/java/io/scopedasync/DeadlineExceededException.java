package io.scopedasync;

import java.time.Duration;

/**
 * A scope ran past its limit. The body was cancelled and everything was released before
 * the caller hears this.
 */
public final class DeadlineExceededException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final Duration timeout;

	DeadlineExceededException(String scope, Duration timeout, String phase) {
		super(scope, "Scope '" + scope + "' exceeded its limit of " + timeout.toMillis() + " ms while " + phase
				+ ". Raise the limit, or find out what is slow there.");
		this.timeout = timeout;
	}

	/**
	 * The limit that passed; zero where it had passed before the scope began.
	 * @return the limit
	 */
	public Duration getTimeout() {
		return this.timeout;
	}

}
