package io.scopedasync.webclient;

import java.time.Duration;

import io.scopedasync.ScopedAsyncException;

/**
 * A request of a session, or its login, took longer than it may. Its connection is
 * closed.
 */
public final class SessionTimeoutException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final Duration timeout;

	/**
	 * Creates the error.
	 * @param session the session's name
	 * @param timeout the limit that passed
	 * @param message says what was slow, which limit passed and where to raise it
	 */
	SessionTimeoutException(String session, Duration timeout, String message) {
		super(session, message);
		this.timeout = timeout;
	}

	/**
	 * How long it was allowed to take.
	 * @return the limit that passed
	 */
	public Duration getTimeout() {
		return this.timeout;
	}

}
