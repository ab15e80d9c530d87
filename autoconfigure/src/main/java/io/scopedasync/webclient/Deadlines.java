package io.scopedasync.webclient;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.scopedasync.ScopeClock;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * The limits of all exchanges, with one timer for the earliest of them. A timer for each
 * would wake a sleeping thread for each, which costs more than the exchange's whole way
 * through this library. Safe to use from any thread.
 */
final class Deadlines {

	private static final long NONE = Long.MAX_VALUE;

	private final ScopeClock clock;

	private final long start;

	private final Set<Exchange> exchanges = ConcurrentHashMap.newKeySet();

	/** When the timer fires; it may fire in vain, because nothing moves it to later. */
	private volatile long armed = NONE;

	private @Nullable Disposable timer;

	Deadlines(ScopeClock clock) {
		this.clock = clock;
		this.start = clock.nanos();
	}

	/**
	 * A deadline.
	 * @param delay from now
	 * @return the moment, in nanoseconds since these deadlines began
	 */
	long in(Duration delay) {
		// A delay of centuries is as good as one.
		return now() + Math.min(delay.toSeconds(), Integer.MAX_VALUE) * 1_000_000_000L + delay.toNanosPart();
	}

	/**
	 * Has an exchange told when its deadline passes.
	 * @param exchange to be added, or one whose deadline is another now
	 */
	void watch(Exchange exchange) {
		this.exchanges.add(exchange);
		arm(exchange.deadline());
	}

	void forget(Exchange exchange) {
		this.exchanges.remove(exchange);
	}

	private long now() {
		return this.clock.nanos() - this.start;
	}

	private void arm(long moment) {
		if (moment >= this.armed) {
			return;
		}
		synchronized (this) {
			if (moment < this.armed) {
				this.armed = moment;
				if (this.timer != null) {
					this.timer.dispose();
				}
				this.timer = this.clock.scheduleNanos(this::check, moment - now());
			}
		}
	}

	private void check() {
		synchronized (this) {
			this.armed = NONE;
			this.timer = null;
		}
		long now = now();
		for (Exchange exchange : this.exchanges) {
			if (exchange.deadline() <= now) {
				exchange.overdue();
			}
		}
		long next = NONE;
		for (Exchange exchange : this.exchanges) {
			next = Math.min(next, exchange.deadline());
		}
		arm(next);
	}

}
