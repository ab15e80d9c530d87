package io.scopedasync.leak;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.CallSiteSampler;
import io.scopedasync.ScopeClock;

/**
 * Keeps the call site of one scope in so many, and of every scope of a name that was
 * suspect before; together not more than {@value #PER_SECOND} in a second, unless all are
 * asked for.
 */
public final class CallSites implements CallSiteSampler, LeakListener {

	static final int PER_SECOND = 1000;

	private static final int MAX_ARMED = 1000;

	private static final long SECOND = 1_000_000_000L;

	private final int interval;

	private final boolean bounded;

	private final ScopeClock clock;

	private final Set<String> armed = ConcurrentHashMap.newKeySet();

	/** So that nobody looks into the set while it is empty. */
	private volatile boolean anyArmed;

	private volatile long second;

	private final AtomicInteger taken = new AtomicInteger();

	private CallSites(int interval, boolean bounded, ScopeClock clock) {
		this.interval = interval;
		this.bounded = bounded;
		this.clock = clock;
		this.second = clock.nanos();
	}

	/**
	 * Keeps that of one scope in so many.
	 * @param interval 1 or more; 1 is every one
	 * @param clock the clock of the bound
	 * @return the sampler
	 * @throws IllegalArgumentException if the interval is less than 1
	 */
	public static CallSites oneIn(int interval, ScopeClock clock) {
		if (interval < 1) {
			throw new IllegalArgumentException(
					"The sampling interval is " + interval + ": write 1 for every scope, 64 for one in 64.");
		}
		return new CallSites(interval, true, clock);
	}

	/**
	 * Keeps every one, without a bound.
	 * @return the sampler
	 */
	public static CallSites all() {
		return new CallSites(1, false, ScopeClock.system());
	}

	@Override
	public boolean samples(String scope) {
		if (!this.bounded) {
			return true;
		}
		return (this.interval == 1 || ThreadLocalRandom.current().nextInt(this.interval) == 0
				|| this.anyArmed && this.armed.contains(scope)) && isWithinBound();
	}

	private boolean isWithinBound() {
		long now = this.clock.nanos();
		if (now - this.second >= SECOND) {
			// Of two threads that come here at once one counts in vain.
			this.second = now;
			this.taken.set(0);
		}
		return this.taken.incrementAndGet() <= PER_SECOND;
	}

	@Override
	public void leaked(Leak leak) {
		if (this.armed.size() < MAX_ARMED && this.armed.add(leak.scope())) {
			this.anyArmed = true;
		}
	}

}
