package io.scopedasync;

import java.time.Duration;
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

	final @Nullable Duration timeout;

	/** Whether the body is given the resource's value instead of the scope. */
	final boolean ofOneResource;

	final Cancels cancels;

	/** Null for what the resources say. */
	final @Nullable Duration leakThreshold;

	private ScopeSpec(String name, AsyncResource<?>[] resources, @Nullable Duration timeout, boolean ofOneResource,
			Cancels cancels, @Nullable Duration leakThreshold) {
		this.name = name;
		this.resources = resources;
		this.timeout = timeout;
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
		return new ScopeSpec(Objects.requireNonNull(name, "name"), NONE, null, false, Cancels.TAKEN, null);
	}

	static ScopeSpec ofOne(AsyncResource<?> resource) {
		return new ScopeSpec(resource.name(), new AsyncResource<?>[] { resource }, null, true, Cancels.TAKEN, null);
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
		return new ScopeSpec(this.name, all, this.timeout, false, this.cancels, this.leakThreshold);
	}

	/**
	 * The same with a limit on acquisition and body together. When it passes, the body is
	 * cancelled, everything released, and the caller gets a
	 * {@link DeadlineExceededException}. Inner scopes inherit the deadline.
	 * @param timeout the limit; zero or less fails each call before anything is acquired
	 * @return the new spec
	 */
	public ScopeSpec timeout(Duration timeout) {
		return new ScopeSpec(this.name, this.resources, Objects.requireNonNull(timeout, "timeout"), false, this.cancels,
				this.leakThreshold);
	}

	/**
	 * The same with an age from which a scope counts as overdue, whatever it holds.
	 * @param threshold {@code ChronoUnit.FOREVER.getDuration()} for a scope that may be
	 * open without end
	 * @return the new spec
	 */
	public ScopeSpec leakThreshold(Duration threshold) {
		return new ScopeSpec(this.name, this.resources, this.timeout, false, this.cancels,
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
		return new ScopeSpec(this.name, this.resources, this.timeout, false, Cancels.HELD_BACK, this.leakThreshold);
	}

	/**
	 * The same as an opening in the shield right around it: what that shield holds back
	 * takes effect in here. Shields further out still hold.
	 * @return the new spec
	 */
	public ScopeSpec unshielded() {
		return new ScopeSpec(this.name, this.resources, this.timeout, false, Cancels.TAKEN_WITHIN_SHIELD,
				this.leakThreshold);
	}

	/** The same with a resource that is acquired before all others. */
	ScopeSpec after(AsyncResource<?> first) {
		AsyncResource<?>[] all = new AsyncResource<?>[this.resources.length + 1];
		all[0] = first;
		System.arraycopy(this.resources, 0, all, 1, this.resources.length);
		return new ScopeSpec(this.name, all, this.timeout, false, this.cancels, this.leakThreshold);
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
