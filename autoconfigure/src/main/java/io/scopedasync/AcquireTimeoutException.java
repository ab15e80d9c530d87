package io.scopedasync;

import java.time.Duration;

/**
 * A resource could not be acquired in time. Nothing was acquired.
 */
public final class AcquireTimeoutException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final Duration timeout;

	/**
	 * Creates the error.
	 * @param resource the resource's name
	 * @param timeout the limit that passed
	 * @param message the whole message
	 */
	public AcquireTimeoutException(String resource, Duration timeout, String message) {
		super(resource, message);
		this.timeout = timeout;
	}

	/**
	 * How long the caller was ready to wait.
	 * @return the limit that passed
	 */
	public Duration getTimeout() {
		return this.timeout;
	}

}
