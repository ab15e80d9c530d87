package io.scopedasync.limiter;

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
 * One definition, one {@link Limiter} per key: a key that floods its own delays nobody
 * else. A limiter exists while somebody holds or waits for a permit of its key; idle keys
 * cost nothing.
 */
public final class KeyedLimiter implements KeyedResource<Permit>, Measured {

	private final LimiterBuilder<KeyedLimiter> settings;

	private final PerKey<Limiter> limiters = new PerKey<>(this::newLimiter, Limiter::idle);

	private volatile int permits;

	private KeyedLimiter(LimiterBuilder<KeyedLimiter> settings) {
		this.settings = settings;
		this.permits = settings.permits;
	}

	/**
	 * Begins a keyed limiter.
	 * @param name name in metrics, logs and errors
	 * @return a builder, whose settings hold for each key
	 */
	public static LimiterBuilder<KeyedLimiter> builder(String name) {
		return new LimiterBuilder<>(name, KeyedLimiter::new);
	}

	@Override
	public AsyncResource<Permit> forKey(Object key) {
		return forKey(key, 1);
	}

	@Override
	public AsyncResource<Permit> forKey(Object key, int permits) {
		Objects.requireNonNull(key, () -> "Limiter '" + name() + "' was asked for the limit of a null key.");
		int total = this.permits;
		if (permits < 1 || (total != 0 && permits > total)) {
			throw new IllegalArgumentException("Limiter '" + name() + "' has " + total
					+ " permits per key, a call asks for " + permits + ": ask for no more, or raise its permits.");
		}
		return new OfKey(key, permits);
	}

	@Override
	public String name() {
		return this.settings.name();
	}

	@Override
	public int total() {
		return this.permits;
	}

	/**
	 * Changes the total of each key, as {@link Limiter#resize} does.
	 * @param total the new total per key
	 * @throws IllegalArgumentException if it is negative
	 */
	public void resize(int total) {
		if (total < 0) {
			throw new IllegalArgumentException(
					"Limiter '" + name() + "' can't have " + total + " permits: give zero or more.");
		}
		this.permits = total;
		this.limiters.forEach(this::follow);
	}

	@Override
	public String type() {
		return "keyed-limiter";
	}

	/**
	 * All keys in use together: the total is that of one key times their number.
	 */
	@Override
	public Usage usage() {
		Statistics now = statistics();
		int total = (int) Math.min((long) now.total() * now.keys(), Integer.MAX_VALUE);
		return new Usage(now.borrowed(), now.waiting(), total, Math.max(0, total - now.borrowed()));
	}

	/**
	 * The numbers of all keys in use.
	 * @return the sums now
	 */
	public Statistics statistics() {
		int[] sums = new int[3];
		this.limiters.forEach((limiter) -> {
			Limiter.Statistics statistics = limiter.statistics();
			sums[0]++;
			sums[1] += statistics.borrowed();
			sums[2] += statistics.waiting();
		});
		return new Statistics(this.permits, sums[0], sums[1], sums[2]);
	}

	private Limiter enter(Object key) {
		Limiter limiter = this.limiters.enter(key);
		// It may have been made while the total was being changed.
		follow(limiter);
		return limiter;
	}

	/** The total may change again meanwhile: the last one holds. */
	private void follow(Limiter limiter) {
		for (int total = this.permits; limiter.total() != total; total = this.permits) {
			limiter.resize(total);
		}
	}

	private Limiter newLimiter(Object key) {
		return new Limiter(this.settings, () -> this.limiters.leave(key));
	}

	@Override
	public String toString() {
		return "limiter '" + name() + "' (" + statistics() + ")";
	}

	/**
	 * Numbers of a keyed limiter.
	 *
	 * @param total how many permits each key has
	 * @param keys how many keys are in use
	 * @param borrowed how many permits are in use, over all keys
	 * @param waiting how many callers wait, over all keys
	 */
	public record Statistics(int total, int keys, int borrowed, int waiting) {

		@Override
		public String toString() {
			return this.borrowed + " in use, " + this.waiting + " waiting, " + this.keys + " keys of " + this.total;
		}

	}

	/** Stateless, so that it may be kept and used by many scopes. */
	private final class OfKey extends DirectResource<Permit> {

		private final Object key;

		private final int permits;

		OfKey(Object key, int permits) {
			super(KeyedLimiter.this.name());
			this.key = key;
			this.permits = permits;
		}

		@Override
		protected @Nullable Permit attempt(Waiter waiter) {
			Limiter limiter = enter(this.key);
			try {
				return limiter.attempt(waiter, this.permits) ? new Permit(limiter, this.permits, false) : null;
			}
			catch (Throwable ex) {
				KeyedLimiter.this.limiters.leave(this.key);
				throw ex;
			}
		}

		@Override
		protected boolean withdraw(Waiter waiter) {
			// Still there: the waiter is one of its users.
			Limiter limiter = KeyedLimiter.this.limiters.find(this.key);
			return limiter != null && limiter.withdraw(waiter);
		}

		@Override
		protected void giveBack(Permit permit) {
			permit.limiter().giveBack(permit);
		}

		@Override
		protected int units() {
			return this.permits;
		}

		@Override
		protected @Nullable Standing standing() {
			Limiter limiter = KeyedLimiter.this.limiters.find(this.key);
			return (limiter != null) ? limiter.standing() : null;
		}

		@Override
		public Object key() {
			return this.key;
		}

		@Override
		public @Nullable Duration leakThreshold() {
			return KeyedLimiter.this.settings.leakThreshold();
		}

		@Override
		public Object identity() {
			return KeyedLimiter.this;
		}

	}

}
