package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A task of a {@link TaskGroup}, started already. It is a scope inside the group's: with
 * its own resources and limit, to be seen among the open ones.
 *
 * @param <T> what it brings
 */
public interface Task<T> {

	/**
	 * The scope that the task is.
	 * @return the scope
	 */
	Scope scope();

	/**
	 * What the task brings, after it has released what it held. Any number may ask, and
	 * at any time; who stops waiting does not stop the task. In a group whose tasks fail
	 * together nobody inside gets to handle an error here: the group ends with it.
	 * @return its value, empty if it brought none, its error, or a
	 * {@link ScopeClosedException} if it was cancelled
	 */
	Mono<T> result();

	/**
	 * How the task ended.
	 * @return null while it runs or releases
	 */
	@Nullable Exit exit();

	/**
	 * Cancels this task alone; the group goes on. Eager: happens whether or not the
	 * result is subscribed to. Once the task has ended it changes nothing.
	 * @param reason why, told to each release; the first reason stays
	 * @return completes once the task has released everything
	 */
	Mono<Void> cancel(String reason);

}
