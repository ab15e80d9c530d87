package io.scopedasync.limiter;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.Measured;
import io.scopedasync.QueuedResource;
import io.scopedasync.Waiter;
import io.scopedasync.WeightedResource;

/**
 * At most n at once; the rest wait in order of arrival, without a thread. Blocking,
 * future and reactive callers share the one queue.
 * <p>
 * Picture a row of chairs and a line of people: whoever finds a free chair and no line
 * sits down; whoever gets up hands the chair to the head of the line. Someone at the head
 * who needs three chairs is not overtaken by those behind who need one. When chairs are
 * taken away, all who sit finish, and nobody sits down until fewer sit than there are
 * chairs.
 */
public final class Limiter extends QueuedResource<Permit> implements WeightedResource<Permit>, Measured {

	private final Permit single = new Permit(this, 1, false);

	/** Told of each caller that leaves; null unless somebody counts them. */
	private final @Nullable Runnable onLeave;

	Limiter(LimiterBuilder<?> settings, @Nullable Runnable onLeave) {
		super(settings, settings.permits);
		this.onLeave = onLeave;
	}

	/**
	 * Begins a limiter.
	 * @param name name in metrics, logs and errors
	 * @return a builder
	 */
	public static LimiterBuilder<Limiter> builder(String name) {
		return new LimiterBuilder<>(name, (settings) -> new Limiter(settings, null));
	}

	/**
	 * Takes a permit if one is free and nobody waits; never waits and never overtakes. No
	 * scope knows of it: prefer {@code AsyncScopes.use}, which can't forget to close it.
	 * @return the permit, to be closed, or null
	 */
	public @Nullable Permit tryAcquire() {
		return take(1) ? new Permit(this, 1, true) : null;
	}

	@Override
	public AsyncResource<Permit> permits(int permits) {
		requireWithinTotal(permits);
		return (permits == 1) ? this : new Several(this, permits);
	}

	/**
	 * Changes the total, up or down, without blocking anyone. Up: as many waiters go on
	 * as places were added. Down: holders keep theirs, nobody enters until usage is below
	 * the new total; zero closes the limiter for the time being. A waiting request for
	 * more than a new total above zero is refused as soon as it is the next to be served.
	 * @param total the new total
	 * @throws IllegalArgumentException if it is negative
	 */
	public void resize(int total) {
		if (total < 0) {
			throw new IllegalArgumentException(
					"Limiter '" + name() + "' can't have " + total + " permits: give zero or more.");
		}
		changeTotal(total);
	}

	/**
	 * The limiter's numbers now. Who holds is known to the scopes:
	 * {@code AsyncScopes.holders(limiter)}.
	 * @return the statistics
	 */
	public Statistics statistics() {
		Usage now = counts();
		return new Statistics(now.max(), now.active(), now.pending());
	}

	@Override
	public String type() {
		return "limiter";
	}

	/** More is borrowed than there is for a while after the total was lowered. */
	@Override
	public Usage usage() {
		return counts();
	}

	/** A permit was closed that is closed already. */
	void givenBackTwice() {
		releasedTwice();
	}

	@Override
	protected @Nullable Permit attempt(Waiter waiter) {
		return attempt(waiter, 1) ? this.single : null;
	}

	@Override
	protected void giveBack(Permit permit) {
		free(permit.permits());
	}

	/** For those of this package who hand on what they are asked. */
	@Override
	protected Standing standing() {
		return super.standing();
	}

	@Override
	protected boolean grant(Waiter waiter, int permits) {
		waiter.grant((permits == 1) ? this.single : new Permit(this, permits, false));
		return true;
	}

	@Override
	protected void left() {
		if (this.onLeave != null) {
			this.onLeave.run();
		}
	}

	@Override
	protected String rejected(int waiting) {
		return "Limiter '" + name() + "' rejected a call: its " + total() + " permits are in use and " + waiting
				+ " callers wait already, " + waiting + " may. Raise permits or max-waiting, or call less.";
	}

	@Override
	protected String timedOut(Duration timeout) {
		return "No permit of limiter '" + name() + "' became free within " + timeout.toMillis() + " ms: " + statistics()
				+ ". Raise permits or acquire-timeout, or find out who holds them for so long.";
	}

	@Override
	protected String beyond(int permits, int total) {
		return "Limiter '" + name() + "' has " + total + " permits, a call asks for " + permits + ": ask for 1 to "
				+ total + ", or raise its permits.";
	}

	// For those of this package who hand on what they are asked.

	boolean attempt(Waiter waiter, int permits) {
		return takeOrQueue(waiter, permits);
	}

	@Override
	protected boolean withdraw(Waiter waiter) {
		return super.withdraw(waiter);
	}

	void close(Permit permit) {
		free(permit.permits());
	}

	void idle() {
		stopTimer();
	}

	@Override
	public String toString() {
		return "limiter '" + name() + "' (" + statistics() + ")";
	}

	/**
	 * A limiter's numbers.
	 *
	 * @param total how many permits there are
	 * @param borrowed how many are in use; more than the total after that was lowered
	 * @param waiting how many callers wait
	 */
	public record Statistics(int total, int borrowed, int waiting) {

		@Override
		public String toString() {
			return this.borrowed + "/" + this.total + " in use, " + this.waiting + " waiting";
		}

	}

}
