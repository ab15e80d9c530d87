package io.scopedasync.webclient;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;

import reactor.netty.Connection;

/**
 * The connections that an exchange is on now: a redirect or a retry goes on another. Safe
 * to use from any thread.
 */
final class Wires {

	private final Set<Connection> open = new HashSet<>(2);

	private final Runnable onLeft;

	/**
	 * Creates an empty set.
	 * @param onLeft called, on its thread, each time that a connection has been left; it
	 * is closed then, or about to return to its pool
	 */
	Wires(Runnable onLeft) {
		this.onLeft = onLeft;
	}

	void add(Connection wire) {
		synchronized (this) {
			this.open.add(wire);
		}
		wire.onTerminate().subscribe(null, (error) -> left(wire), () -> left(wire));
	}

	private void left(Connection wire) {
		synchronized (this) {
			this.open.remove(wire);
		}
		this.onLeft.run();
	}

	synchronized boolean isEmpty() {
		return this.open.isEmpty();
	}

	/**
	 * Closes those that have not been left yet, soon.
	 */
	void close() {
		Set<Connection> wires;
		synchronized (this) {
			wires = Set.copyOf(this.open);
		}
		for (Connection wire : wires) {
			// Only on its own thread is it sure that the connection is not yet another
			// request's.
			onItsThread(wire, () -> {
				if (contains(wire)) {
					wire.dispose();
				}
			});
		}
	}

	private synchronized boolean contains(Connection wire) {
		return this.open.contains(wire);
	}

	static void onItsThread(Connection wire, Runnable task) {
		try {
			wire.channel().eventLoop().execute(task);
		}
		catch (RejectedExecutionException | IllegalStateException ex) {
			// The thread has ended, and with it every connection it had, or the
			// connection has left it already.
			task.run();
		}
	}

}
