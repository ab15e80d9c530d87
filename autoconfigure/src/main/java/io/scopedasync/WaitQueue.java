package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * Waiters in order of arrival. Adding, taking the first and removing any one are O(1) and
 * allocate nothing. Not safe for concurrent use: its owner guards it with a lock, and
 * grants outside that lock.
 */
public final class WaitQueue {

	private @Nullable Waiter head;

	private @Nullable Waiter tail;

	private int size;

	/** The first of those that may run out of time. */
	private @Nullable Waiter firstExpiring;

	/**
	 * Appends a waiter.
	 * @param waiter not in any queue
	 * @param units how much it waits for
	 * @param now nanoseconds of the owner's clock
	 */
	public void add(Waiter waiter, int units, long now) {
		waiter.expiring = false;
		append(waiter, units, now);
	}

	/**
	 * Appends a waiter that may run out of time.
	 * @param waiter not in any queue
	 * @param units how much it waits for
	 * @param now nanoseconds of the owner's clock
	 */
	public void addExpiring(Waiter waiter, int units, long now) {
		waiter.expiring = true;
		append(waiter, units, now);
		if (this.firstExpiring == null) {
			this.firstExpiring = waiter;
		}
	}

	private void append(Waiter waiter, int units, long now) {
		waiter.queued = true;
		waiter.units = units;
		waiter.queuedAt = now;
		Waiter last = this.tail;
		waiter.previous = last;
		if (last == null) {
			this.head = waiter;
		}
		else {
			last.next = waiter;
		}
		this.tail = waiter;
		this.size++;
	}

	/**
	 * The waiter to serve next.
	 * @return the oldest one, null if nobody waits
	 */
	public @Nullable Waiter peek() {
		return this.head;
	}

	/**
	 * The oldest of those that may run out of time.
	 * @return null if there is none
	 */
	public @Nullable Waiter firstExpiring() {
		return this.firstExpiring;
	}

	/** The oldest of those that may run out of time does not any more. */
	void keepFirstExpiring() {
		Waiter first = this.firstExpiring;
		if (first != null) {
			first.expiring = false;
			this.firstExpiring = nextExpiring(first.next);
		}
	}

	/** Each is passed over once, so in the long run this takes no time. */
	private static @Nullable Waiter nextExpiring(@Nullable Waiter from) {
		Waiter waiter = from;
		while (waiter != null && !waiter.expiring) {
			waiter = waiter.next;
		}
		return waiter;
	}

	/**
	 * Takes a waiter out, wherever it stands.
	 * @param waiter the waiter
	 * @return whether it was here; false means that somebody else took it out and answers
	 * it
	 */
	public boolean remove(Waiter waiter) {
		if (!waiter.queued) {
			return false;
		}
		waiter.queued = false;
		Waiter before = waiter.previous;
		Waiter after = waiter.next;
		if (before == null) {
			this.head = after;
		}
		else {
			before.next = after;
		}
		if (after == null) {
			this.tail = before;
		}
		else {
			after.previous = before;
		}
		if (this.firstExpiring == waiter) {
			this.firstExpiring = nextExpiring(after);
		}
		waiter.previous = null;
		waiter.next = null;
		this.size--;
		return true;
	}

	/**
	 * How many wait.
	 * @return the number of waiters
	 */
	public int size() {
		return this.size;
	}

}
