package io.scopedasync;

import java.time.Duration;
import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * The limits of a scope, each null if there is none of its own.
 *
 * @param whole on acquisition and body together
 * @param at the moment at which acquisition and body end, instead of a limit on both
 * @param acquire on acquisition
 * @param body on the body
 * @param release on each release, instead of that of all scopes
 * @param quiet whether a scope whose limit has passed ends normally
 */
record ScopeLimits(@Nullable Duration whole, @Nullable Instant at, @Nullable Duration acquire, @Nullable Duration body,
		@Nullable Duration release, boolean quiet) {

	/** By identity: what most scopes have, which then ask for no clock. */
	static final ScopeLimits NONE = new ScopeLimits(null, null, null, null, null, false);

	ScopeLimits whole(Duration limit) {
		return new ScopeLimits(limit, null, this.acquire, this.body, this.release, this.quiet);
	}

	ScopeLimits at(Instant moment) {
		return new ScopeLimits(null, moment, this.acquire, this.body, this.release, this.quiet);
	}

	ScopeLimits acquire(Duration limit) {
		return new ScopeLimits(this.whole, this.at, limit, this.body, this.release, this.quiet);
	}

	ScopeLimits body(Duration limit) {
		return new ScopeLimits(this.whole, this.at, this.acquire, limit, this.release, this.quiet);
	}

	ScopeLimits release(Duration limit) {
		return new ScopeLimits(this.whole, this.at, this.acquire, this.body, limit, this.quiet);
	}

	ScopeLimits quietly() {
		return new ScopeLimits(this.whole, this.at, this.acquire, this.body, this.release, true);
	}

}
