package io.scopedasync.server;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * Who is connected, oldest first. Once closed it takes nobody in, and says when the last
 * one has gone.
 */
final class Connections<C> {

	private final int max;

	private final Set<C> open = new LinkedHashSet<>();

	private boolean closed;

	private @Nullable Runnable whenEmpty;

	Connections(int max) {
		this.max = max;
	}

	/** False once closed. */
	synchronized boolean add(C connection) {
		return !this.closed && this.open.add(connection);
	}

	/**
	 * Takes out one that has gone; more than once does nothing.
	 * @return whether this made room for another one
	 */
	boolean remove(C connection) {
		Runnable last;
		boolean room;
		synchronized (this) {
			boolean full = isFull();
			room = this.open.remove(connection) && full;
			last = takeIfEmpty();
		}
		if (last != null) {
			last.run();
		}
		return room;
	}

	synchronized boolean isFull() {
		return this.open.size() >= this.max;
	}

	synchronized int size() {
		return this.open.size();
	}

	synchronized List<C> snapshot() {
		return List.copyOf(this.open);
	}

	/** Takes nobody in any more. */
	synchronized List<C> close() {
		this.closed = true;
		return snapshot();
	}

	/**
	 * For one that has been closed.
	 * @param action run once, when the last one has gone, now if that was before
	 */
	void whenEmpty(Runnable action) {
		Runnable last;
		synchronized (this) {
			this.whenEmpty = action;
			last = takeIfEmpty();
		}
		if (last != null) {
			last.run();
		}
	}

	private @Nullable Runnable takeIfEmpty() {
		if (!this.open.isEmpty()) {
			return null;
		}
		Runnable last = this.whenEmpty;
		this.whenEmpty = null;
		return last;
	}

}
