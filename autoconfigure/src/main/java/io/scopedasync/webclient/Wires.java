package io.scopedasync.webclient;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

import reactor.netty.Connection;

/**
 * The connections that an exchange is on now: a redirect or a retry goes on another. Safe
 * to use from any thread.
 */
final class Wires {

	private final List<Connection> open = new ArrayList<>(1);

	private final Consumer<Connection> onLeft;

	private boolean any;

	/**
	 * Creates an empty set.
	 * @param onLeft called, on its thread, with each connection that has been left; it is
	 * closed then, or about to return to its pool
	 */
	Wires(Consumer<Connection> onLeft) {
		this.onLeft = onLeft;
	}

	void add(Connection wire) {
		synchronized (this) {
			this.any = true;
			this.open.add(wire);
		}
		wire.onTerminate().subscribe(null, (error) -> left(wire), () -> left(wire));
	}

	private void left(Connection wire) {
		synchronized (this) {
			this.open.remove(wire);
		}
		this.onLeft.accept(wire);
	}

	synchronized boolean hasHadAny() {
		return this.any;
	}

	synchronized boolean isEmpty() {
		return this.open.isEmpty();
	}

	/**
	 * Closes those that have not been left yet, soon.
	 * @param then called for each afterwards, on its thread
	 */
	void close(Runnable then) {
		List<Connection> wires;
		synchronized (this) {
			wires = List.copyOf(this.open);
		}
		for (Connection wire : wires) {
			// Only on its own thread is it sure that the connection is not yet another
			// request's.
			onItsThread(wire, () -> {
				if (contains(wire)) {
					wire.dispose();
				}
				then.run();
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
