package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/**
 * The limits of one scope and their timers. A timer of the deadline only has it looked
 * at, so it may fire in vain, but never too late.
 */
final class ScopeDeadline implements Deadline {

	static final long NEVER = Long.MAX_VALUE;

	private final RunningScope scope;

	private final ScopeClock clock;

	/** Written under the lock of this. */
	private volatile long at = NEVER;

	/** As a moment, once somebody has given or asked for that; guarded by this. */
	private @Nullable Instant instant;

	/** As it was asked for, to say so; guarded by this. */
	private Duration limit = Duration.ZERO;

	/** How often it was moved; guarded by this. */
	private int moves;

	/** Guarded by this, as the timers are. */
	private boolean over;

	private @Nullable Disposable timer;

	private @Nullable Disposable phaseTimer;

	/** Written together with the scope's end, under the lock of this. */
	private boolean expired;

	/** Whether it expired, or the limit of a phase passed. */
	private boolean passed;

	ScopeDeadline(RunningScope scope) {
		this.scope = scope;
		this.clock = scope.scopes.clock;
	}

	boolean isSet() {
		return this.at != NEVER;
	}

	/** From the beginning of the scope until what it holds is released. */
	@Nullable Duration longestAge(long since) {
		long at = this.at;
		return (at != NEVER) ? Duration.ofNanos(at - since + ScopeClock.toNanos(this.scope.releaseTimeout())) : null;
	}

	/** In nanoseconds; {@link #NEVER} without any. */
	long left() {
		long at = this.at;
		return (at != NEVER) ? at - this.clock.nanos() : NEVER;
	}

	@Override
	public Optional<Instant> at() {
		synchronized (this) {
			if (!isSet()) {
				return Optional.empty();
			}
			if (this.instant == null) {
				// The same from now on, also as a limit of something inside.
				this.instant = this.clock.instant().plusNanos(left());
			}
			return Optional.of(this.instant);
		}
	}

	@Override
	public Optional<Duration> remaining() {
		long left = left();
		return (left != NEVER) ? Optional.of(Duration.ofNanos(Math.max(0, left))) : Optional.empty();
	}

	@Override
	public synchronized boolean isExpired() {
		return this.expired;
	}

	/** Whether one of the scope's own limits ended it. */
	synchronized boolean hasPassed() {
		return this.passed;
	}

	@Override
	public void reschedule(Instant at) {
		reschedule(at, nanosAt(at));
	}

	/** To a moment that was converted by {@link #nanosAt}. */
	void reschedule(Instant moment, long at) {
		move(at, limitUntil(at), moment);
	}

	Duration limitUntil(long at) {
		return (at != NEVER) ? Duration.ofNanos(at - this.clock.nanos()) : ChronoUnit.FOREVER.getDuration();
	}

	/**
	 * A moment as nanoseconds of the clock. The calendar is asked once for all deadlines
	 * inside each other, so that those of one moment are one, however it goes.
	 * @return {@link #NEVER} if it is too far away
	 */
	long nanosAt(Instant moment) {
		for (RunningScope scope = this.scope; scope != null; scope = scope.parent()) {
			ScopeExtras extras = scope.extras;
			ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
			if (deadline != null && deadline.clock == this.clock) {
				synchronized (deadline) {
					if (deadline.instant != null && deadline.isSet()) {
						return sum(deadline.at, Duration.between(deadline.instant, moment));
					}
				}
			}
		}
		return sum(this.clock.nanos(), Duration.between(this.clock.instant(), moment));
	}

	private long sum(long at, Duration more) {
		long now = this.clock.nanos();
		long left = at - now + ScopeClock.toNanos(more);
		return (left < ScopeClock.FOREVER) ? now + Math.max(-ScopeClock.FOREVER, left) : NEVER;
	}

	@Override
	public void reschedule(Duration limit) {
		long nanos = ScopeClock.toNanos(limit);
		move((nanos < ScopeClock.FOREVER) ? this.clock.nanos() + nanos : NEVER, limit, null);
	}

	/** Without a timer: nothing ends of it before somebody looks. */
	synchronized void setTo(long nanosLeft) {
		this.limit = Duration.ofNanos(Math.max(0, nanosLeft));
		this.at = (nanosLeft < ScopeClock.FOREVER) ? this.clock.nanos() + nanosLeft : NEVER;
	}

	private void move(long at, Duration limit, @Nullable Instant moment) {
		int move;
		synchronized (this) {
			if (this.scope.isEnding()) {
				throw new IllegalStateException("The deadline of scope '" + this.scope.name() + "' "
						+ (this.expired ? "has passed" : "belongs to a scope that is ending")
						+ " and can't be moved: move it while the scope acquires or runs its body.");
			}
			this.limit = limit;
			this.instant = moment;
			this.at = at;
			this.moves++;
			move = this.moves;
		}
		// Outside the lock: a clock may run at once what is due at once.
		replace(move, (at != NEVER) ? this.clock.scheduleNanos(this::look, at - this.clock.nanos()) : null);
	}

	/** Of two moves at once the later one has the timer. */
	private void replace(int move, @Nullable Disposable timer) {
		Disposable unwanted = timer;
		synchronized (this) {
			if (move == this.moves && !this.over) {
				unwanted = this.timer;
				this.timer = timer;
			}
		}
		dispose(unwanted);
	}

	/**
	 * Ends the scope if it has passed, by the outermost of the deadlines that have.
	 * @return whether the scope is ending
	 */
	boolean look() {
		if (left() <= 0) {
			RunningScope around = expireAround();
			if (around != null) {
				this.scope.cancelFromOutside(NestedScope.cancelledByLimitOf(around));
			}
			else {
				expire();
			}
		}
		long left;
		int move;
		synchronized (this) {
			left = left();
			move = this.moves;
		}
		if (left > 0 && left != NEVER) {
			// The clock of a scheduler may be coarser than its timers.
			replace(move, this.clock.scheduleNanos(this::look, left));
		}
		return this.scope.isEnding();
	}

	private @Nullable RunningScope expireAround() {
		for (ScopeDeadline deadline : passedAround()) {
			if (deadline.expire() || deadline.hasPassed()) {
				return deadline.scope;
			}
		}
		return null;
	}

	/** Unless it was moved, or the scope is ending. */
	private boolean expire() {
		synchronized (this) {
			if (left() > 0 || !passes(exceeded("limit", this.limit))) {
				return false;
			}
			this.expired = true;
		}
		this.scope.stop();
		return true;
	}

	/**
	 * The scopes around this one, as far as they reach it, whose deadlines have passed,
	 * the outermost first.
	 */
	private Deque<ScopeDeadline> passedAround() {
		Deque<ScopeDeadline> passed = new ArrayDeque<>();
		RunningScope scope = this.scope;
		while (scope != null && scope.spec.cancels != ScopeSpec.Cancels.HELD_BACK) {
			scope = scope.parent();
			ScopeExtras extras = (scope != null) ? scope.extras : null;
			ScopeDeadline deadline = (extras != null) ? extras.deadline : null;
			if (deadline != null && deadline.left() <= 0) {
				passed.addFirst(deadline);
			}
		}
		return passed;
	}

	/** Gives a phase its own limit, if it has one, and ends that of the one before. */
	void begin(Scope.State phase, @Nullable Duration limit) {
		Disposable timer = (limit != null)
				? this.clock.scheduleNanos(() -> phasePassed(phase, limit), ScopeClock.toNanos(limit)) : null;
		Disposable unwanted = timer;
		synchronized (this) {
			if (!this.over) {
				unwanted = this.phaseTimer;
				this.phaseTimer = timer;
			}
		}
		dispose(unwanted);
	}

	private void phasePassed(Scope.State phase, Duration limit) {
		synchronized (this) {
			if (this.scope.state() != phase || !passes(
					(phase == Scope.State.ENTERING) ? notAcquired(limit) : exceeded("limit on its body", limit))) {
				return;
			}
		}
		this.scope.stop();
	}

	/** A limit of nothing: not even begun. */
	void expireUnbegun(Duration limit) {
		long nanos = ScopeClock.toNanos(limit);
		synchronized (this) {
			this.at = this.clock.nanos() + nanos;
			this.expired = passes(new DeadlineExceededException(this.scope.name(), limit));
		}
	}

	private boolean passes(RuntimeException error) {
		boolean first = this.scope.decide(Exit.failed(error));
		this.passed |= first;
		return first;
	}

	private RuntimeException exceeded(String which, Duration limit) {
		return new DeadlineExceededException(this.scope.name(), which, limit, this.scope.state(),
				this.scope.resources());
	}

	private RuntimeException notAcquired(Duration limit) {
		return new AcquireTimeoutException(this.scope.name(), limit,
				"Scope '" + this.scope.name() + "' exceeded its limit on acquisition of " + ScopeClock.toMillis(limit)
						+ " ms while acquiring " + this.scope.resources()
						+ ". Raise the limit, or find out who holds them for so long.");
	}

	/** The scope has settled. */
	void end() {
		Disposable deadline;
		Disposable phase;
		synchronized (this) {
			this.over = true;
			deadline = this.timer;
			phase = this.phaseTimer;
			this.timer = null;
			this.phaseTimer = null;
		}
		dispose(deadline);
		dispose(phase);
	}

	private static void dispose(@Nullable Disposable timer) {
		if (timer != null) {
			timer.dispose();
		}
	}

}
