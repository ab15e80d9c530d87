package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;

/**
 * Runs waiters one after the other on the thread that granted them. A body that completes
 * at once releases, which grants the next waiter, whose body completes at once: run where
 * they are granted, 100,000 of them would be one stack.
 */
final class Trampoline {

	private static final ThreadLocal<Trampoline> OF_THREAD = ThreadLocal.withInitial(Trampoline::new);

	private boolean running;

	private @Nullable Waiter head;

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
		Throwable thrown = null;
		for (Waiter waiter = poll(); waiter != null; waiter = poll()) {
			try {
				waiter.resume();
			}
			catch (Throwable ex) {
				// A caller's own code threw where it must not: those behind it are not to
				// blame.
				thrown = ex;
			}
		}
		if (thrown != null) {
			throw Exceptions.propagate(thrown);
		}
	}

	private void add(Waiter waiter) {
		// Out of its queue, so the links are free.
		Waiter last = this.tail;
		if (last == null) {
			this.head = waiter;
		}
		else {
			last.next = waiter;
		}
		this.tail = waiter;
	}

	private @Nullable Waiter poll() {
		Waiter waiter = this.head;
		if (waiter != null) {
			this.head = waiter.next;
			waiter.next = null;
			if (this.head == null) {
				this.tail = null;
			}
		}
		return waiter;
	}

}
