package io.scopedasync.sync;

import java.time.Duration;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import io.scopedasync.QueueBuilder;

/**
 * Settings of a {@link Lock}, a {@link KeyedLock} or a {@link ReadWriteLock}.
 *
 * @param <L> which of them
 */
public final class LockBuilder<L> extends QueueBuilder<LockBuilder<L>> {

	private final Function<LockBuilder<L>, L> build;

	LockBuilder(String name, Function<LockBuilder<L>, L> build) {
		super("Lock", name);
		this.build = build;
	}

	/**
	 * Builds it.
	 * @return a new lock
	 */
	public L build() {
		return this.build.apply(this);
	}

	@Override
	protected LockBuilder<L> self() {
		return this;
	}

	String name() {
		return this.name;
	}

	@Nullable Duration leakThreshold() {
		return this.leakThreshold;
	}

}
