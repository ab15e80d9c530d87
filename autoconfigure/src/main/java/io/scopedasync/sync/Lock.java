package io.scopedasync.sync;

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

import org.jspecify.annotations.Nullable;

import io.scopedasync.Measured;
import io.scopedasync.Waiter;

/**
 * Held by one scope at a time; the rest wait in order of arrival, without a thread.
 * Blocking, future and reactive callers share the one queue. It is handed from one holder
 * to the next and is never free in between, so nobody overtakes.
 * <p>
 * Picture the key of a room that is passed along a line of people: it hangs on its hook
 * only when nobody stands in line. It belongs to the scope that holds it, whichever
 * threads that runs on. A scope that asks for a lock that it, or one around it, holds
 * already would wait for itself, and fails at once. Who holds it is known to the scopes:
 * {@code AsyncScopes.holders(lock)}.
 */
public final class Lock extends OwnedResource implements Measured {

	/** Told of each caller that leaves; null unless somebody counts them. */
	private final @Nullable Runnable onLeave;

	/**
	 * Those that lent the lock to wait for a condition, until they have it again; null
	 * until there is a condition.
	 */
	private volatile @Nullable Map<Waiter, Condition.Wait> lent;

	Lock(LockBuilder<?> settings, @Nullable Runnable onLeave) {
		super(settings, 1);
		this.onLeave = onLeave;
	}

	/**
	 * Begins a lock.
	 * @param name name in metrics, logs and errors
	 * @return a builder
	 */
	public static LockBuilder<Lock> builder(String name) {
		return new LockBuilder<>(name, (settings) -> new Lock(settings, null));
	}

	/**
	 * Takes the lock if it is free and nobody waits; never waits and never overtakes. No
	 * scope knows of it, so nesting is not noticed: prefer {@code AsyncScopes.use}, which
	 * can't forget to close it.
	 * @return the hold, to be closed, or null
	 */
	public @Nullable Hold tryAcquire() {
		return tryTake(1);
	}

	/**
	 * A condition to wait for under this lock; there may be several.
	 * @param name what is waited for, added to the lock's name in metrics and logs
	 * @return a new condition
	 */
	public Condition condition(String name) {
		Objects.requireNonNull(name, "name");
		synchronized (this) {
			Map<Waiter, Condition.Wait> lent = this.lent;
			if (lent == null) {
				lent = new ConcurrentHashMap<>();
				this.lent = lent;
			}
			return new Condition(this, name() + "." + name, lent);
		}
	}

	/** For a while, to the next in line. */
	void lend() {
		free(1);
	}

	/** Back to whoever lent it, in its turn. */
	void takeBack(Waiter waiter) {
		queueAgain(waiter, 1);
	}

	/** For when nobody uses it any more. */
	void idle() {
		stopTimer();
	}

	@Override
	protected @Nullable Hold attempt(Waiter waiter) {
		return attempt(waiter, 1);
	}

	@Override
	protected boolean grant(Waiter waiter, int units) {
		Map<Waiter, Condition.Wait> lent = this.lent;
		Condition.Wait wait = (lent != null) ? lent.remove(waiter) : null;
		if (wait == null) {
			return super.grant(waiter, units);
		}
		boolean wanted = wait.loan.end();
		waiter.grant(wait);
		return wanted;
	}

	@Override
	protected void left() {
		if (this.onLeave != null) {
			this.onLeave.run();
		}
	}

	@Override
	public Nesting nesting() {
		return Nesting.REFUSE;
	}

	/**
	 * The lock's numbers now.
	 * @return the statistics
	 */
	public Statistics statistics() {
		Usage now = counts();
		return new Statistics(now.active() != 0, now.pending());
	}

	@Override
	public String type() {
		return "lock";
	}

	@Override
	public Usage usage() {
		return counts();
	}

	@Override
	public String toString() {
		return "lock '" + name() + "' (" + statistics() + ")";
	}

	/**
	 * A lock's numbers.
	 *
	 * @param held whether it is held
	 * @param waiting how many callers wait for it, those included that want it back after
	 * a condition
	 */
	public record Statistics(boolean held, int waiting) {

		@Override
		public String toString() {
			return (this.held ? "held, " : "free, ") + this.waiting + " waiting";
		}

	}

}
