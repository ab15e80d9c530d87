package io.scopedasync;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * The one clock of every limit, grace period and timer, so that virtual time drives all
 * of them.
 */
public final class ScopeClock {

	/** In nanoseconds, half of what there are: two of them can still be added. */
	static final long FOREVER = Long.MAX_VALUE / 2;

	private static final long NANOS_PER_SECOND = 1_000_000_000L;

	private static final ScopeClock SYSTEM = new ScopeClock(Schedulers.parallel(), true);

	private final boolean system;

	private volatile Scheduler scheduler;

	ScopeClock(Scheduler scheduler, boolean system) {
		this.scheduler = scheduler;
		this.system = system;
	}

	/**
	 * The machine's monotonic time, with timers on Reactor's parallel scheduler.
	 * @return the default clock
	 */
	public static ScopeClock system() {
		return SYSTEM;
	}

	/**
	 * The time of a scheduler and timers on it, for instance of a
	 * {@code VirtualTimeScheduler}.
	 * @param scheduler the scheduler
	 * @return its clock
	 */
	public static ScopeClock of(Scheduler scheduler) {
		return new ScopeClock(scheduler, false);
	}

	/**
	 * Now.
	 * @return nanoseconds since some fixed moment
	 */
	public long nanos() {
		return this.system ? System.nanoTime() : this.scheduler.now(TimeUnit.NANOSECONDS);
	}

	/**
	 * Today's date and time.
	 * @return the moment; a virtual clock's own
	 */
	public Instant instant() {
		return this.system ? Instant.now() : Instant.ofEpochSecond(0, this.scheduler.now(TimeUnit.NANOSECONDS));
	}

	/**
	 * Runs a task later, once.
	 * @param task must not block
	 * @param delay how much later
	 * @return cancels it
	 */
	public Disposable schedule(Runnable task, Duration delay) {
		return scheduleNanos(task, toNanos(delay));
	}

	/**
	 * Runs a task later, once.
	 * @param task must not block
	 * @param delay how much later, in nanoseconds
	 * @return cancels it
	 */
	public Disposable scheduleNanos(Runnable task, long delay) {
		return timers().schedule(task, Math.max(0, delay), TimeUnit.NANOSECONDS);
	}

	/**
	 * Runs a step of a shutdown, which must go on although threads of Reactor's are
	 * blocked: on a thread of its own where the time is the machine's, at once where it
	 * is a test's.
	 */
	void close(Runnable step) {
		if (this.system) {
			CloseThreads.run(step);
		}
		else {
			step.run();
		}
	}

	/** A release that may block, subscribed to as {@link #close} runs a step. */
	<T> Mono<T> closing(Mono<T> release) {
		return this.system ? release.subscribeOn(CloseThreads.SCHEDULER) : release;
	}

	/** Runs a step of a shutdown later, as {@link #close}. */
	void closeLater(Runnable step, long delay) {
		if (this.system) {
			CloseThreads.runLater(step, delay);
		}
		else {
			scheduleNanos(step, delay);
		}
	}

	/**
	 * Reactor's own may be shut down and be another one from then on: when the first to
	 * ask for it was a test in virtual time, for instance.
	 */
	private Scheduler timers() {
		Scheduler timers = this.scheduler;
		if (this.system && timers.isDisposed()) {
			timers = Schedulers.parallel();
			this.scheduler = timers;
		}
		return timers;
	}

	/**
	 * This clock as pools read it. Its days are not those of the calendar.
	 * @return a view of this clock
	 */
	public Clock toClock() {
		return new PoolClock(this);
	}

	/**
	 * A duration in nanoseconds. One of more than 146 years, or of less than minus that,
	 * is as good as for ever: it becomes the greatest or the smallest value, of which two
	 * can still be added.
	 * @param duration any duration
	 * @return nanoseconds, without an overflow
	 */
	public static long toNanos(Duration duration) {
		long seconds = duration.getSeconds();
		if (seconds >= FOREVER / NANOS_PER_SECOND) {
			return FOREVER;
		}
		return (seconds <= -FOREVER / NANOS_PER_SECOND) ? -FOREVER : duration.toNanos();
	}

	/**
	 * A duration with which can be reckoned: limited as in {@link #toNanos}.
	 * @param duration any duration
	 * @return the same, or the longest or shortest there is
	 */
	public static Duration limited(Duration duration) {
		return Duration.ofNanos(toNanos(duration));
	}

	/**
	 * A duration in milliseconds, for messages and for timers that count in them; limited
	 * as in {@link #toNanos}.
	 * @param duration any duration
	 * @return milliseconds, without an overflow
	 */
	public static long toMillis(Duration duration) {
		return TimeUnit.NANOSECONDS.toMillis(toNanos(duration));
	}

}
