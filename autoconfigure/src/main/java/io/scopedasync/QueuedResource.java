package io.scopedasync;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * A resource counted in units, of which there are only so many: whoever finds enough of
 * them free and nobody waiting takes them, the rest wait in order of arrival, without a
 * thread. What is given back goes to the head of the queue without becoming free in
 * between. Nobody overtakes, also not those who ask for less.
 *
 * @param <T> what is acquired
 */
public abstract class QueuedResource<T> extends DirectResource<T> {

	private static final long ONE_WAITER = 1L << 32;

	/**
	 * Free units (negative after the total was lowered) plus 2^32 for each waiter. In one
	 * word, so that a caller who finds a free unit and nobody waiting takes it with one
	 * CAS, and whoever gives back learns of waiters from the same addition that frees the
	 * unit.
	 */
	private final AtomicLong state;

	private final int maxWaiting;

	private final @Nullable Duration acquireTimeout;

	private final ScopeClock clock;

	private final ScopeWatcher watcher;

	private final @Nullable Duration leakThreshold;

	private volatile int total;

	private volatile boolean resized;

	/** Guarded by this. */
	private final WaitQueue queue = new WaitQueue();

	/**
	 * Of the first in the queue that may run out of time: all such waiters have the same
	 * limit, so they run out in order, and one timer does for all of them. Guarded by
	 * this.
	 */
	private @Nullable Disposable timer;

	/**
	 * Creates the resource.
	 * @param settings name, bounds, clock
	 * @param total how many units there are
	 */
	protected QueuedResource(QueueBuilder<?> settings, int total) {
		super(settings.name);
		this.total = total;
		this.state = new AtomicLong(total);
		this.maxWaiting = settings.maxWaiting;
		this.acquireTimeout = settings.acquireTimeout;
		this.clock = settings.clock;
		this.watcher = settings.watcher;
		this.leakThreshold = settings.leakThreshold;
	}

	/**
	 * Hands units over to a waiter. Called outside locks.
	 * @param waiter to be granted
	 * @param units how many it waited for
	 * @return false if the waiter has no use for them after all: they go to the next
	 */
	protected abstract boolean grant(Waiter waiter, int units);

	/** A caller has left: it gave back, or is not waiting any more. */
	protected void left() {
	}

	/**
	 * Says why nobody may wait any more.
	 * @param waiting how many wait, as many as may
	 * @return the message of the error
	 */
	protected abstract String rejected(int waiting);

	/**
	 * Says that nothing became free in time.
	 * @param timeout the limit that passed
	 * @return the message of the error
	 */
	protected abstract String timedOut(Duration timeout);

	/**
	 * Says that there never are as many units.
	 * @param units how many a call asks for
	 * @param total how many there are
	 * @return the message of the error
	 */
	protected abstract String beyond(int units, int total);

	/**
	 * Takes units if they are free and nobody waits; never waits and never overtakes.
	 * @param units how many
	 * @return whether it has them
	 */
	protected final boolean take(int units) {
		long now = this.state.get();
		// Above the range of an int somebody waits.
		while (now >= units && now <= Integer.MAX_VALUE) {
			if (this.state.compareAndSet(now, now - units)) {
				return true;
			}
			now = this.state.get();
		}
		return false;
	}

	/**
	 * Takes units or queues the waiter.
	 * @param waiter the caller
	 * @param units how many
	 * @return true if it has them now; false if it is, or was, in the queue
	 */
	protected final boolean takeOrQueue(Waiter waiter, int units) {
		return take(units) || !enqueue(waiter, units, true);
	}

	/**
	 * Queues a waiter that had its units before and wants them back: it is neither
	 * rejected nor does it run out of time, and goes to the end of the queue as everybody
	 * does. If there is nothing to wait for it is granted at once.
	 * @param waiter to be granted
	 * @param units how many
	 */
	protected final void queueAgain(Waiter waiter, int units) {
		if ((take(units) || !enqueue(waiter, units, false)) && !grant(waiter, units)) {
			free(units);
		}
	}

	@Override
	protected boolean withdraw(Waiter waiter) {
		boolean next;
		synchronized (this) {
			next = this.queue.peek() == waiter;
			if (!this.queue.remove(waiter)) {
				return false;
			}
			this.state.addAndGet(-ONE_WAITER);
		}
		if (next) {
			// Those behind may ask for less.
			handOver();
		}
		left();
		return true;
	}

	/**
	 * Gives units back.
	 * @param units how many
	 */
	protected final void free(int units) {
		if (waiting(this.state.addAndGet(units)) != 0) {
			handOver();
		}
		left();
	}

	/**
	 * Changes the total, up or down, without blocking anyone.
	 * @param total the new total, at least 0
	 */
	protected final void changeTotal(int total) {
		synchronized (this) {
			this.resized = true;
			long added = (long) total - this.total;
			this.total = total;
			this.state.addAndGet(added);
		}
		handOver();
	}

	/**
	 * How many units there are in all.
	 * @return the total now
	 */
	public int total() {
		return this.total;
	}

	/**
	 * The numbers now, all of one moment.
	 * @return units held, callers waiting, the total and what is free
	 */
	protected final Measured.Usage counts() {
		synchronized (this) {
			long now = this.state.get();
			return new Measured.Usage(this.total - (int) now, waiting(now), this.total, Math.max(0, (int) now));
		}
	}

	@Override
	protected Standing standing() {
		synchronized (this) {
			int free = (int) this.state.get();
			return new Standing(free, this.total - free, this.queue.peek());
		}
	}

	/** Something was given back that was given back before. */
	protected final void releasedTwice() {
		this.watcher.releasedTwice(name());
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.leakThreshold;
	}

	private static int waiting(long state) {
		return (int) ((state - (int) state) >> 32);
	}

	/**
	 * Whether it was queued, if it was not granted; those that may not be refused stay.
	 */
	private boolean enqueue(Waiter waiter, int units, boolean refusable) {
		boolean servable;
		synchronized (this) {
			requireWithinTotal(units);
			int size = this.queue.size();
			boolean full = refusable && size >= this.maxWaiting;
			if (full && !(size == 0 && take(units))) {
				throw new AcquireRejectedException(name(), this.maxWaiting, rejected(size));
			}
			if (full) {
				return false;
			}
			// From here on whoever gives back sees a waiter; what was given back before
			// is seen here.
			int free = (int) this.state.addAndGet(ONE_WAITER);
			if (size == 0 && free >= units) {
				this.state.addAndGet(-ONE_WAITER - units);
				return false;
			}
			Duration timeout = refusable ? this.acquireTimeout : null;
			if (timeout == null) {
				this.queue.add(waiter, units, 0);
			}
			else {
				this.queue.addExpiring(waiter, units, this.clock.nanos());
				if (this.timer == null) {
					armFor(waiter, timeout);
				}
			}
			servable = free >= Objects.requireNonNull(this.queue.peek()).units();
		}
		if (servable) {
			// Somebody is handing over and busy with the body of whoever was first: maybe
			// with this very call.
			handOver();
		}
		return true;
	}

	/** A clock that was shut down refuses: then the caller must not wait on unseen. */
	private void armFor(Waiter waiter, Duration timeout) {
		try {
			this.timer = this.clock.schedule(this::expire, timeout);
		}
		catch (Throwable ex) {
			this.queue.remove(waiter);
			this.state.addAndGet(-ONE_WAITER);
			throw ex;
		}
	}

	/**
	 * Zero in all is a pause; more than there are can never be had.
	 * @param units how many a call asks for
	 * @throws IllegalArgumentException if it never gets them
	 */
	protected final void requireWithinTotal(int units) {
		int total = this.total;
		if (units < 1 || isBeyond(units, total)) {
			throw new IllegalArgumentException(beyond(units, total));
		}
	}

	private static boolean isBeyond(int units, int total) {
		return total != 0 && units > total;
	}

	/**
	 * Whether nobody can be served, as far as that can be told without the lock. Whoever
	 * changes it afterwards hands over himself. Only where the total was changed may
	 * somebody wait for more than there is, who is refused without a free unit.
	 */
	private boolean isServed() {
		long now = this.state.get();
		return waiting(now) == 0 || ((int) now <= 0 && !this.resized);
	}

	/**
	 * One at a time: while this thread runs a waiter's body, another may serve the next.
	 */
	private void handOver() {
		while (!isServed()) {
			Waiter next;
			int units;
			int total;
			synchronized (this) {
				next = this.queue.peek();
				if (next == null) {
					return;
				}
				units = next.units();
				total = this.total;
				boolean beyond = isBeyond(units, total);
				if (!beyond && (int) this.state.get() < units) {
					return;
				}
				this.queue.remove(next);
				this.state.addAndGet(-ONE_WAITER - (beyond ? 0 : units));
			}
			if (isBeyond(units, total)) {
				// The total was lowered meanwhile: nobody behind it shall wait for ever.
				next.refuse(new IllegalArgumentException(beyond(units, total)));
				left();
			}
			else if (!grant(next, units)) {
				this.state.addAndGet(units);
				left();
			}
		}
	}

	private void expire() {
		Duration timeout = Objects.requireNonNull(this.acquireTimeout);
		for (Waiter late = takeLate(timeout); late != null; late = takeLate(timeout)) {
			late.refuse(new AcquireTimeoutException(name(), timeout, timedOut(timeout)));
			left();
		}
		handOver();
	}

	private synchronized @Nullable Waiter takeLate(Duration timeout) {
		Waiter first = this.queue.firstExpiring();
		if (first == null) {
			this.timer = null;
			return null;
		}
		long left = timeout.toNanos() - (this.clock.nanos() - first.queuedAt());
		if (left > 0) {
			this.timer = this.clock.scheduleNanos(this::expire, left);
			return null;
		}
		this.queue.remove(first);
		this.state.addAndGet(-ONE_WAITER);
		return first;
	}

	/** For when nobody uses it any more. */
	protected final synchronized void stopTimer() {
		if (this.timer != null) {
			this.timer.dispose();
			this.timer = null;
		}
	}

}
