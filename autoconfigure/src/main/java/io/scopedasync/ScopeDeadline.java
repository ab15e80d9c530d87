package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
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

	/** In nanoseconds; {@link #NEVER} without any. */
	long left() {
		long at = this.at;
		return (at != NEVER) ? at - this.clock.nanos() : NEVER;
	}

	@Override
	public Optional<Instant> at() {
		return remaining().map((left) -> this.clock.instant().plus(left));
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
		reschedule(Duration.between(this.clock.instant(), at));
	}

	@Override
	public void reschedule(Duration limit) {
		long nanos = ScopeClock.toNanos(limit);
		boolean never = nanos >= ScopeClock.FOREVER;
		int move;
		synchronized (this) {
			if (this.scope.isEnding()) {
				throw new IllegalStateException("The deadline of scope '" + this.scope.name() + "' "
						+ (this.expired ? "has passed" : "belongs to a scope that is ending")
						+ " and can't be moved: move it while the scope acquires or runs its body.");
			}
			this.limit = limit;
			this.at = never ? NEVER : this.clock.nanos() + nanos;
			this.moves++;
			move = this.moves;
		}
		// Outside the lock: a clock may run at once what is due at once.
		replace(move, never ? null : this.clock.scheduleNanos(this::look, nanos));
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
	 * Ends the scope if it has passed.
	 * @return whether the scope is ending
	 */
	boolean look() {
		long left;
		int move;
		boolean passes = false;
		synchronized (this) {
			left = left();
			move = this.moves;
			if (left <= 0 && passes(exceeded("limit", this.limit))) {
				this.expired = true;
				passes = true;
			}
		}
		if (passes) {
			this.scope.stop();
		}
		else if (left > 0 && left != NEVER) {
			// The clock of a scheduler may be coarser than its timers.
			replace(move, this.clock.scheduleNanos(this::look, left));
		}
		return this.scope.isEnding();
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
		synchronized (this) {
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
				"Scope '" + this.scope.name() + "' exceeded its limit on acquisition of " + limit.toMillis()
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
