package io.scopedasync.limiter;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.DirectResource;
import io.scopedasync.Measured;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import io.scopedasync.WaitQueue;
import io.scopedasync.Waiter;
import io.scopedasync.WeightedResource;

/**
 * At most n at once; the rest wait in order of arrival, without a thread. Blocking,
 * future and reactive callers share the one queue.
 * <p>
 * Picture a row of chairs and a line of people: whoever finds a free chair and no line
 * sits down; whoever gets up hands the chair to the head of the line. Someone at the head
 * who needs three chairs is not overtaken by those behind who need one. When chairs are
 * taken away, all who sit finish, and nobody sits down until fewer sit than there are
 * chairs.
 */
public final class Limiter extends DirectResource<Permit> implements WeightedResource<Permit>, Measured {

	private static final long ONE_WAITER = 1L << 32;

	/**
	 * Free permits (negative after the total was lowered) plus 2^32 for each waiter. In
	 * one word, so that a caller who finds a free permit and nobody waiting takes it with
	 * one CAS, and whoever gives back learns of waiters from the same addition that frees
	 * the permit.
	 */
	private final AtomicLong state;

	private final Permit single = new Permit(this, 1, false);

	private final int maxWaiting;

	private final @Nullable Duration acquireTimeout;

	private final ScopeClock clock;

	private final ScopeWatcher watcher;

	private final @Nullable Duration leakThreshold;

	/** Told of each caller that leaves; null unless somebody counts them. */
	private final @Nullable Runnable onLeave;

	private volatile int total;

	private volatile boolean resized;

	/** Guarded by this. */
	private final WaitQueue queue = new WaitQueue();

	/**
	 * Of the head of the queue: all waiters have the same limit, so they run out in
	 * order, and one timer does for all of them. Guarded by this.
	 */
	private @Nullable Disposable timer;

	Limiter(LimiterBuilder<?> settings, @Nullable Runnable onLeave) {
		super(settings.name);
		this.total = settings.permits;
		this.state = new AtomicLong(settings.permits);
		this.maxWaiting = settings.maxWaiting;
		this.acquireTimeout = settings.acquireTimeout;
		this.clock = settings.clock;
		this.watcher = settings.watcher;
		this.leakThreshold = settings.leakThreshold;
		this.onLeave = onLeave;
	}

	/**
	 * Begins a limiter.
	 * @param name name in metrics, logs and errors
	 * @return a builder
	 */
	public static LimiterBuilder<Limiter> builder(String name) {
		return new LimiterBuilder<>(name, (settings) -> new Limiter(settings, null));
	}

	/**
	 * Takes a permit if one is free and nobody waits; never waits and never overtakes. No
	 * scope knows of it: prefer {@code AsyncScopes.use}, which can't forget to close it.
	 * @return the permit, to be closed, or null
	 */
	public @Nullable Permit tryAcquire() {
		return take(1) ? new Permit(this, 1, true) : null;
	}

	@Override
	public AsyncResource<Permit> permits(int permits) {
		refuseBeyondTotal(permits);
		return (permits == 1) ? this : new Several(this, permits);
	}

	@Override
	public int total() {
		return this.total;
	}

	/**
	 * Changes the total, up or down, without blocking anyone. Up: as many waiters go on
	 * as places were added. Down: holders keep theirs, nobody enters until usage is below
	 * the new total; zero closes the limiter for the time being. A waiting request for
	 * more than a new total above zero is refused as soon as it is the next to be served.
	 * @param total the new total
	 * @throws IllegalArgumentException if it is negative
	 */
	public void resize(int total) {
		if (total < 0) {
			throw new IllegalArgumentException(
					"Limiter '" + name() + "' can't have " + total + " permits: give zero or more.");
		}
		synchronized (this) {
			this.resized = true;
			long added = (long) total - this.total;
			this.total = total;
			this.state.addAndGet(added);
		}
		handOver();
	}

	/**
	 * The limiter's numbers now. Who holds is known to the scopes:
	 * {@code AsyncScopes.holders(limiter)}.
	 * @return the statistics
	 */
	public Statistics statistics() {
		synchronized (this) {
			long now = this.state.get();
			return new Statistics(this.total, this.total - (int) now, waiting(now));
		}
	}

	@Override
	public String type() {
		return "limiter";
	}

	@Override
	public Usage usage() {
		Statistics now = statistics();
		// More is borrowed than there is for a while after the total was lowered.
		return new Usage(now.borrowed(), now.waiting(), now.total(), Math.max(0, now.total() - now.borrowed()));
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.leakThreshold;
	}

	/** A permit was closed that is closed already. */
	void givenBackTwice() {
		this.watcher.releasedTwice(name());
	}

	@Override
	protected @Nullable Permit attempt(Waiter waiter) {
		return attempt(waiter, 1) ? this.single : null;
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

	@Override
	protected void giveBack(Permit permit) {
		free(permit.permits());
	}

	@Override
	protected Standing standing() {
		synchronized (this) {
			int free = (int) this.state.get();
			return new Standing(free, this.total - free, this.queue.peek());
		}
	}

	void free(int permits) {
		if (waiting(this.state.addAndGet(permits)) != 0) {
			handOver();
		}
		left();
	}

	private void left() {
		if (this.onLeave != null) {
			this.onLeave.run();
		}
	}

	private static int waiting(long state) {
		return (int) ((state - (int) state) >> 32);
	}

	private boolean take(int permits) {
		long now = this.state.get();
		// Above the range of an int somebody waits.
		while (now >= permits && now <= Integer.MAX_VALUE) {
			if (this.state.compareAndSet(now, now - permits)) {
				return true;
			}
			now = this.state.get();
		}
		return false;
	}

	/** Whether it was granted at once; otherwise the waiter is, or was, in the queue. */
	boolean attempt(Waiter waiter, int permits) {
		return take(permits) || !enqueue(waiter, permits);
	}

	private boolean enqueue(Waiter waiter, int permits) {
		boolean servable;
		synchronized (this) {
			refuseBeyondTotal(permits);
			int size = this.queue.size();
			if (size >= this.maxWaiting && !(size == 0 && take(permits))) {
				throw new AcquireRejectedException(name(), this.maxWaiting,
						"Limiter '" + name() + "' rejected a call: its " + this.total + " permits are in use and "
								+ size + " callers wait already, " + this.maxWaiting
								+ " may. Raise permits or max-waiting, or call less.");
			}
			if (size >= this.maxWaiting) {
				return false;
			}
			// From here on whoever gives back sees a waiter; what was given back before
			// is seen here.
			int free = (int) this.state.addAndGet(ONE_WAITER);
			if (size == 0 && free >= permits) {
				this.state.addAndGet(-ONE_WAITER - permits);
				return false;
			}
			Duration timeout = this.acquireTimeout;
			this.queue.add(waiter, permits, (timeout != null) ? this.clock.nanos() : 0);
			if (timeout != null && this.timer == null) {
				armFor(waiter, timeout);
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
		catch (RuntimeException ex) {
			this.queue.remove(waiter);
			this.state.addAndGet(-ONE_WAITER);
			throw ex;
		}
	}

	/** Zero permits is a pause; more than there are can never be had. */
	private void refuseBeyondTotal(int permits) {
		int total = this.total;
		if (permits < 1 || isBeyond(permits, total)) {
			throw beyond(permits, total);
		}
	}

	private static boolean isBeyond(int permits, int total) {
		return total != 0 && permits > total;
	}

	private IllegalArgumentException beyond(int permits, int total) {
		return new IllegalArgumentException("Limiter '" + name() + "' has " + total + " permits, a call asks for "
				+ permits + ": ask for 1 to " + total + ", or raise its permits.");
	}

	/**
	 * Whether nobody can be served, as far as that can be told without the lock. Whoever
	 * changes it afterwards hands over himself. Only in a limiter that was resized may
	 * somebody wait for more than there is, who is refused without a free permit.
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
				next.refuse(beyond(units, total));
				left();
			}
			else {
				next.grant((units == 1) ? this.single : new Permit(this, units, false));
			}
		}
	}

	private void expire() {
		Duration timeout = Objects.requireNonNull(this.acquireTimeout);
		for (Waiter late = takeLate(timeout); late != null; late = takeLate(timeout)) {
			late.refuse(new AcquireTimeoutException(name(), timeout,
					"No permit of limiter '" + name() + "' became free within " + timeout.toMillis() + " ms: "
							+ statistics()
							+ ". Raise permits or acquire-timeout, or find out who holds them for so long."));
			left();
		}
		handOver();
	}

	private synchronized @Nullable Waiter takeLate(Duration timeout) {
		Waiter head = this.queue.peek();
		if (head == null) {
			this.timer = null;
			return null;
		}
		long left = timeout.toNanos() - (this.clock.nanos() - head.queuedAt());
		if (left > 0) {
			this.timer = this.clock.scheduleNanos(this::expire, left);
			return null;
		}
		this.queue.remove(head);
		this.state.addAndGet(-ONE_WAITER);
		return head;
	}

	/** When nobody uses it any more. */
	synchronized void stopTimer() {
		if (this.timer != null) {
			this.timer.dispose();
			this.timer = null;
		}
	}

	@Override
	public String toString() {
		return "limiter '" + name() + "' (" + statistics() + ")";
	}

	/**
	 * A limiter's numbers.
	 *
	 * @param total how many permits there are
	 * @param borrowed how many are in use; more than the total after that was lowered
	 * @param waiting how many callers wait
	 */
	public record Statistics(int total, int borrowed, int waiting) {

		@Override
		public String toString() {
			return this.borrowed + "/" + this.total + " in use, " + this.waiting + " waiting";
		}

	}

}
