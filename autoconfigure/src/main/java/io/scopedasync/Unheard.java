package io.scopedasync;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The way of an error that is not the end of its scope: to the caller of the innermost
 * scope, that one or one around it, that has failed or is cancelled and has not told its
 * caller yet. A failed scope takes it as suppressed at once. A cancelled one has no error
 * until it tells its caller, and keeps it until then.
 */
final class Unheard {

	private record Kept(NestedScope origin, Throwable error) {

	}

	/** Guarded by the extras of the scope that keeps them. */
	private final List<Kept> kept = new ArrayList<>();

	private Unheard() {
	}

	/** Whether a scope, from one on outwards, takes an error of another to its caller. */
	static boolean isTaken(@Nullable RunningScope first, NestedScope origin, Throwable error) {
		for (RunningScope scope = first; scope != null; scope = scope.parent()) {
			if (takes(scope, origin, error)) {
				return true;
			}
		}
		return false;
	}

	private static boolean takes(RunningScope scope, NestedScope origin, Throwable error) {
		Exit end = scope.end;
		if (end == null || scope.phase >= ScopeState.SETTLED) {
			return false;
		}
		if (end instanceof Exit.Completed) {
			ScopeTasks tasks = scope.tasksOrNull();
			return tasks != null && !tasks.isSupervising() && tasks.turnsIntoFailure(Exit.failed(error));
		}
		if (end instanceof Exit.Failed failed) {
			return isSaidBy(scope, origin, error) || Errors.attach(failed.error(), error);
		}
		ScopeExtras extras = scope.extras();
		synchronized (extras) {
			// Seen here, or what is kept is seen by the one that settles it.
			if (scope.phase >= ScopeState.SETTLED) {
				return false;
			}
			Unheard unheard = extras.unheard;
			if (unheard == null) {
				unheard = new Unheard();
				extras.unheard = unheard;
			}
			return unheard.keep(origin, error);
		}
	}

	/**
	 * Refused because the limit of a scope around it has passed, which is what that one
	 * says itself.
	 */
	private static boolean isSaidBy(RunningScope scope, NestedScope origin, Throwable error) {
		return error instanceof DeadlineExceededException && scope.hasPassedLimit() && !origin.hasPassedLimit()
				&& error.getSuppressed().length == 0;
	}

	private boolean keep(NestedScope origin, Throwable error) {
		for (Kept one : this.kept) {
			if (Errors.contains(one.error, error)) {
				return true;
			}
		}
		return this.kept.size() < Errors.LIMIT && this.kept.add(new Kept(origin, error));
	}

	/**
	 * Adds what a scope keeps to the error that its caller hears.
	 */
	static <E extends Throwable> E addTo(E heard, RunningScope scope) {
		for (Kept one : keptBy(scope)) {
			if (!Errors.attach(heard, one.error)) {
				one.origin.report(one.error);
			}
		}
		return heard;
	}

	/**
	 * How a scope ends that was cancelled quietly, where its caller hears of no cancel:
	 * of what failed then.
	 */
	static Exit insteadOf(Exit quiet, RunningScope scope) {
		List<Kept> kept = keptBy(scope);
		return kept.isEmpty() ? quiet : Exit.failed(addTo(kept.get(0).error, scope));
	}

	/**
	 * The caller of a cancelled scope has not heard of it: those around may.
	 * @param elsewhere whether somebody else has heard
	 */
	static void passOn(RunningScope scope, boolean elsewhere) {
		for (Kept one : keptBy(scope)) {
			if (!isTaken(scope.parent(), one.origin, one.error) && !elsewhere) {
				one.origin.report(one.error);
			}
		}
	}

	private static List<Kept> keptBy(RunningScope scope) {
		ScopeExtras extras = scope.extras;
		if (extras == null) {
			return List.of();
		}
		synchronized (extras) {
			return (extras.unheard != null) ? List.copyOf(extras.unheard.kept) : List.of();
		}
	}

}
