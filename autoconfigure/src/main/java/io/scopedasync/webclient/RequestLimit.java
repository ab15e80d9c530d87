package io.scopedasync.webclient;

import java.time.Duration;

/**
 * How long a request may take in all.
 *
 * @param length as an error says it
 * @param words whose limit it is
 * @param end when the request is ended
 */
record RequestLimit(Duration length, String words, Duration end) {

	SessionTimeoutException error(String session, String request) {
		return new SessionTimeoutException(session, this.length,
				request + " on session '" + session + "' took longer than " + this.words + " of "
						+ this.length.toMillis() + " ms. Raise that limit, or find out why the server is slow.");
	}

}
