package io.scopedasync.server;

import org.jspecify.annotations.Nullable;

import io.scopedasync.Scope;

/**
 * What is served in one scope: a connection, or one request on it.
 */
final class Exchange {

	private final OpenConnection connection;

	private @Nullable Scope scope;

	private boolean cancelled;

	Exchange(OpenConnection connection) {
		this.connection = connection;
	}

	/** False if it was cancelled before its scope was there: then nothing is to begin. */
	synchronized boolean isRunning(Scope scope) {
		this.scope = scope;
		return !this.cancelled;
	}

	/** On any thread, also more than once: the first reason stays. */
	void cancel(String reason) {
		Scope running;
		synchronized (this) {
			this.cancelled = true;
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
