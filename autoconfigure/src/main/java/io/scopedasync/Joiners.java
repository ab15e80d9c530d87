package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * What the factories of {@link Joiner} return.
 */
final class Joiners {

	private Joiners() {
	}

	record Configured<T, R>(Joiner<T, R> joiner, TaskPolicy policy,
			@Nullable Duration timeLimit) implements Joiner<T, R> {

		@Override
		public Joining<T, R> begin(int tasks) {
			return this.joiner.begin(tasks);
		}

	}

	static final class All<T> implements Joiner<T, List<T>> {

		@Override
		public TaskPolicy policy() {
			return TaskPolicy.failTogether();
		}

		@Override
		public Joining<T, List<T>> begin(int tasks) {
			return new SuccessesJoining<>(tasks, tasks, 0);
		}

	}

	static final class Successes<T> implements Joiner<T, List<T>> {

		private final int count;

		Successes(int count) {
			if (count < 1) {
				throw new IllegalArgumentException(
						"To wait for " + count + " successes is to wait for nothing: give 1 or more.");
			}
			this.count = count;
		}

		@Override
		public Joining<T, List<T>> begin(int tasks) {
			return new SuccessesJoining<>(tasks, this.count, this.count);
		}

	}

	static final class FirstSuccess<T> implements Joiner<T, T> {

		@Override
		public Joining<T, T> begin(int tasks) {
			SuccessesJoining<T> one = new SuccessesJoining<>(tasks, 1, 1);
			return new Joining<>() {
				@Override
				public boolean ended(int index, Exit exit, @Nullable T value) {
					return one.ended(index, exit, value);
				}

				@Override
				public @Nullable T result() throws Throwable {
					List<T> values = one.result();
					return values.isEmpty() ? null : values.get(0);
				}
			};
		}

	}

	/** Collects values until there are enough, or can't be. */
	private static final class SuccessesJoining<T> implements Joiner.Joining<T, List<T>> {

		private final @Nullable Object[] values;

		private final int enough;

		private final int needed;

		private int successes;

		private int left;

		private @Nullable Throwable error;

		SuccessesJoining(int tasks, int enough, int needed) {
			this.values = new Object[tasks];
			this.left = tasks;
			this.enough = enough;
			this.needed = needed;
		}

		@Override
		public boolean ended(int index, Exit exit, @Nullable T value) {
			this.left--;
			if (exit instanceof Exit.Completed) {
				this.values[index] = value;
				this.successes++;
			}
			else if (exit instanceof Exit.Failed failed) {
				if (this.error == null) {
					this.error = failed.error();
				}
				else {
					// The join tells others where this finds no place.
					Errors.attach(this.error, failed.error());
				}
			}
			return this.successes >= this.enough || this.successes + this.left < this.enough;
		}

		@Override
		@SuppressWarnings("unchecked")
		public List<T> result() throws Throwable {
			if (this.error != null && this.successes + this.left < this.enough) {
				throw this.error;
			}
			if (this.successes < this.needed) {
				NoSuchElementException tooFew = new NoSuchElementException("Of " + this.values.length + " tasks "
						+ this.successes + " succeeded in time, and " + this.needed + " are needed.");
				if (this.error != null) {
					Errors.attach(tooFew, this.error);
				}
				throw tooFew;
			}
			List<T> result = new ArrayList<>();
			Arrays.stream(this.values).filter(Objects::nonNull).forEach((value) -> result.add((T) value));
			return result;
		}

	}

}
