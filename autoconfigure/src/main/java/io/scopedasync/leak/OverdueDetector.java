package io.scopedasync.leak;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;

/**
 * Looks at all open scopes once per sweep interval and reports each that is older than
 * the threshold, once; when one of those ends, reports that too. One timer in all and
 * none per scope: an undisturbed scope costs nothing but a look per sweep.
 * <p>
 * A scope is referred to weakly: to have been reported keeps none alive.
 */
public final class OverdueDetector {

	private static final Logger logger = LoggerFactory.getLogger(OverdueDetector.class);

	private final AsyncScopes scopes;

	private final Leaks leaks;

	private final ScopeClock clock;

	private final Duration threshold;

	private final Duration sweepInterval;

	/**
	 * Of scopes that are open still; touched by the sweeper only, one sweep after the
	 * other.
	 */
	private final Map<Reference, Reported> reported = new HashMap<>();

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
	public OverdueDetector(AsyncScopes scopes, Leaks leaks, ScopeClock clock, Duration threshold,
			Duration sweepInterval) {
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
	 * Stops looking; a sweep under way goes on to its end. May be started again.
	 */
	public synchronized void stop() {
		Sweeper sweeper = this.sweeper;
		if (sweeper != null) {
			this.sweeper = null;
			sweeper.timer.dispose();
		}
	}

	private void sweep() {
		synchronized (this.reported) {
			long now = this.clock.nanos();
			for (Scope scope : this.scopes.openScopes()) {
				if (scope.age().compareTo(this.threshold) >= 0) {
					overdue(scope, now);
				}
			}
			Iterator<Map.Entry<Reference, Reported>> entries = this.reported.entrySet().iterator();
			while (entries.hasNext()) {
				Map.Entry<Reference, Reported> entry = entries.next();
				Scope scope = entry.getKey().get();
				if (scope == null || scope.state() == Scope.State.CLOSED) {
					entries.remove();
					Leak leak = entry.getValue().leak;
					this.leaks.recovered(leak, leak.age().plusNanos(now - entry.getValue().at));
				}
			}
		}
	}

	private void overdue(Scope scope, long now) {
		Reference reference = new Reference(scope);
		if (!this.reported.containsKey(reference)) {
			Leak leak = Leak.of(LeakReason.OVERDUE, scope);
			if (leak.state() != Scope.State.CLOSED) {
				this.reported.put(reference, new Reported(leak, now));
				this.leaks.report(leak, advice(leak.state()));
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
			case RUNNING,
					CLOSED ->
				"Its body has not ended: give it a limit (timeout of @ScopedAsync or of the ScopeSpec), "
						+ "close it if it was opened by hand, or, if it may live that long, raise "
						+ "scoped-async.leak-detection.threshold (" + Leak.text(this.threshold) + ").";
		};
	}

	/**
	 * A chain of single tasks, so that sweeps never overlap or pile up; another start
	 * makes another chain.
	 */
	private final class Sweeper implements Runnable {

		private volatile Disposable timer = Disposables.disposed();

		private void schedule() {
			this.timer = OverdueDetector.this.clock.schedule(this, OverdueDetector.this.sweepInterval);
		}

		@Override
		public void run() {
			if (OverdueDetector.this.sweeper != this) {
				return;
			}
			try {
				sweep();
			}
			catch (RuntimeException ex) {
				logger.warn("A sweep for overdue scopes failed; the next is due in {}",
						Leak.text(OverdueDetector.this.sweepInterval), ex);
			}
			schedule();
		}

	}

	/** Finds a scope by identity while it lives. */
	private static final class Reference extends WeakReference<Scope> {

		private final int hash;

		Reference(Scope scope) {
			super(scope);
			this.hash = System.identityHashCode(scope);
		}

		@Override
		public boolean equals(@Nullable Object other) {
			Scope scope = get();
			return this == other || (scope != null && other instanceof Reference that && that.get() == scope);
		}

		@Override
		public int hashCode() {
			return this.hash;
		}

	}

	private record Reported(Leak leak, long at) {

	}

}
