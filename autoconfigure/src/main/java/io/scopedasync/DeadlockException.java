package io.scopedasync;

/**
 * A scope waited for others that waited for it. It was the youngest of them, so its wait
 * was ended and the others can go on; nothing was acquired. The message shows who held
 * and waited for what.
 */
public final class DeadlockException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	DeadlockException(Deadlock deadlock) {
		super(deadlock.resource(),
				"Scope '" + deadlock.youngest().name() + "' would have waited for '" + deadlock.resource()
						+ "' for ever and was ended as the youngest of those that wait for each other: " + deadlock
						+ ". Acquire in the same order everywhere, and ask for nothing again inside of what holds it.");
	}

}
