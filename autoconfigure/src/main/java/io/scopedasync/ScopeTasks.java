package io.scopedasync;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;

/**
 * The tasks of one scope: what its driver waits for after the body.
 */
final class ScopeTasks implements TaskGroup {

	/** A cancel that the caller does not hear of as an error. */
	static final Exit BY_HANDLE = Exit.cancelled("by its group");

	final RunningScope scope;

	private final TaskPolicy policy;

	private final @Nullable TaskSlots slots;

	/** The running ones, youngest first; guarded by this. */
	private @Nullable StartedTask<?> first;

	private int running;

	/** Whether none is started any more; guarded by this. */
	private boolean closed;

	/** Whether the body has completed, and only tasks are waited for. */
	volatile boolean bodyDone;

	/**
	 * With what the tasks are cancelled, once they are. A task that is being started
	 * shows itself before it looks here; who sets this looks at those afterwards.
	 */
	volatile @Nullable Exit ending;

	ScopeTasks(RunningScope scope, TaskPolicy policy) {
		this.scope = scope;
		this.policy = policy;
		this.slots = (policy.limit > 0) ? new TaskSlots(scope.spec.name, policy.limit) : null;
	}

	// For the driver.

	/** Whether nothing of body and tasks runs any more. */
	boolean areOver() {
		RunningScope scope = this.scope;
		if (this.bodyDone && scope.end == null && (this.policy.cancelsRest || closeIfEmpty())
				&& scope.decide(Exit.completed())) {
			scope.bodyOver = true;
		}
		return scope.end != null && endAll() && scope.bodyOver && endsForGood();
	}

	/** From now on no task turns a normal end into a failure. */
	private boolean endsForGood() {
		this.scope.decideInstead(Exit.completed(), Exit.Completed.FOR_GOOD);
		return true;
	}

	private synchronized boolean closeIfEmpty() {
		this.closed |= this.running == 0;
		return this.closed;
	}

	/** Cancels all at once, so that they share one limit; true if none is left. */
	private boolean endAll() {
		tellAll();
		if (running() != 0) {
			if (!this.scope.isOverdue(this.scope)) {
				return false;
			}
			leaveBehind();
			this.scope.disarm();
			if (running() != 0) {
				// To be looked at again, in case they end no more.
				return this.scope.isOverdue(this.scope);
			}
		}
		this.scope.disarm();
		return true;
	}

	/** Tells all tasks to end, once. */
	private void tellAll() {
		if (this.ending == null) {
			Exit exit = Exit.cancelled("its group, '" + this.scope.spec.name + "', ended");
			this.ending = exit;
			for (StartedTask<?> task : close()) {
				task.endWithGroup(exit);
			}
		}
	}

	private synchronized List<StartedTask<?>> close() {
		this.closed = true;
		List<StartedTask<?>> tasks = new ArrayList<>(this.running);
		for (StartedTask<?> task = this.first; task != null; task = task.next) {
			tasks.add(task);
		}
		return tasks;
	}

	private void leaveBehind() {
		List<StartedTask<?>> stuck = close();
		stuck.removeIf((task) -> task.isBounded() || !unlink(task));
		stuck.forEach(StartedTask::leaveBehind);
		if (!stuck.isEmpty()) {
			String more = (stuck.size() > 1) ? " and " + (stuck.size() - 1) + " more" : "";
			this.scope.releaseFailed(new ReleaseTimeoutException(stuck.get(0).scope().name() + more,
					this.scope.releaseTimeout(), "The cancelled task"));
		}
	}

	/** The body ended within {@code startBody}; no error of it is lost. */
	void bodyEndedAtOnce(Exit exit) {
		if (exit instanceof Exit.Completed) {
			this.bodyDone = this.scope.end == null;
		}
		else if (this.scope.decide(exit)) {
			this.scope.bodyOver = true;
		}
		else if (exit instanceof Exit.Failed failed) {
			this.scope.undelivered(failed.error());
		}
	}

	// What happens to tasks.

	boolean isSupervising() {
		return this.policy.supervising;
	}

	boolean cancelsRest() {
		return this.policy.cancelsRest;
	}

	/** By the task, once. */
	void ended(StartedTask<?> task, Exit exit, boolean heard, boolean asked) {
		if (exit instanceof Exit.Failed failed && !heard) {
			failed(failed.error(), asked);
		}
		// Not before: without any the group could complete.
		unlink(task);
		if (running() == 0) {
			this.scope.driveFlat();
		}
	}

	private void failed(Throwable error, boolean asked) {
		RunningScope scope = this.scope;
		Exit failed = Exit.failed(error);
		if (!this.policy.supervising && (scope.interrupt(failed) || turnsIntoFailure(failed))) {
			return;
		}
		if (!Unheard.isTaken(scope, scope, error) && !asked) {
			scope.report(error);
		}
	}

	/** It failed while it was to be cancelled because the body had completed. */
	boolean turnsIntoFailure(Exit failed) {
		return this.scope.decideInstead(Exit.completed(), failed);
	}

	private synchronized boolean link(StartedTask<?> task) {
		if (this.closed || this.scope.phase != ScopeState.RUNNING || this.scope.end != null) {
			return false;
		}
		StartedTask<?> first = this.first;
		task.next = first;
		if (first != null) {
			first.previous = task;
		}
		this.first = task;
		this.running++;
		return true;
	}

	/** False if it was left behind before. */
	private synchronized boolean unlink(StartedTask<?> task) {
		StartedTask<?> previous = task.previous;
		StartedTask<?> next = task.next;
		if (previous == null && this.first != task) {
			return false;
		}
		if (previous == null) {
			this.first = next;
		}
		else {
			previous.next = next;
		}
		if (next != null) {
			next.previous = previous;
		}
		task.next = null;
		task.previous = null;
		this.running--;
		return true;
	}

	/** Null if the group takes no more. */
	<T> @Nullable StartedTask<T> tryStart(ScopeSpec spec, Function<? super Scope, ? extends Mono<? extends T>> body,
			StartedTask.@Nullable Watch<? super T> watch) {
		StartedTask<T> task = new StartedTask<>(this, watch);
		if (!link(task)) {
			return null;
		}
		ScopeSpec limited = (this.slots != null) ? spec.after(this.slots) : spec;
		try {
			this.scope.carried(() -> ScopeMono.run(this.scope.scopes, limited, body, task), (error) -> {
				throw Exceptions.propagate(error);
			});
		}
		catch (Throwable ex) {
			// Not begun, because what carries its context is broken: nobody is to wait.
			unlink(task);
			this.scope.driveFlat();
			throw ex;
		}
		return task;
	}

	ScopeClosedException refusal(String task) {
		String name = this.scope.spec.name;
		return new ScopeClosedException(name,
				(this.scope.phase == ScopeState.ENTERING)
						? "Group '" + name + "' has not begun: start '" + task + "' in its body."
						: "Group '" + name + "' is ending and takes no more tasks: start '" + task
								+ "' before its body and its tasks have ended.");
	}

	// What users see.

	@Override
	public Scope scope() {
		return this.scope;
	}

	@Override
	public synchronized int running() {
		return this.running;
	}

	@Override
	public <T> Task<T> start(ScopeSpec spec, Function<? super Scope, ? extends Mono<? extends T>> body) {
		StartedTask<T> task = tryStart(spec, Objects.requireNonNull(body, "body"), null);
		if (task == null) {
			throw refusal(spec.name);
		}
		return task;
	}

	/** Of a task without a name of its own. */
	ScopeSpec spec() {
		return ScopeSpec.of(this.scope.spec.name + " task");
	}

	@Override
	public <T> Task<T> start(Mono<? extends T> work) {
		Objects.requireNonNull(work, "work");
		return start(spec(), (scope) -> work);
	}

	@Override
	public <T> Task<T> startFuture(Supplier<? extends CompletionStage<? extends T>> work) {
		Objects.requireNonNull(work, "work");
		return start(spec(), (scope) -> new FutureWork<>((RunningScope) scope, work));
	}

	@Override
	public <T> Task<T> startBlocking(Callable<? extends T> work) {
		Objects.requireNonNull(work, "work");
		return start(spec(), (scope) -> BlockingWork.in((RunningScope) scope, work));
	}

	@Override
	public <T> Mono<T> startReady(ScopeSpec spec, Function<? super Consumer<? super T>, ? extends Mono<?>> body) {
		return AskedTask.ready(this, spec, Objects.requireNonNull(body, "body"));
	}

	@Override
	public <T, R> Mono<R> join(Joiner<T, R> joiner, Collection<? extends Mono<? extends T>> work) {
		List<Mono<? extends T>> all = List.copyOf(work);
		Objects.requireNonNull(joiner, "joiner");
		return AskedTask.result(this, ScopeSpec.of(this.scope.spec.name + " join"),
				(scope) -> new Join<>((RunningScope) scope, joiner, all).result());
	}

	@Override
	public Mono<Void> cancel() {
		Mono<Void> settled = this.scope.settled();
		if (this.scope.interrupt(BY_HANDLE)) {
			// The driver may be running the body's code that calls this.
			tellAll();
		}
		return settled;
	}

}
