package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * One running acquire, body, release: an exit stack that knows its parent, its deadline
 * and what it holds. Safe to use from any thread. Opened by {@link AsyncScopes} and found
 * again by {@link #current()}.
 */
public interface Scope {

	/**
	 * The innermost scope around the subscriber: of the Reactor context, else of the
	 * calling thread.
	 * @return the scope, or empty outside any
	 */
	static Mono<Scope> current() {
		return CurrentScope.current();
	}

	/**
	 * Name of the scope: of the method or resource it was opened for.
	 * @return the name
	 */
	String name();

	/**
	 * Number of the scope among those of its {@link AsyncScopes}.
	 * @return never the same twice; 0 unless scopes are
	 * {@linkplain AsyncScopes.Builder#tracked tracked}
	 */
	long id();

	/**
	 * The thread that opened the scope.
	 * @return its name; null unless scopes are tracked
	 */
	@Nullable String thread();

	/**
	 * Where the scope was opened.
	 * @return the call site; null unless it was {@linkplain CallSiteSampler sampled}
	 */
	@Nullable CallSite callSite();

	/**
	 * Who opened the scope, for more of them inside it.
	 * @return its {@link AsyncScopes}
	 */
	AsyncScopes scopes();

	/**
	 * The scope around this one.
	 * @return the parent, null at the root
	 */
	@Nullable Scope parent();

	/**
	 * Where the scope is in its life.
	 * @return the state now
	 */
	State state();

	/**
	 * Whether the scope waits for its turn and has nothing in the making yet that a
	 * cancel would have to wait for: in the queue of a limiter, for instance.
	 * @return true while it waits
	 */
	boolean isWaiting();

	/**
	 * How long the scope has been open, on the clock of its {@link AsyncScopes}. Zero
	 * where neither a recorder nor leak detection asks for the time.
	 * @return the age
	 */
	Duration age();

	/**
	 * The age from which the scope counts as overdue, if it or what it holds says so.
	 * @return that of its {@link ScopeSpec}, else the shortest of what it holds or
	 * acquires, null if none says anything
	 */
	@Nullable Duration leakThreshold();

	/**
	 * The age at which the scope should have ended because of its {@link #deadline()},
	 * release included; one that is older is stuck. Counted to the deadline, plus the
	 * release limit once.
	 * @return null without a deadline of its own, or where the age is not known
	 */
	@Nullable Duration longestAge();

	/**
	 * The scope's own deadline.
	 * @return the deadline, which never passes unless it was set
	 */
	Deadline deadline();

	/**
	 * Time left before the earliest deadline of this scope and those around it.
	 * @return never negative; empty without any deadline
	 */
	Optional<Duration> remaining();

	/**
	 * Names of the resources that the scope holds or is acquiring, in order of entry.
	 * @return the names
	 */
	List<String> resources();

	/**
	 * The keys of those of its resources that have one. They may be secret.
	 * @return the key as text, by the resource's name
	 */
	Map<String, String> keys();

	/**
	 * Acquires a resource into this scope, which releases it at its end: Python's
	 * {@code AsyncExitStack.enter_async_context}. Each subscription acquires once. A
	 * cancel while acquiring lets the acquisition finish and releases what it brought,
	 * unless the resource is {@linkplain AsyncResource#cancellable() cancellable}; a
	 * cancel afterwards changes nothing.
	 * @param <T> what is acquired
	 * @param resource the resource
	 * @return the value once acquired, or the acquisition's error;
	 * {@link ScopeClosedException} if the scope is ending
	 */
	<T> Mono<T> enter(AsyncResource<T> resource);

	/**
	 * Releases one resource of this scope before its end, as completed. Eager, as
	 * {@link #close()}; the scope's end waits for it.
	 * @param <T> what was acquired
	 * @param resource a resource that this scope, and not one around it, has entered
	 * @param value which of the values it brought
	 * @return completes once released, with the release's error if it failed;
	 * {@link IllegalStateException} if the scope does not hold that value, or no longer;
	 * {@link ScopeClosedException} if it is ending, and releases it by itself
	 */
	<T> Mono<Void> release(AsyncResource<T> resource, T value);

	/**
	 * A resource that is acquired when it is first used, once for all who use it, and
	 * released at the end of this scope; never used, never acquired. A user who stops
	 * waiting leaves it to the next one; a failure is told to those who wait and not
	 * remembered.
	 * @param <T> what is acquired
	 * @param resource what to acquire
	 * @return a resource for this scope, those inside it and whoever else it is given to
	 */
	<T> AsyncResource<T> memoize(AsyncResource<T> resource);

	/**
	 * What this scope or one around it holds of a resource, else the application.
	 * @param <T> what is held
	 * @param resource the resource
	 * @return the innermost value, null if nobody holds it
	 */
	<T> @Nullable T find(AsyncResource<T> resource);

	/**
	 * Pushes a callback that runs when the scope ends, in the order of the exit stack. It
	 * can't suppress. Pushed while the scope releases, it runs next and is waited for. On
	 * a scope that has ended it runs at once, with the exit the scope had.
	 * @param callback the callback; null from it is an error
	 */
	void onExit(Function<? super Exit, ? extends Mono<Void>> callback);

	/**
	 * Pushes an exit handler that may replace the exit, as {@link AsyncResource#exit}
	 * may. Pushed while the scope releases, it runs next and is waited for. On a scope
	 * that has ended it runs at once, and what it answers changes nothing any more.
	 * @param handler empty from it leaves the exit as it was
	 */
	void push(Function<? super Exit, ? extends Mono<Exit>> handler);

	/**
	 * Lets the end of the body be heard although its subscriber asks for nothing. An
	 * error in a body of many values may stand behind values, or behind an operator that
	 * waits for demand: then the scope would go on until the subscriber asks. This has
	 * the scope, and those around it, ask for up to 1,024 values more than its subscriber
	 * did, and keep them for it. For what has a limit of its own inside a body, once that
	 * has passed; requests of a session do so themselves. Does nothing for a scope
	 * without a body of many values, before that begins or once it has ended; called
	 * again it asks for as many as have been read since.
	 */
	void readAhead();

	/**
	 * Opens a scope by hand inside this one. It ends with this one at the latest.
	 * @param name the child's name
	 * @return the child, to be closed
	 * @throws ScopeClosedException if this scope is ending
	 */
	Scope child(String name);

	/**
	 * Moves everything this scope holds into a new scope opened by hand, Python's
	 * {@code pop_all}: the end of this one then releases nothing, and the new owner
	 * everything. The owner is in no other scope: it outlives those around this one, and
	 * none of their limits reaches it.
	 * @return the new owner, to be closed
	 * @throws ScopeClosedException if this scope is ending
	 */
	Scope transfer();

	/**
	 * Runs code on this thread as part of the scope: what it opens is inside this scope,
	 * and {@link AsyncResource#held()} finds what this scope holds. For scopes opened by
	 * hand; bodies are run so already.
	 * @param <R> what the code returns
	 * @param code the code, which runs even if the scope has ended
	 * @return what it returned
	 * @throws Exception what it threw
	 */
	<R> R call(Callable<R> code) throws Exception;

	/**
	 * The tasks of this scope, which ends only after all of them: a body that completes
	 * waits for its tasks, and the first that fails ends body and tasks.
	 * @return the same group for every caller
	 */
	TaskGroup tasks();

	/**
	 * Ends the scope normally, if it is open, and releases what it holds. Eager: happens
	 * whether or not the result is subscribed to. On a scope with a body it cancels the
	 * body; on one opened by hand it waits for its {@linkplain #tasks() tasks}.
	 * @return completes once everything is released, with the error of a release that
	 * failed; the same end for every caller
	 */
	Mono<Void> close();

	/**
	 * Ends the scope as cancelled, if it is open. Eager, as {@link #close()}. Who waits
	 * for the body's result gets a {@link ScopeClosedException} with the reason.
	 * @param reason why, told to each release; the first reason stays
	 * @return completes once everything is released
	 */
	Mono<Void> cancel(String reason);

	/**
	 * Where a scope is in its life.
	 */
	enum State {

		/** Waiting for or acquiring its resources. */
		ENTERING,

		/** The body runs. */
		RUNNING,

		/** The body has ended, resources are being released. */
		RELEASING,

		/** Everything is released. */
		CLOSED

	}

}
