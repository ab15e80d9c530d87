package io.scopedasync;

import java.util.concurrent.atomic.AtomicBoolean;

import reactor.core.publisher.Sinks;

/**
 * One object of a {@link Pool}, from when it is made until it is destroyed.
 */
final class Pooled {

	final Object raw;

	final long madeAt;

	/** Tells the scope whose end destroys it. */
	final Sinks.Empty<Void> destroyed = Sinks.empty();

	final AtomicBoolean gone = new AtomicBoolean();

	// Guarded by the pool.

	long idleSince;

	boolean lent;

	Pooled(Object raw, long madeAt) {
		this.raw = raw;
		this.madeAt = madeAt;
		Parts.detach(raw);
	}

}
