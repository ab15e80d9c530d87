package io.scopedasync.autoconfigure;

import java.util.Iterator;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.springframework.beans.factory.ObjectProvider;

import io.scopedasync.Measured;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

/**
 * The beans of which there is only so much: limiters, and whatever else shows its usage.
 */
final class MeasuredResources implements Iterable<Measured> {

	private final ObjectProvider<Measured> measured;

	private final ObjectProvider<Limiter> limiters;

	private final ObjectProvider<KeyedLimiter> keyedLimiters;

	MeasuredResources(ObjectProvider<Measured> measured, ObjectProvider<Limiter> limiters,
			ObjectProvider<KeyedLimiter> keyedLimiters) {
		this.measured = measured;
		this.limiters = limiters;
		this.keyedLimiters = keyedLimiters;
	}

	@Override
	public Iterator<Measured> iterator() {
		return Stream
			.of(this.measured.stream(), this.limiters.stream().map(MeasuredResources::measured),
					this.keyedLimiters.stream().map(MeasuredResources::measured))
			.flatMap((each) -> each)
			.iterator();
	}

	private static Measured measured(Limiter limiter) {
		return new Counted(limiter.name(), () -> {
			Limiter.Statistics now = limiter.statistics();
			return usage(now.total(), now.borrowed(), now.waiting());
		});
	}

	/** All keys together: what each of those in use may have, and what they have. */
	private static Measured measured(KeyedLimiter limiter) {
		return new Counted(limiter.name(), () -> {
			KeyedLimiter.Statistics now = limiter.statistics();
			long total = (long) now.total() * now.keys();
			return usage((int) Math.min(total, Integer.MAX_VALUE), now.borrowed(), now.waiting());
		});
	}

	private static Measured.Usage usage(int total, int borrowed, int waiting) {
		// More is borrowed than there is for a while after the total was lowered.
		return new Measured.Usage(borrowed, waiting, total, Math.max(0, total - borrowed));
	}

	private record Counted(String name, Supplier<Measured.Usage> numbers) implements Measured {

		@Override
		public Usage usage() {
			return this.numbers.get();
		}

	}

}
