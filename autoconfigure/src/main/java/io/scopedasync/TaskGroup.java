package io.scopedasync;

import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

import reactor.core.publisher.Mono;

/**
 * The tasks of one scope, Python's {@code asyncio.TaskGroup}: what the body starts to run
 * beside it. The scope's body is over only when it has ended and all its tasks have; no
 * task outlives its group. Opened by {@link AsyncScopes#group}; every other scope has one
 * too, {@link Scope#tasks()}, which a method with {@code @ScopedAsync} finds with
 * {@link #current()}.
 * <p>
 * Each task is a scope inside the group's: it sees the group's scope, Reactor context,
 * thread locals and deadline, and is listed, timed and watched as any other. The first
 * task that fails ends the group, unless its {@link TaskPolicy} says otherwise: body and
 * tasks are cancelled all at once, awaited, everything is released, and then the caller
 * hears of the error. It is the first one, as it was thrown; further errors of tasks,
 * their releases and the body are added to it as suppressed, cancellations are not. The
 * error of a group inside a group carries those of its own tasks, and is one of the outer
 * group's errors. Tasks that do not end when they are cancelled are left behind after the
 * release limit, and reported.
 * <p>
 * Tasks are started eagerly, on the calling thread, as if subscribed to there. They may
 * be started by anybody, also by other tasks, until the group ends or fails; afterwards,
 * and before the body begins, starting throws a {@link ScopeClosedException} and the task
 * never begins. Nothing is kept of a task that has ended.
 */
public interface TaskGroup {

	/**
	 * The group of the innermost scope around the subscriber, see
	 * {@link Scope#current()}: within a task that of the task itself.
	 * @return the group, or empty outside any scope
	 */
	static Mono<TaskGroup> current() {
		return Scope.current().map(Scope::tasks);
	}

	/**
	 * The scope whose tasks these are.
	 * @return the scope
	 */
	Scope scope();

	/**
	 * How many tasks have not ended.
	 * @return the number now
	 */
	int running();

	/**
	 * Starts a task.
	 * @param <T> what it brings
	 * @param spec the task's name, the resources it acquires before the body, its limit
	 * @param body called with the task's scope; throwing, null and an error are the
	 * task's failure
	 * @return the task
	 * @throws ScopeClosedException if the group has not begun, is ending or has ended
	 */
	<T> Task<T> start(ScopeSpec spec, Function<? super Scope, ? extends Mono<? extends T>> body);

	/**
	 * Starts a task, named after the group.
	 * @param <T> what it brings
	 * @param work subscribed to once
	 * @return the task
	 * @throws ScopeClosedException as for {@link #start(ScopeSpec, Function)}
	 */
	<T> Task<T> start(Mono<? extends T> work);

	/**
	 * Starts a task that is a future. A cancel of the task cancels the future, and does
	 * not wait for what can't be cancelled.
	 * @param <T> what it brings
	 * @param work called once, on this thread unless the task has to wait; what it calls
	 * there is inside the task's scope
	 * @return the task
	 * @throws ScopeClosedException as for {@link #start(ScopeSpec, Function)}
	 */
	<T> Task<T> startFuture(Supplier<? extends CompletionStage<? extends T>> work);

	/**
	 * Starts a task that blocks: on a virtual thread of its own from Java 21 on, before
	 * on {@code Schedulers.boundedElastic()}. A cancel interrupts it and waits until it
	 * has returned, as long as for a release.
	 * @param <T> what it brings
	 * @param work called once; null from it is an empty result
	 * @return the task
	 * @throws ScopeClosedException as for {@link #start(ScopeSpec, Function)}
	 */
	<T> Task<T> startBlocking(Callable<? extends T> work);

	/**
	 * Starts a task that says when it is ready, trio's {@code nursery.start}, once per
	 * subscription. Until then it belongs to whoever started it: its error is theirs and
	 * not the group's, and their cancel cancels it. Afterwards it is a task as any other.
	 * @param <T> what it is ready with
	 * @param spec the task's name, resources, limit
	 * @param body given what to call once it is ready; calling it again is an error
	 * @return the value it is ready with, its error if it fails before, an
	 * {@link IllegalStateException} if it ends before; {@link ScopeClosedException} if
	 * the group takes no more tasks
	 */
	<T> Mono<T> startReady(ScopeSpec spec, Function<? super Consumer<? super T>, ? extends Mono<?>> body);

	/**
	 * Runs all at once and collects what they bring, Python's {@code asyncio.gather}:
	 * {@link #join} with {@link Joiner#all()}.
	 * @param <T> what each brings
	 * @param work what to run; thousands do no harm
	 * @return the values in the order of the work, those that are empty left out; the
	 * first error, as of a group
	 */
	default <T> Mono<List<T>> gather(Collection<? extends Mono<? extends T>> work) {
		return join(Joiner.all(), work);
	}

	/**
	 * As {@link #gather(Collection)}, some at a time.
	 * @param <T> what each brings
	 * @param limit how many run at once, at least 1
	 * @param work what to run
	 * @return the values in the order of the work, those that are empty left out
	 */
	default <T> Mono<List<T>> gather(int limit, Collection<? extends Mono<? extends T>> work) {
		return join(Joiner.<T>all().limit(limit), work);
	}

	/**
	 * Runs all in a group of their own inside this one, once per subscription, until the
	 * joiner has what it wants. The rest is then cancelled and awaited, before the result
	 * is heard. An error is the subscriber's alone: this group goes on, unless it is not
	 * handled. A cancel by the subscriber cancels them all.
	 * @param <T> what each brings
	 * @param <R> what comes of it
	 * @param joiner decides
	 * @param work what to run
	 * @return the joiner's result
	 */
	<T, R> Mono<R> join(Joiner<T, R> joiner, Collection<? extends Mono<? extends T>> work);

	/**
	 * Cancels body and tasks, and ends the scope without an error: resources are released
	 * as cancelled, the caller hears a normal end, with the body's value if there was one
	 * already. Eager; doing it again or too late changes nothing.
	 * @return completes once everything is released
	 */
	Mono<Void> cancel();

}
