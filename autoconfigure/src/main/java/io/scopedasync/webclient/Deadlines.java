package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;

import io.scopedasync.ScopeClock;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * The limits of all exchanges, with one timer for the earliest of them. A timer for each
 * would wake a sleeping thread for each, which costs more than the exchange's whole way
 * through this library. Safe to use from any thread.
 */
final class Deadlines {

	static final long NONE = Long.MAX_VALUE;

	private final ScopeClock clock;

	private final long start;

	private final Supplier<List<Exchange>> exchanges;

	/** When the timer fires; it may fire in vain, because nothing moves it to later. */
	private volatile long armed = NONE;

	private @Nullable Disposable timer;

	/**
	 * Creates them.
	 * @param clock their clock
	 * @param exchanges all that are under way
	 */
	Deadlines(ScopeClock clock, Supplier<List<Exchange>> exchanges) {
		this.clock = clock;
		this.exchanges = exchanges;
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
	 * @param exchange one of a session's, after its deadline was set
	 */
	void watch(Exchange exchange) {
		arm(exchange.deadline());
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
		for (Exchange exchange : this.exchanges.get()) {
			if (exchange.deadline() <= now) {
				exchange.overdue();
			}
		}
		// What was overdue may have another deadline now.
		arm(this.exchanges.get().stream().mapToLong(Exchange::deadline).min().orElse(NONE));
	}

}
