package io.scopedasync.sync;

import java.time.Duration;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.DirectResource;
import io.scopedasync.KeyedResource;
import io.scopedasync.Measured;
import io.scopedasync.PerKey;
import io.scopedasync.Waiter;

/**
 * One definition, one {@link Lock} per key: a lock per account. A lock exists while
 * somebody holds or waits for it; idle keys cost nothing. Under one key a scope may hold
 * others, but not the same again.
 */
public final class KeyedLock implements KeyedResource<Hold>, Measured {

	private final LockBuilder<KeyedLock> settings;

	private final PerKey<Lock> locks = new PerKey<>(this::newLock, Lock::idle);

	private KeyedLock(LockBuilder<KeyedLock> settings) {
		this.settings = settings;
	}

	/**
	 * Begins a keyed lock.
	 * @param name name in metrics, logs and errors
	 * @return a builder, whose settings hold for each key
	 */
	public static LockBuilder<KeyedLock> builder(String name) {
		return new LockBuilder<>(name, KeyedLock::new);
	}

	private Lock newLock(Object key) {
		return new Lock(this.settings, () -> this.locks.leave(key));
	}

	@Override
	public AsyncResource<Hold> forKey(Object key) {
		return new OfKey(
				Objects.requireNonNull(key, () -> "Lock '" + name() + "' was asked for the lock of a null key."));
	}

	@Override
	public String name() {
		return this.settings.name();
	}

	/**
	 * The numbers of all keys in use.
	 * @return the sums now
	 */
	public Statistics statistics() {
		int[] sums = new int[3];
		this.locks.forEach((lock) -> {
			Lock.Statistics statistics = lock.statistics();
			sums[0]++;
			sums[1] += statistics.held() ? 1 : 0;
			sums[2] += statistics.waiting();
		});
		return new Statistics(sums[0], sums[1], sums[2]);
	}

	@Override
	public String type() {
		return "keyed-lock";
	}

	/** All keys in use together: the total is their number. */
	@Override
	public Usage usage() {
		Statistics now = statistics();
		return new Usage(now.held(), now.waiting(), now.keys(), Math.max(0, now.keys() - now.held()));
	}

	@Override
	public String toString() {
		return "lock '" + name() + "' (" + statistics() + ")";
	}

	/**
	 * Numbers of a keyed lock.
	 *
	 * @param keys how many keys are in use
	 * @param held how many of them are held
	 * @param waiting how many callers wait, over all keys
	 */
	public record Statistics(int keys, int held, int waiting) {

		@Override
		public String toString() {
			return this.held + " of " + this.keys + " keys held, " + this.waiting + " waiting";
		}

	}

	/** Stateless, so that it may be kept and used by many scopes. */
	private final class OfKey extends DirectResource<Hold> {

		private final Object key;

		OfKey(Object key) {
			super(KeyedLock.this.name());
			this.key = key;
		}

		@Override
		protected @Nullable Hold attempt(Waiter waiter) {
			Lock lock = KeyedLock.this.locks.enter(this.key);
			try {
				return lock.attempt(waiter);
			}
			catch (Throwable ex) {
				KeyedLock.this.locks.leave(this.key);
				throw ex;
			}
		}

		@Override
		protected boolean withdraw(Waiter waiter) {
			// Still there: the waiter is one of its users.
			Lock lock = KeyedLock.this.locks.find(this.key);
			return lock != null && lock.withdraw(waiter);
		}

		@Override
		protected void giveBack(Hold hold) {
			hold.lock().giveBack(hold);
		}

		@Override
		protected @Nullable Standing standing() {
			Lock lock = KeyedLock.this.locks.find(this.key);
			return (lock != null) ? lock.standing() : null;
		}

		@Override
		public Nesting nesting() {
			return Nesting.REFUSE;
		}

		@Override
		public Object key() {
			return this.key;
		}

		@Override
		public @Nullable Duration leakThreshold() {
			return KeyedLock.this.settings.leakThreshold();
		}

		/**
		 * That of its key, the same for all who use it now. A key that nobody uses is
		 * held by no scope.
		 */
		@Override
		public Object identity() {
			Lock lock = KeyedLock.this.locks.find(this.key);
			return (lock != null) ? lock : this;
		}

	}

}
