package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * Runs waiters one after the other on the thread that granted them. A body that completes
 * at once releases, which grants the next waiter, whose body completes at once: run where
 * they are granted, 100,000 of them would be one stack.
 */
final class Trampoline {

	private static final ThreadLocal<Trampoline> OF_THREAD = ThreadLocal.withInitial(Trampoline::new);

	private boolean running;

	private @Nullable Waiter head;

	/**
	 * The last of several, otherwise null: mostly there is one, and a store into an
	 * object this old costs the collector's fence.
	 */
	private @Nullable Waiter tail;

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
	 */
	static void drainBeforeParking() {
		Trampoline trampoline = OF_THREAD.get();
		if (trampoline.running) {
			trampoline.drain();
		}
	}

	private void drain() {
		// Whoever is granted here has nothing to do with the scope of this thread.
		CurrentScope current = CurrentScope.slot();
		RunningScope bound = current.bind(null);
		try {
			for (Waiter waiter = poll(); waiter != null; waiter = poll()) {
				resume(waiter);
			}
		}
		finally {
			current.bind(bound);
		}
	}

	private static void resume(Waiter waiter) {
		try {
			waiter.resume();
		}
		catch (Throwable ex) {
			// Neither those behind it nor whoever gave back are to blame, so they don't
			// hear of it.
			ScopeMachine.logger.error("A caller threw where it must not, after its resource was granted", ex);
		}
	}

	private void add(Waiter waiter) {
		// Out of its queue, so the links are free.
		Waiter first = this.head;
		if (first == null) {
			this.head = waiter;
			return;
		}
		Waiter last = (this.tail != null) ? this.tail : first;
		last.next = waiter;
		this.tail = waiter;
	}

	private @Nullable Waiter poll() {
		Waiter waiter = this.head;
		if (waiter != null) {
			this.head = waiter.next;
			waiter.next = null;
			if (this.tail == waiter) {
				this.tail = null;
			}
		}
		return waiter;
	}

}
