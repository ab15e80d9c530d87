package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * What a scope is made of, decided once and used by many calls: a name, the resources in
 * order of acquisition, a limit. Immutable.
 */
public final class ScopeSpec {

	private static final AsyncResource<?>[] NONE = {};

	final String name;

	final AsyncResource<?>[] resources;

	final ScopeLimits limits;

	/** Whether the body is given the resource's value instead of the scope. */
	final boolean ofOneResource;

	final Cancels cancels;

	/** Null for what the resources say. */
	final @Nullable Duration leakThreshold;

	private ScopeSpec(String name, AsyncResource<?>[] resources, ScopeLimits limits, boolean ofOneResource,
			Cancels cancels, @Nullable Duration leakThreshold) {
		this.name = name;
		this.resources = resources;
		this.limits = limits;
		this.ofOneResource = ofOneResource;
		this.cancels = cancels;
		this.leakThreshold = leakThreshold;
	}

	/** What a cancel from outside does. */
	enum Cancels {

		TAKEN, HELD_BACK, TAKEN_WITHIN_SHIELD

	}

	/**
	 * A scope that holds nothing yet and has no limit.
	 * @param name name in metrics, logs and errors
	 * @return the spec
	 */
	public static ScopeSpec of(String name) {
		return new ScopeSpec(Objects.requireNonNull(name, "name"), NONE, ScopeLimits.NONE, false, Cancels.TAKEN, null);
	}

	static ScopeSpec ofOne(AsyncResource<?> resource) {
		return new ScopeSpec(resource.name(), new AsyncResource<?>[] { resource }, ScopeLimits.NONE, true,
				Cancels.TAKEN, null);
	}

	/**
	 * The same with resources to acquire before the body, in this order, after those
	 * already there.
	 * @param resources the resources
	 * @return the new spec
	 */
	public ScopeSpec entering(AsyncResource<?>... resources) {
		AsyncResource<?>[] all = Arrays.copyOf(this.resources, this.resources.length + resources.length);
		for (int i = 0; i < resources.length; i++) {
			all[this.resources.length + i] = Objects.requireNonNull(resources[i], "resource");
		}
		return new ScopeSpec(this.name, all, this.limits, false, this.cancels, this.leakThreshold);
	}

	/**
	 * The same with a limit on acquisition and body together: the scope's
	 * {@link Deadline}. When it passes, the body is cancelled, everything released, and
	 * the caller gets a {@link DeadlineExceededException}. Inner scopes inherit it.
	 * @param timeout the limit; zero or less fails each call before anything is acquired;
	 * {@code ChronoUnit.FOREVER.getDuration()} is none
	 * @return the new spec
	 */
	public ScopeSpec timeout(Duration timeout) {
		return with(this.limits.whole(Objects.requireNonNull(timeout, "timeout")));
	}

	/** The same with a limit at a moment, by the clock of the scopes. */
	ScopeSpec until(Instant moment) {
		return with(this.limits.at(moment));
	}

	/**
	 * The same with a limit on the acquisition of the spec's resources, all together.
	 * When it passes, what was acquired is released, and the caller gets an
	 * {@link AcquireTimeoutException}.
	 * @param timeout the limit, above zero
	 * @return the new spec
	 * @throws IllegalArgumentException if it is zero or less
	 */
	public ScopeSpec acquireTimeout(Duration timeout) {
		return with(this.limits.acquire(positive("limit on acquisition", timeout)));
	}

	/**
	 * The same with a limit on the body alone. When it passes, the body is cancelled,
	 * everything released, and the caller gets a {@link DeadlineExceededException}.
	 * @param timeout the limit, above zero
	 * @return the new spec
	 * @throws IllegalArgumentException if it is zero or less
	 */
	public ScopeSpec bodyTimeout(Duration timeout) {
		return with(this.limits.body(positive("limit on its body", timeout)));
	}

	/**
	 * The same with a release limit of its own, for each of its releases and for an
	 * acquisition that it waits for when it is cancelled. A shutdown does not wait longer
	 * than for the release limit of the {@link AsyncScopes}.
	 * @param timeout the limit instead of theirs, above zero
	 * @return the new spec
	 * @throws IllegalArgumentException if it is zero or less
	 */
	public ScopeSpec releaseTimeout(Duration timeout) {
		return with(this.limits.release(positive("release limit", timeout)));
	}

	/**
	 * The same with limits that end the scope quietly: when the {@link #timeout} or the
	 * {@link #bodyTimeout} has passed and everything is released, the caller sees a
	 * normal end without a value, and {@link Deadline#isExpired()} tells. Each release is
	 * told of the {@link DeadlineExceededException}; if one fails, that error comes out
	 * after all, with the release's as suppressed.
	 * @return the new spec
	 */
	public ScopeSpec quietly() {
		return with(this.limits.quietly());
	}

	private ScopeSpec with(ScopeLimits limits) {
		return new ScopeSpec(this.name, this.resources, limits, false, this.cancels, this.leakThreshold);
	}

	private Duration positive(String what, Duration limit) {
		if (limit.isZero() || limit.isNegative()) {
			throw new IllegalArgumentException("Scope '" + this.name + "' can't have a " + what + " of " + limit
					+ ": give a duration of more than zero, or leave it out for none.");
		}
		return limit;
	}

	/**
	 * The same with an age from which a scope counts as overdue, whatever it holds.
	 * @param threshold {@code ChronoUnit.FOREVER.getDuration()} for a scope that may be
	 * open without end
	 * @return the new spec
	 */
	public ScopeSpec leakThreshold(Duration threshold) {
		return new ScopeSpec(this.name, this.resources, this.limits, false, this.cancels,
				Objects.requireNonNull(threshold, "threshold"));
	}

	/**
	 * The same as a shield: a cancel or a limit from outside is held back until the scope
	 * has ended by itself, and the scopes around it wait for that before they release
	 * anything. Give it a {@link #timeout} of its own; without one, those around it wait
	 * as long as for a release. Outer limits are hidden from what it contains. A thread's
	 * interrupt is not held back.
	 * @return the new spec
	 */
	public ScopeSpec shielded() {
		return new ScopeSpec(this.name, this.resources, this.limits, false, Cancels.HELD_BACK, this.leakThreshold);
	}

	/**
	 * The same as an opening in the shield right around it: what that shield holds back
	 * takes effect in here. Shields further out still hold.
	 * @return the new spec
	 */
	public ScopeSpec unshielded() {
		return new ScopeSpec(this.name, this.resources, this.limits, false, Cancels.TAKEN_WITHIN_SHIELD,
				this.leakThreshold);
	}

	/** The same with a resource that is acquired before all others. */
	ScopeSpec after(AsyncResource<?> first) {
		AsyncResource<?>[] all = new AsyncResource<?>[this.resources.length + 1];
		all[0] = first;
		System.arraycopy(this.resources, 0, all, 1, this.resources.length);
		return new ScopeSpec(this.name, all, this.limits, false, this.cancels, this.leakThreshold);
	}

	/**
	 * Name in metrics, logs and errors.
	 * @return the name
	 */
	public String name() {
		return this.name;
	}

	/**
	 * The resources in order of acquisition.
	 * @return an immutable list
	 */
	public List<AsyncResource<?>> resources() {
		return List.of(this.resources);
	}

}
