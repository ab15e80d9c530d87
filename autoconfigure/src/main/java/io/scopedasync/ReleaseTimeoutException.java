package io.scopedasync;

import java.time.Duration;

/**
 * A release, or an acquisition that a cancelled scope was waiting for, did not settle
 * within the release limit. The caller goes on; the resource counts as leaked until it
 * settles.
 */
public final class ReleaseTimeoutException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final Duration timeout;

	ReleaseTimeoutException(String resource, Duration timeout, String what) {
		super(resource, what + " of '" + resource + "' did not settle within the release limit of "
				+ ScopeClock.toMillis(timeout) + " ms. Bound it inside the resource, or raise the release limit.");
		this.timeout = timeout;
	}

	/**
	 * The release limit.
	 * @return the limit that passed
	 */
	public Duration getTimeout() {
		return this.timeout;
	}

}
