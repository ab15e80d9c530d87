package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * The limits of all releases. All are of one length, so they pass in the order in which
 * they began, and one timer does for all: a release that ends in time touches none. A
 * timer for each would wake a sleeping thread for each.
 */
final class ReleaseLimits {

	private final ScopeClock clock;

	private final long length;

	private @Nullable Limit first;

	private @Nullable Limit last;

	/** Whether there is a timer; it may fire in vain, because nothing disposes of it. */
	private boolean armed;

	ReleaseLimits(ScopeClock clock, long length) {
		this.clock = clock;
		this.length = length;
	}

	/**
	 * Gives a step of a scope its time.
	 * @param limit the step's
	 * @param own null unless the scope has a limit of another length, and so a timer of
	 * its own
	 * @throws RuntimeException if the clock was shut down; then the limit never passes
	 */
	void begin(Limit limit, @Nullable Duration own) {
		if (own == null) {
			begin(limit);
		}
		else {
			Disposable timer = this.clock.schedule(() -> pass(limit), own);
			synchronized (this) {
				limit.timer = timer;
			}
		}
	}

	private synchronized void begin(Limit limit) {
		limit.passesAt = this.clock.nanos() + this.length;
		limit.previous = this.last;
		if (this.last == null) {
			this.first = limit;
		}
		else {
			this.last.next = limit;
		}
		this.last = limit;
		limit.pending = true;
		// At last, since a clock may run at once what is due at once.
		arm(this.length);
	}

	/** The step has ended, in time or not. */
	synchronized void end(Limit limit) {
		if (limit.timer != null) {
			limit.timer.dispose();
			limit.timer = null;
		}
		if (!limit.pending) {
			return;
		}
		limit.pending = false;
		Limit before = limit.previous;
		Limit after = limit.next;
		if (before == null) {
			this.first = after;
		}
		else {
			before.next = after;
		}
		if (after == null) {
			this.last = before;
		}
		else {
			after.previous = before;
		}
		limit.previous = null;
		limit.next = null;
	}

	private void arm(long delay) {
		if (!this.armed) {
			this.armed = true;
			try {
				this.clock.scheduleNanos(this::look, delay);
			}
			catch (Throwable ex) {
				this.armed = false;
				throw ex;
			}
		}
	}

	private void look() {
		takePassed().forEach(ReleaseLimits::pass);
	}

	private static void pass(Limit limit) {
		limit.passed = true;
		try {
			limit.scope.drive();
		}
		catch (Throwable ex) {
			// Thrown by a caller that was told: those behind it have their limits too.
			limit.scope.scope().undelivered(ex);
		}
	}

	private synchronized List<Limit> takePassed() {
		this.armed = false;
		long now = this.clock.nanos();
		List<Limit> passed = new ArrayList<>();
		Limit limit = this.first;
		while (limit != null && limit.passesAt - now <= 0) {
			passed.add(limit);
			end(limit);
			limit = this.first;
		}
		if (limit != null) {
			try {
				arm(limit.passesAt - now);
			}
			catch (Throwable ex) {
				// A clock that was shut down: those that have passed are told all the
				// same.
				ScopeState.logger.warn("Release limits can't be timed any more: releases may take any time", ex);
			}
		}
		return passed;
	}

	/** The time of one step. */
	static final class Limit {

		final @Nullable Entry entry;

		final ScopeState scope;

		/** A limit may pass while its step ends. */
		volatile boolean passed;

		private long passesAt;

		private boolean pending;

		private @Nullable Disposable timer;

		private @Nullable Limit previous;

		private @Nullable Limit next;

		Limit(@Nullable Entry entry, ScopeState scope) {
			this.entry = entry;
			this.scope = scope;
		}

	}

}
