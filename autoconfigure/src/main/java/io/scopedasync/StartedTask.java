package io.scopedasync;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

/**
 * A task and the caller of its scope, who hears last.
 */
final class StartedTask<T> implements Task<T>, CoreSubscriber<T> {

	final ScopeTasks group;

	/** In the list of the group, guarded by that. */
	@Nullable StartedTask<?> next;

	@Nullable StartedTask<?> previous;

	private final @Nullable Watch<? super T> watch;

	private volatile @Nullable RunningScope scope;

	/** The work, if it has a thread to be interrupted. */
	volatile @Nullable BlockingWork<?> blocking;

	private @Nullable T value;

	private volatile @Nullable Exit exit;

	/** Those who wait for the result; guarded by this. */
	private Sinks.@Nullable One<T> result;

	StartedTask(ScopeTasks group, @Nullable Watch<? super T> watch) {
		this.group = group;
		this.watch = watch;
	}

	/** Is told of the end of a task before its group is. */
	@FunctionalInterface
	interface Watch<T> {

		/**
		 * The task has ended.
		 * @return whether a failure has been heard and is none of the group's
		 */
		boolean ended(StartedTask<?> task, Exit exit, @Nullable T value);

	}

	@Override
	public RunningScope scope() {
		RunningScope scope = this.scope;
		if (scope == null) {
			throw new IllegalStateException("not subscribed");
		}
		return scope;
	}

	@Override
	public @Nullable Exit exit() {
		return this.exit;
	}

	/** Whether its work may be waiting, as far as that can be seen. */
	boolean mayWait() {
		BlockingWork<?> blocking = this.blocking;
		return blocking == null || blocking.mayWait();
	}

	boolean hasInterrupted(Thread thread) {
		BlockingWork<?> blocking = this.blocking;
		return blocking != null && blocking.hasInterrupted(thread);
	}

	@Override
	public Mono<Void> cancel(String reason) {
		return scope().cancel(reason);
	}

	/** Ends the task with its group; again and again is the same as once. */
	void endWithGroup(Exit exit) {
		RunningScope scope = this.scope;
		// If it is not there yet, it looks itself once it is.
		if (scope != null) {
			scope.cancelFromOutside(exit);
		}
	}

	/** Whether it is up to itself when it ends, or only just being started. */
	boolean isBounded() {
		RunningScope scope = this.scope;
		return scope == null || scope.isBounded();
	}

	/** The group goes on without it. */
	void leaveBehind() {
		RunningScope scope = scope();
		scope.scopes.watcher.outlivedParent(scope);
		StackedEntry inParent = scope.extras().inParent;
		if (inParent != null) {
			inParent.set(Entry.GONE);
		}
	}

	// The caller of the scope.

	@Override
	public Context currentContext() {
		return this.group.scope.context();
	}

	@Override
	public void onSubscribe(Subscription subscription) {
		RunningScope scope = (RunningScope) subscription;
		scope.extras().task = this;
		this.scope = scope;
		Exit ending = this.group.ending;
		if (ending != null) {
			scope.cancelFromOutside(ending);
		}
		subscription.request(Long.MAX_VALUE);
	}

	@Override
	public void onNext(T value) {
		this.value = value;
	}

	@Override
	public void onComplete() {
		ended(Exit.completed(), null);
	}

	@Override
	public void onError(Throwable error) {
		Exit end = scope().end();
		ended((end instanceof Exit.Cancelled) ? end : Exit.failed(error), error);
	}

	private void ended(Exit exit, @Nullable Throwable error) {
		Sinks.One<T> result;
		synchronized (this) {
			this.exit = exit;
			result = this.result;
		}
		boolean heard = false;
		try {
			heard = this.watch != null && this.watch.ended(this, exit, this.value);
		}
		catch (Throwable ex) {
			this.group.scope.undelivered(ex);
		}
		if (exit instanceof Exit.Cancelled) {
			Unheard.passOn(scope(), heard || result != null);
		}
		this.group.ended(this, exit, heard, result != null);
		if (result != null) {
			emit(result, error);
		}
	}

	private void emit(Sinks.One<T> result, @Nullable Throwable error) {
		T value = this.value;
		if (error != null) {
			result.tryEmitError(error);
		}
		else if (value != null) {
			result.tryEmitValue(value);
		}
		else {
			result.tryEmitEmpty();
		}
	}

	@Override
	public Mono<T> result() {
		Sinks.One<T> result;
		Exit exit;
		synchronized (this) {
			result = this.result;
			if (result != null) {
				return result.asMono();
			}
			exit = this.exit;
			if (exit == null) {
				this.result = Sinks.one();
				return this.result.asMono();
			}
		}
		if (exit instanceof Exit.Failed failed) {
			return Mono.error(failed.error());
		}
		return (exit instanceof Exit.Cancelled cancelled) ? Mono.error(scope().cancelled(cancelled))
				: Mono.justOrEmpty(this.value);
	}

}
