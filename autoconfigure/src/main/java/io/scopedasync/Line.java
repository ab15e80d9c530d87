package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * Waiters that are to go on, in order. Linked by themselves, which is free since they are
 * in no queue any more. Not safe for concurrent use.
 */
class Line {

	private @Nullable Waiter head;

	/**
	 * The last of several, otherwise null: mostly there is one, and a store into an
	 * object this old costs the collector's fence.
	 */
	private @Nullable Waiter tail;

	final void add(Waiter waiter) {
		Waiter first = this.head;
		if (first == null) {
			this.head = waiter;
			return;
		}
		Waiter last = (this.tail != null) ? this.tail : first;
		last.next = waiter;
		this.tail = waiter;
	}

	/** Takes over all of another line. */
	final void addAll(Line other) {
		for (Waiter waiter = other.poll(); waiter != null; waiter = other.poll()) {
			add(waiter);
		}
	}

	final @Nullable Waiter poll() {
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

	final boolean isEmpty() {
		return this.head == null;
	}

}
