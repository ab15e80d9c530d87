package io.scopedasync.server;

import org.jspecify.annotations.Nullable;

import io.scopedasync.Scope;

/**
 * What is served in one scope: a connection, or one request on it.
 */
final class Exchange {

	private final OpenConnection connection;

	private @Nullable Scope scope;

	private @Nullable String reason;

	Exchange(OpenConnection connection) {
		this.connection = connection;
	}

	/** False if it was cancelled before its scope was there: then nothing is to begin. */
	boolean begins(Scope scope) {
		String early;
		synchronized (this) {
			this.scope = scope;
			early = this.reason;
		}
		if (early != null) {
			scope.cancel(early);
		}
		return early == null;
	}

	/** On any thread, also more than once: the first reason stays. */
	void cancel(String reason) {
		Scope running;
		synchronized (this) {
			this.reason = (this.reason != null) ? this.reason : reason;
			running = this.scope;
		}
		if (running != null) {
			running.cancel(reason).subscribe(null, (error) -> settled(), this::settled);
		}
		else {
			settled();
		}
	}

	void settled() {
		this.connection.settled(this);
	}

}
