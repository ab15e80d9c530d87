package io.scopedasync.sync;

import java.util.List;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import io.scopedasync.Waiter;

/**
 * A flag that callers wait for, without a thread. While it is set everybody passes;
 * setting it lets all pass who wait, also if it is cleared right afterwards.
 */
public final class Event extends Gate<Event> {

	/** Guarded by this. */
	private boolean set;

	private Event(String name) {
		super(name);
	}

	/**
	 * An event that is not set.
	 * @param name name in metrics, logs and errors
	 * @return a new event
	 */
	public static Event create(String name) {
		return new Event(name);
	}

	/**
	 * Sets it and lets all pass who wait, in order of arrival. Runs their next steps on
	 * this thread only if it must not block. Does nothing if it is set.
	 */
	public void set() {
		List<Waiter> waiting;
		synchronized (this) {
			this.set = true;
			waiting = everybody();
		}
		Waiter.grantAll(waiting, (place) -> this);
	}

	/** Clears it: from now on callers wait. */
	public synchronized void clear() {
		this.set = false;
	}

	/**
	 * Whether everybody passes.
	 * @return true from {@link #set()} to {@link #clear()}
	 */
	public synchronized boolean isSet() {
		return this.set;
	}

	/**
	 * Waits until it is set; on each subscription. A cancel while waiting leaves at once.
	 * @return completes at once if it is set; else on the thread that sets it if that
	 * must not block, otherwise on one of ours
	 */
	public Mono<Void> await() {
		return pass().then();
	}

	@Override
	protected synchronized @Nullable Event attempt(Waiter waiter) {
		if (this.set) {
			return this;
		}
		this.queue.add(waiter, 1, 0);
		return null;
	}

	@Override
	public String type() {
		return "event";
	}

	/** Nobody holds an event; idle is 1 while everybody passes. */
	@Override
	public synchronized Usage usage() {
		return new Usage(0, waiting(), 1, this.set ? 1 : 0);
	}

	@Override
	public synchronized String toString() {
		return "event '" + name() + "' (" + (this.set ? "set" : waiting() + " waiting") + ")";
	}

}
