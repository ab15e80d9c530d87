package io.scopedasync.test;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.ScopeClock;

/**
 * A clock that stands still until the test advances it: every limit, grace period and
 * leak timer runs out when the test says so. Other users of Reactor's schedulers go on in
 * real time. In a Spring test {@link WithVirtualScopeClock} makes it a bean.
 */
public final class VirtualScopeClock implements AutoCloseable {

	private static final Duration TICK = Duration.ofMillis(10);

	private final VirtualTimeScheduler scheduler = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.scheduler);

	/** As in real time, timers run where nothing may block. */
	private final Scheduler timers = Schedulers.newSingle("virtual-scope-clock", true);

	private VirtualScopeClock() {
	}

	/**
	 * A clock of its own.
	 * @return a new clock
	 */
	public static VirtualScopeClock create() {
		return new VirtualScopeClock();
	}

	/**
	 * What scopes and limiters are built with.
	 * @return the clock
	 */
	public ScopeClock clock() {
		return this.clock;
	}

	/**
	 * Lets time pass. Timers that are due run in order, those that they set included, on
	 * a thread of this clock that must not block, as in real time. All have run when this
	 * returns.
	 * @param duration how much
	 */
	public void advance(Duration duration) {
		if (Schedulers.isInNonBlockingThread() || this.timers.isDisposed()) {
			this.scheduler.advanceTimeBy(duration);
			return;
		}
		Mono.fromRunnable(() -> this.scheduler.advanceTimeBy(duration)).subscribeOn(this.timers).block();
	}

	/**
	 * From now on time passes by itself, ten times as fast as real time: whoever closes
	 * the scopes waits for timers.
	 * @return stops it
	 */
	Disposable run() {
		return Schedulers.boundedElastic()
			.schedulePeriodically(() -> advance(TICK.multipliedBy(10)), 0, TICK.toMillis(), TimeUnit.MILLISECONDS);
	}

	/**
	 * Drops all timers; what is scheduled afterwards is refused.
	 */
	@Override
	public void close() {
		this.scheduler.dispose();
		this.timers.dispose();
	}

}
