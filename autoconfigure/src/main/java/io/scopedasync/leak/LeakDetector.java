package io.scopedasync.leak;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Deadlock;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;

/**
 * Looks at all open scopes once per sweep interval. Reports each that is older than its
 * threshold, once, and when one of those ends, that too. Reports those that nobody can
 * reach any more, and ends them, so that what they held is released; and those that wait
 * for each other, of which the youngest fails. One timer in all and none per scope. Keeps
 * no scope alive.
 */
public final class LeakDetector {

	private static final Logger logger = LoggerFactory.getLogger(LeakDetector.class);

	private static final String STUCK = "Its deadline and the release limit have passed, and it has not ended, whatever "
			+ "its threshold: look what ignores its cancel, or takes more than one release limit to give back.";

	private final AsyncScopes scopes;

	private final Leaks leaks;

	private final ScopeClock clock;

	private volatile Duration threshold;

	private final Duration sweepInterval;

	/**
	 * Overdue ones by number; touched by the sweeper only, one sweep after the other.
	 */
	private final Map<Long, Reported> reported = new HashMap<>();

	private volatile @Nullable Sweeper sweeper;

	/**
	 * Creates a detector, which does nothing until {@link #start()}.
	 * @param scopes whose scopes; they know their age if they are
	 * {@linkplain AsyncScopes.Builder#tracked tracked}
	 * @param leaks where to report
	 * @param clock the clock of the scopes
	 * @param threshold the age from which a scope is overdue
	 * @param sweepInterval time between two looks
	 * @throws IllegalArgumentException if one of the durations is not positive
	 */
	public LeakDetector(AsyncScopes scopes, Leaks leaks, ScopeClock clock, Duration threshold, Duration sweepInterval) {
		this.scopes = scopes;
		this.leaks = leaks;
		this.clock = clock;
		this.threshold = positive(threshold, "threshold");
		this.sweepInterval = positive(sweepInterval, "sweep-interval");
	}

	private static Duration positive(Duration duration, String property) {
		if (duration.isNegative() || duration.isZero()) {
			throw new IllegalArgumentException("scoped-async.leak-detection." + property + " is " + duration
					+ " and must be more than zero; scoped-async.leak-detection.level=disabled switches detection off.");
		}
		return duration;
	}

	/**
	 * Begins to look, first after one interval. Does nothing if it has begun.
	 */
	public synchronized void start() {
		if (this.sweeper == null) {
			Sweeper sweeper = new Sweeper();
			this.sweeper = sweeper;
			sweeper.schedule();
		}
	}

	/**
	 * Stops looking, after a last look for those that are lost; a sweep under way goes on
	 * to its end. May be started again.
	 */
	public synchronized void stop() {
		Sweeper sweeper = this.sweeper;
		if (sweeper != null) {
			this.sweeper = null;
			sweeper.timer.dispose();
			synchronized (this.reported) {
				endLost();
			}
		}
	}

	/**
	 * From which age on a scope is overdue that says nothing itself.
	 * @return the threshold
	 */
	public Duration threshold() {
		return this.threshold;
	}

	/**
	 * Changes the threshold, from the next look on.
	 * @param threshold the age from which a scope is overdue
	 * @throws IllegalArgumentException if it is not positive
	 */
	public void setThreshold(Duration threshold) {
		this.threshold = positive(threshold, "threshold");
	}

	private void look() {
		try {
			sweep();
		}
		catch (Throwable ex) {
			logger.warn("A look at the open scopes failed", ex);
		}
	}

	private void sweep() {
		synchronized (this.reported) {
			long now = this.clock.nanos();
			endLost();
			breakDeadlocks();
			Set<Long> open = new HashSet<>();
			for (Scope scope : this.scopes.openScopes()) {
				open.add(scope.id());
				Duration longest = scope.longestAge();
				if (longest != null && scope.age().compareTo(longest) > 0) {
					overdue(scope, now, STUCK);
					continue;
				}
				Duration own = scope.leakThreshold();
				if (scope.age().compareTo((own != null) ? own : this.threshold) >= 0) {
					overdue(scope, now, null);
				}
			}
			Iterator<Map.Entry<Long, Reported>> entries = this.reported.entrySet().iterator();
			while (entries.hasNext()) {
				Map.Entry<Long, Reported> entry = entries.next();
				if (!open.contains(entry.getKey())) {
					entries.remove();
					Leak leak = entry.getValue().leak;
					this.leaks.recovered(leak, leak.age().plusNanos(now - entry.getValue().at));
				}
			}
		}
	}

	private void breakDeadlocks() {
		try {
			this.scopes.breakDeadlocks(this::deadlocked);
		}
		catch (Throwable ex) {
			logger.warn("A search for deadlocks failed", ex);
		}
	}

	private void endLost() {
		List<Scope> lost = this.scopes.takeLost();
		try {
			lost.forEach(this::lost);
		}
		finally {
			// After all were reported: one takes along those inside it, which then hold
			// nothing any more.
			lost.forEach((scope) -> scope.cancel("nobody can reach it any more"));
		}
	}

	private void lost(Scope scope) {
		this.reported.remove(scope.id());
		this.leaks.report(Leak.of(LeakReason.LOST, scope),
				"Nobody can end it any more, so it was ended and gave back what it held: look who forgot "
						+ "the publisher, the future or the scope itself.");
	}

	private void deadlocked(Deadlock deadlock) {
		this.leaks.report(Leak.of(deadlock),
				"These waited for each other, so the youngest of them failed with a DeadlockException: acquire in the "
						+ "same order everywhere, and ask for nothing again inside of what holds it.");
	}

	private void overdue(Scope scope, long now, @Nullable String advice) {
		if (!this.reported.containsKey(scope.id())) {
			Leak leak = Leak.of(LeakReason.OVERDUE, scope);
			if (leak.state() != Scope.State.CLOSED) {
				this.reported.put(scope.id(), new Reported(leak, now));
				this.leaks.report(leak, (advice != null) ? advice : advice(leak.state()));
			}
		}
	}

	private String advice(Scope.State state) {
		return switch (state) {
			case ENTERING ->
				"It has waited that long for its resources: look who holds them, and give the wait a limit, "
						+ "acquire-timeout of the resource or timeout of the scope.";
			case RELEASING -> "Its body has ended but a release has not: give the release a limit, "
					+ "scoped-async.release-timeout, and look what it waits for.";
			case RUNNING, CLOSED ->
				"Its body has not ended: give it a limit (timeout of @ScopedAsync or of the ScopeSpec), "
						+ "close it if it was opened by hand, or, if it may live that long, say so with leakThreshold of "
						+ "the annotation or of a resource, or raise scoped-async.leak-detection.threshold ("
						+ Leak.text(this.threshold) + ").";
		};
	}

	/**
	 * A chain of single tasks, so that sweeps never overlap or pile up; another start
	 * makes another chain.
	 */
	private final class Sweeper implements Runnable {

		private volatile Disposable timer = Disposables.disposed();

		private void schedule() {
			this.timer = LeakDetector.this.clock.schedule(this, LeakDetector.this.sweepInterval);
		}

		@Override
		public void run() {
			if (LeakDetector.this.sweeper != this) {
				return;
			}
			try {
				look();
			}
			finally {
				// One look that ends in an Error is not to be the last one.
				schedule();
			}
		}

	}

	private record Reported(Leak leak, long at) {

	}

}
