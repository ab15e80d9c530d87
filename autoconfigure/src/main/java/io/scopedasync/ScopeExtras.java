package io.scopedasync;

import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

import io.scopedasync.ScopeRecorder.Outcome;

/**
 * What only some scopes need, kept out of the many that do not: a context that was asked
 * for, timers, more than one resource.
 */
final class ScopeExtras {

	static final Exit BY_SUBSCRIBER = Exit.cancelled("by its subscriber");

	volatile @Nullable Context context;

	/** What the {@link ContextCarrier} captured at the call. */
	@Nullable Object carried;

	/** What the {@link ScopeObserver} follows this scope with. */
	ScopeObserver.@Nullable Observed observed;

	/** The scope's own limits; made once, under the lock of this. */
	volatile @Nullable ScopeDeadline deadline;

	/** Entries above the scope's own. */
	final EntryStack stack = new EntryStack();

	/** Bounds the step of the unwinding under way. */
	private ReleaseLimits.@Nullable Limit limit;

	/** The resource being entered, from the second on. */
	@Nullable StackedEntry entering;

	/** What stands for this scope in its parent. */
	@Nullable StackedEntry inParent;

	/** Errors of a cancelled scope; guarded by this. */
	@Nullable Unheard unheard;

	long releaseBegan;

	/** What the body has started; null until it asks. */
	volatile @Nullable ScopeTasks tasks;

	/** The task that this scope is, if it is one. */
	@Nullable StartedTask<?> task;

	/** The cancel that a shield keeps from its body. */
	volatile @Nullable Exit heldBack;

	/** Who waits for the end beside the caller; guarded by the scope. */
	Sinks.@Nullable Empty<Void> settled;

	/** The first who asks makes it, others may ask at the same moment. */
	synchronized Context see(Context made) {
		Context context = this.context;
		if (context == null) {
			context = made;
			this.context = made;
		}
		return context;
	}

	/** Changes a context that is there. */
	synchronized void see(Function<Context, Context> brought) {
		Context context = this.context;
		if (context != null) {
			this.context = brought.apply(context);
		}
	}

	/**
	 * Puts on the calling thread what belongs to the scope; null if nothing does.
	 */
	ContextCarrier.@Nullable Restored restore(ContextCarrier carrier) {
		ContextCarrier.Restored locals = (this.carried != null) ? carrier.restore(this.carried) : null;
		if (this.observed == null) {
			return locals;
		}
		ContextCarrier.Restored current = this.observed.open();
		return (locals == null) ? current : () -> {
			current.close();
			locals.close();
		};
	}

	/** For the driver. */
	boolean isOverdue(@Nullable Entry entry, ScopeState scope) {
		ReleaseLimits.Limit limit = this.limit;
		if (limit != null && limit.entry == entry) {
			return limit.passed;
		}
		// An entry may be done without the driver: its time is not the next one's.
		disarm(scope);
		limit = new ReleaseLimits.Limit(entry, scope);
		this.limit = limit;
		try {
			scope.scopes.releaseLimits.begin(limit, scope.spec.limits.release());
		}
		catch (Throwable ex) {
			// A clock that was shut down: without a bound, but what is below is still
			// released.
			scope.scope().undelivered(ex);
		}
		return false;
	}

	/** For the driver: the step is done. */
	void disarm(ScopeState scope) {
		ReleaseLimits.Limit limit = this.limit;
		if (limit != null) {
			this.limit = null;
			scope.scopes.releaseLimits.end(limit);
		}
	}

	synchronized ScopeDeadline deadlineOf(RunningScope scope) {
		ScopeDeadline deadline = this.deadline;
		if (deadline == null) {
			deadline = new ScopeDeadline(scope);
			this.deadline = deadline;
		}
		return deadline;
	}

	Entry entering() {
		Entry entering = this.entering;
		if (entering == null) {
			throw new IllegalStateException("nothing is being entered");
		}
		return entering;
	}

	void settle(RunningScope scope) {
		ScopeDeadline deadline = this.deadline;
		if (deadline != null) {
			deadline.end();
		}
		disarm(scope);
		Sinks.Empty<Void> settled;
		synchronized (scope) {
			settled = this.settled;
		}
		if (settled != null) {
			try {
				settled.tryEmitEmpty();
			}
			catch (Throwable ex) {
				// Thrown by one who waits beside the caller: the caller is still to hear.
				scope.undelivered(ex);
			}
		}
	}

	static RuntimeException emptyAcquisition(String resource) {
		return new IllegalStateException("The acquisition of '" + resource
				+ "' ended without a value: acquire() must bring exactly one. For something optional acquire an Optional.");
	}

	static Outcome outcomeOf(Throwable error) {
		if (error instanceof AcquireRejectedException) {
			return Outcome.REJECTED;
		}
		return (error instanceof AcquireTimeoutException) ? Outcome.TIMEOUT : Outcome.ERROR;
	}

}
