package io.scopedasync;

/**
 * Runs waiters one after the other on the thread that granted them. A body that completes
 * at once releases, which grants the next waiter, whose body completes at once: run where
 * they are granted, 100,000 of them would be one stack.
 */
final class Trampoline extends Line {

	private static final ThreadLocal<Trampoline> OF_THREAD = ThreadLocal.withInitial(Trampoline::new);

	private boolean running;

	private Trampoline() {
	}

	static void run(Waiter waiter) {
		Trampoline trampoline = OF_THREAD.get();
		if (trampoline.running) {
			trampoline.add(waiter);
			return;
		}
		trampoline.running = true;
		trampoline.add(waiter);
		try {
			trampoline.drain();
		}
		finally {
			trampoline.running = false;
		}
	}

	/**
	 * For a thread about to park inside a waiter's body: those behind it must not wait
	 * for its return.
	 * @return whether there were any
	 */
	static boolean drainBeforeParking() {
		Trampoline trampoline = OF_THREAD.get();
		if (!trampoline.running || trampoline.isEmpty()) {
			return false;
		}
		trampoline.drain();
		return true;
	}

	private void drain() {
		// Whoever is granted here has nothing to do with the scope of this thread.
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place bound = current.bind(null);
		try {
			for (Waiter waiter = poll(); waiter != null; waiter = poll()) {
				resume(waiter);
			}
		}
		finally {
			current.bind(bound);
		}
	}

	static void resume(Waiter waiter) {
		try {
			waiter.goOn();
		}
		catch (Throwable ex) {
			// Neither those behind it nor whoever gave back are to blame, so they don't
			// hear of it.
			ScopeMachine.logger.error("A caller threw where it must not, after its resource was granted", ex);
		}
	}

}
