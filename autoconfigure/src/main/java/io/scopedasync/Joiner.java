package io.scopedasync;

import java.time.Duration;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Decides when enough of some tasks have ended, and what comes of it: for
 * {@link TaskGroup#join}. Immutable and shared; what it notes of one use is in its
 * {@link Joining}.
 *
 * @param <T> what each task brings
 * @param <R> the result
 */
@FunctionalInterface
public interface Joiner<T, R> {

	/**
	 * Begins to join.
	 * @param tasks how many there are
	 * @return what is told of each
	 */
	Joining<T, R> begin(int tasks);

	/**
	 * How the tasks run: whether the first failure is at once that of the join, and how
	 * many run at once.
	 * @return supervising unless the joiner says otherwise
	 */
	default TaskPolicy policy() {
		return TaskPolicy.supervising();
	}

	/**
	 * After which time the result is taken as it is then.
	 * @return null for no limit
	 */
	default @Nullable Duration timeLimit() {
		return null;
	}

	/**
	 * The same with a limit on how many tasks run at once, in the order of the work.
	 * @param limit at least 1
	 * @return the new joiner
	 */
	default Joiner<T, R> limit(int limit) {
		return new Joiners.Configured<>(this, policy().limit(limit), timeLimit());
	}

	/**
	 * The same, where the result is taken as it is after some time: of {@link #all} what
	 * is there by then.
	 * @param limit the time
	 * @return the new joiner
	 */
	default Joiner<T, R> within(Duration limit) {
		return new Joiners.Configured<>(this, policy(), limit);
	}

	/**
	 * All of them; the first failure fails the join, further ones are added to it as
	 * suppressed.
	 * @param <T> what each task brings
	 * @return a joiner that brings the values in the order of the work, those that are
	 * empty left out
	 */
	static <T> Joiner<T, List<T>> all() {
		return new Joiners.All<>();
	}

	/**
	 * The first that succeeds. If none does the join fails with the first error, to which
	 * the others are added as suppressed.
	 * @param <T> what each task brings
	 * @return a joiner that brings the first value
	 */
	static <T> Joiner<T, T> firstSuccess() {
		return new Joiners.FirstSuccess<>();
	}

	/**
	 * So many as succeed first. If fewer can, the join fails with the first error, to
	 * which the others are added as suppressed.
	 * @param <T> what each task brings
	 * @param count how many, at least 1
	 * @return a joiner that brings their values in the order of the work
	 */
	static <T> Joiner<T, List<T>> successes(int count) {
		return new Joiners.Successes<>(count);
	}

	/**
	 * One use of a joiner. Called for one task at a time.
	 *
	 * @param <T> what each task brings
	 * @param <R> the result
	 */
	interface Joining<T, R> {

		/**
		 * A task has ended.
		 * @param index its place in the work, from 0
		 * @param exit how it ended: completed or failed, also if somebody cancelled it
		 * @param value what it brought, null for nothing
		 * @return whether that is enough: the rest is cancelled
		 */
		boolean ended(int index, Exit exit, @Nullable T value);

		/**
		 * What came of it. Called once: when it is enough, when all have ended, or when
		 * the time limit has passed.
		 * @return the result, null for none
		 * @throws Throwable the error of the join
		 */
		@Nullable R result() throws Throwable;

	}

}
