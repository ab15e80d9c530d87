package io.scopedasync.limiter;

import java.time.Duration;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import io.scopedasync.QueueBuilder;

/**
 * Settings of a {@link Limiter} or a {@link KeyedLimiter}.
 *
 * @param <L> which of the two
 */
public final class LimiterBuilder<L> extends QueueBuilder<LimiterBuilder<L>> {

	int permits = 1;

	private final Function<LimiterBuilder<L>, L> build;

	LimiterBuilder(String name, Function<LimiterBuilder<L>, L> build) {
		super("Limiter", name);
		this.build = build;
	}

	/**
	 * How many may be in at once.
	 * @param permits zero or more, 1 unless set
	 * @return this
	 */
	public LimiterBuilder<L> permits(int permits) {
		this.permits = notNegative("permits", permits);
		return this;
	}

	/**
	 * Builds it.
	 * @return a new limiter
	 */
	public L build() {
		return this.build.apply(this);
	}

	@Override
	protected LimiterBuilder<L> self() {
		return this;
	}

	String name() {
		return this.name;
	}

	@Nullable Duration leakThreshold() {
		return this.leakThreshold;
	}

}
