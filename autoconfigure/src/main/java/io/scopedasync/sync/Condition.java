package io.scopedasync.sync;

import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import io.scopedasync.DirectResource;
import io.scopedasync.Scope;
import io.scopedasync.WaitQueue;
import io.scopedasync.Waiter;

/**
 * Something that scopes wait for under a {@link Lock}: until there is an order to work
 * on, until there is room for one. Who waits gives the lock away meanwhile, and has it
 * again before the wait ends, however it ends.
 *
 * <pre>{@code
 * scopes.use(lock, (hold) -> notEmpty.await(() -> !orders.isEmpty()).then(Mono.fromCallable(orders::remove)))
 * scopes.use(lock, (hold) -> Mono.fromRunnable(() -> orders.add(order)).then(notEmpty.signal()))
 * }</pre>
 *
 * A wait is a scope of its own inside the one that holds the lock. When it is cancelled
 * or its time is up, it stands in line for the lock like everybody, and the scope around
 * it waits for that, at most as long as for a release; past that, the scope around ends
 * without the lock.
 */
public final class Condition {

	private final Lock lock;

	private final Waiting waiting;

	/** Those that nobody woke yet; guarded by this. */
	private final WaitQueue queue = new WaitQueue();

	private final Map<Waiter, Wait> lent;

	Condition(Lock lock, String name, Map<Waiter, Wait> lent) {
		this.lock = lock;
		this.waiting = new Waiting(name);
		this.lent = lent;
	}

	/**
	 * Waits to be woken. Each subscription waits once. A cancel ends the wait once the
	 * lock is held again; if the waiter had been woken already, the next one is woken in
	 * its place. That may be one too many where the cancel meets the end of the wait, so
	 * look again at what you wait for. Whoever is cancelled after the wait has ended, and
	 * before it did what it was woken for, has to signal itself: {@link Scope#onExit} is
	 * the place.
	 * @return completes when woken and the lock is held again; an
	 * {@link IllegalStateException} at once if no scope around the subscriber holds the
	 * lock
	 */
	public Mono<Void> await() {
		return awaitOnce(() -> null);
	}

	/** Waits to be woken and asks then, before the wait ends. */
	private <T> Mono<T> awaitOnce(Supplier<? extends @Nullable T> value) {
		return new Awaiting<>((awaiter) -> Scope.current()
			.switchIfEmpty(Mono.error(() -> notHeld("await()")))
			.flatMap((scope) -> scope.scopes().use(this.waiting, (wait) -> {
				wait.taken = true;
				awaiter.has(wait);
				return Mono.fromSupplier(value);
			})));
	}

	/**
	 * Waits until something is so. It is asked under the lock, at first and each time the
	 * waiter is woken.
	 * @param condition what to wait for
	 * @return as {@link #await()}; the condition's error, if it throws
	 */
	public Mono<Void> await(BooleanSupplier condition) {
		return awaitValue(() -> condition.getAsBoolean() ? true : null).then();
	}

	/**
	 * Waits until there is something.
	 * @param <T> what is waited for
	 * @param value asked under the lock, at first and each time the waiter is woken; null
	 * for nothing yet
	 * @return the first value that is not null; otherwise as {@link #await()}
	 */
	public <T> Mono<T> awaitValue(Supplier<? extends @Nullable T> value) {
		Mono<T> woken = this.<T>awaitOnce(value).repeatWhenEmpty(Function.identity());
		return requireHeld("await()").then(Mono.<T>fromSupplier(value).switchIfEmpty(woken));
	}

	/**
	 * Waits on the calling thread, inside a blocking scope that holds the lock. An
	 * interrupt is a cancel.
	 * @throws io.scopedasync.ScopeClosedException if the thread was interrupted, once the
	 * lock is held again; its interrupt flag is set
	 * @throws IllegalStateException if no scope of the thread holds the lock, or the
	 * thread must not block
	 */
	public void awaitBlocking() {
		Scope scope = Scope.current().toFuture().getNow(null);
		if (scope == null) {
			throw notHeld("awaitBlocking()");
		}
		Wait[] taken = new Wait[1];
		try {
			scope.scopes().useBlocking(this.waiting, (wait) -> {
				wait.taken = true;
				taken[0] = wait;
				return wait;
			});
			taken[0] = null;
		}
		catch (RuntimeException ex) {
			throw ex;
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
		finally {
			if (taken[0] != null) {
				taken[0].passOn();
			}
		}
	}

	/**
	 * Wakes the one who has waited longest.
	 * @return as {@link #signal(int)}
	 */
	public Mono<Void> signal() {
		return signal(1);
	}

	/**
	 * Wakes those who have waited longest. They go on once the lock is given back, in
	 * this order.
	 * @param count how many; all if fewer wait
	 * @return on each subscription wakes them and completes, on the subscriber's thread;
	 * an {@link IllegalStateException} if no scope around the subscriber holds the lock
	 */
	public Mono<Void> signal(int count) {
		if (count < 1) {
			throw new IllegalArgumentException(
					"Condition '" + name() + "' was told to wake " + count + ": give 1 at least.");
		}
		return requireHeld("signal()").then(Mono.fromRunnable(() -> wake(count)));
	}

	/**
	 * Wakes all who wait now.
	 * @return as {@link #signal(int)}
	 */
	public Mono<Void> signalAll() {
		return requireHeld("signalAll()").then(Mono.fromRunnable(() -> wake(waiting())));
	}

	/**
	 * How many wait and were not woken.
	 * @return the number now
	 */
	public synchronized int waiting() {
		return this.queue.size();
	}

	/**
	 * Name in metrics, logs and errors.
	 * @return the lock's name and its own
	 */
	public String name() {
		return this.waiting.name();
	}

	private void wake(int count) {
		for (int i = 0; i < count; i++) {
			Waiter next;
			synchronized (this) {
				next = this.queue.peek();
				if (next == null) {
					return;
				}
				leave(next).woken = true;
			}
			this.lock.takeBack(next);
		}
	}

	/** Takes a waiter out of the queue, under the lock of this. */
	private Wait leave(Waiter waiter) {
		Wait wait = Objects.requireNonNull(this.lent.get(waiter), "wait");
		this.queue.remove(waiter);
		wait.asleep = false;
		return wait;
	}

	private Mono<Void> requireHeld(String what) {
		return Scope.current()
			.filter((scope) -> scope.find(this.lock) != null)
			.switchIfEmpty(Mono.error(() -> notHeld(what)))
			.then();
	}

	private IllegalStateException notHeld(String what) {
		return new IllegalStateException("No scope here holds lock '" + this.lock.name() + "': call " + what
				+ " of condition '" + name() + "' inside AsyncScopes.use(lock, ...) or @ScopedAsync(\""
				+ this.lock.name() + "\"), in its reactive chain or on its thread.");
	}

	@Override
	public String toString() {
		return "condition '" + name() + "' (" + waiting() + " waiting)";
	}

	/** One wait, from the moment the lock is given away until it is back. */
	final class Wait {

		final Waiter.Loan loan;

		/**
		 * Whether it stands in the condition's queue, and not yet in that of the lock.
		 */
		private boolean asleep = true;

		/** Written under the condition's lock, read after the hand-over that follows. */
		private boolean woken;

		/** Whether the one who waited is about to be told that it was woken. */
		private boolean taken;

		Wait(Waiter.Loan loan) {
			this.loan = loan;
		}

		/** The one that was woken does not hear of it: wakes the next one, once. */
		void passOn() {
			synchronized (Condition.this) {
				if (!this.woken) {
					return;
				}
				this.woken = false;
			}
			wake(1);
		}

	}

	/**
	 * What a wait acquires: the lock again. It waits for the lock, as far as anybody can
	 * see.
	 */
	private final class Waiting extends DirectResource<Wait> {

		Waiting(String name) {
			super(name);
		}

		@Override
		protected @Nullable Wait attempt(Waiter waiter) {
			Waiter.Loan loan = waiter.borrow(Condition.this.lock);
			if (loan == null) {
				throw notHeld("await()");
			}
			synchronized (Condition.this) {
				Condition.this.lent.put(waiter, new Wait(loan));
				Condition.this.queue.add(waiter, 1, 0);
			}
			Condition.this.lock.lend();
			return null;
		}

		/** The wait is over when the lock is back, so it can only be hurried. */
		@Override
		protected boolean withdraw(Waiter waiter) {
			synchronized (Condition.this) {
				Wait wait = Condition.this.lent.get(waiter);
				if (wait == null || !wait.asleep) {
					return false;
				}
				leave(waiter);
			}
			Condition.this.lock.takeBack(waiter);
			return false;
		}

		/** The scope around holds the lock again; only a wake-up may be left over. */
		@Override
		protected void giveBack(Wait wait) {
			if (!wait.taken) {
				wait.passOn();
			}
		}

		@Override
		protected Standing standing() {
			return Condition.this.lock.standing();
		}

		/** Once it is woken. */
		@Override
		protected boolean isQueued(Waiter waiter) {
			synchronized (Condition.this) {
				Wait wait = Condition.this.lent.get(waiter);
				return wait == null || !wait.asleep;
			}
		}

		@Override
		public Object identity() {
			return Condition.this.lock;
		}

	}

}
