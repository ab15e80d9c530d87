package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A scope's own limit on acquisition and body, Python's {@code asyncio.timeout}: read it,
 * move it, ask whether it has passed. Those of the scopes around it hold as well; what is
 * left of the earliest of them all says {@link Scope#remaining()}. Safe to use from any
 * thread.
 */
public interface Deadline {

	/**
	 * When it passes or has passed, by the clock of the {@link AsyncScopes}. A limit
	 * inside at this very moment is the same one: when it passes, the outer scope
	 * expires.
	 * @return the moment, as it was given, else to the clock's precision; empty if it
	 * never passes
	 */
	Optional<Instant> at();

	/**
	 * How long until it passes.
	 * @return never negative; empty if it never does
	 */
	Optional<Duration> remaining();

	/**
	 * Whether it has passed and ended its scope: tells who expired from who was
	 * cancelled. A body that went on after that changes nothing.
	 * @return false also of a scope that ended before, or because of a limit around it
	 */
	boolean isExpired();

	/**
	 * Moves it, to earlier or later; sets it where there was none.
	 * @param limit counted from now; zero or less ends the scope at once;
	 * {@code ChronoUnit.FOREVER.getDuration()} takes the deadline away
	 * @throws IllegalStateException if the scope is ending or has ended
	 */
	void reschedule(Duration limit);

	/**
	 * Moves it, to earlier or later; sets it where there was none.
	 * @param at a moment by the clock of the {@link AsyncScopes}; one that has passed
	 * ends the scope at once
	 * @throws IllegalStateException if the scope is ending or has ended
	 */
	void reschedule(Instant at);

}
