package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Opens scopes, knows the open ones, closes them at shutdown: the one bean to inject.
 * {@code use} is Python's {@code async with}, {@code with} its {@code AsyncExitStack};
 * each has a twin per kind of body.
 * <p>
 * For every twin: the body's function is called inside the scope, after every
 * acquisition, once per subscription. The caller hears last, after everything is
 * released. A cancel before acquisition ends the wait or waits for the acquisition, and
 * the body never starts; a cancel during the body cancels the body, then releases; a
 * cancel during the release changes nothing. The body's error reaches the caller as it
 * is; an empty body is an empty result, released like any other. The caller hears on the
 * thread of the last release. After {@link #close()} every call is refused with a
 * {@link ScopeClosedException}, before anything is acquired.
 */
public interface AsyncScopes {

	/**
	 * Scopes with the defaults of the {@link #builder()}.
	 * @return new scopes
	 */
	static AsyncScopes create() {
		return builder().build();
	}

	/**
	 * Configures new scopes.
	 * @return a builder
	 */
	static Builder builder() {
		return new ScopesBuilder();
	}

	/**
	 * Acquires, runs the body, releases: all of it when the result is subscribed to, and
	 * anew for each subscription.
	 * @param <T> what is acquired
	 * @param <R> what the body returns
	 * @param resource the resource
	 * @param body called with what was acquired; throwing, null and an error are all the
	 * body's failure
	 * @return the body's value after the release
	 */
	<T, R> Mono<R> use(AsyncResource<T> resource, Function<? super T, ? extends Mono<? extends R>> body);

	/**
	 * The same for a body of many values, which pass through while it runs; only the end
	 * waits for the release. A subscriber that stops early ({@code take}, {@code next})
	 * ends the scope as cancelled and may go on before the release has settled.
	 * @param <T> what is acquired
	 * @param <R> what the body emits
	 * @param resource the resource
	 * @param body called with what was acquired
	 * @return the body's values
	 */
	<T, R> Flux<R> useMany(AsyncResource<T> resource, Function<? super T, ? extends Publisher<? extends R>> body);

	/**
	 * The same for a body that returns a future; begins at once. Cancelling the returned
	 * future, completing it or letting it time out ends the scope and cancels the body's
	 * future.
	 * @param <T> what is acquired
	 * @param <R> what the body returns
	 * @param resource the resource
	 * @param body called with what was acquired, on the thread that acquired it
	 * @return a future completed after the release
	 */
	<T, R> CompletableFuture<R> useFuture(AsyncResource<T> resource,
			Function<? super T, ? extends CompletionStage<? extends R>> body);

	/**
	 * The same for a body that blocks; waits and runs on the calling thread. An interrupt
	 * while waiting ends the scope as cancelled. A limit that passes interrupts the body;
	 * nothing is released before the body has returned.
	 * @param <T> what is acquired
	 * @param <R> what the body returns
	 * @param resource the resource
	 * @param body called with what was acquired
	 * @return what the body returned, after the release
	 * @throws Exception what the body threw
	 * @throws IllegalStateException on a thread that must not block, before anything is
	 * acquired
	 * @throws ScopeClosedException if the thread was interrupted while waiting; its
	 * interrupt flag is set again
	 */
	<T, R> R useBlocking(AsyncResource<T> resource, BlockingBody<? super T, ? extends R> body) throws Exception;

	/**
	 * Runs a body inside a scope that holds what the spec names and what the body enters.
	 * @param <R> what the body returns
	 * @param spec name, resources, limit
	 * @param body called with the scope
	 * @return the body's value after the release
	 */
	<R> Mono<R> with(ScopeSpec spec, Function<? super Scope, ? extends Mono<? extends R>> body);

	/**
	 * As {@link #with(ScopeSpec, Function)} with an empty spec.
	 * @param <R> what the body returns
	 * @param body called with the scope
	 * @return the body's value after the release
	 */
	default <R> Mono<R> with(Function<? super Scope, ? extends Mono<? extends R>> body) {
		return with(DefaultAsyncScopes.EMPTY, body);
	}

	/**
	 * As {@link #with(ScopeSpec, Function)} for many values; see {@link #useMany}.
	 * @param <R> what the body emits
	 * @param spec name, resources, limit
	 * @param body called with the scope
	 * @return the body's values
	 */
	<R> Flux<R> withMany(ScopeSpec spec, Function<? super Scope, ? extends Publisher<? extends R>> body);

	/**
	 * As {@link #with(ScopeSpec, Function)} for a future; see {@link #useFuture}.
	 * @param <R> what the body returns
	 * @param spec name, resources, limit
	 * @param body called with the scope
	 * @return a future completed after the release
	 */
	<R> CompletableFuture<R> withFuture(ScopeSpec spec,
			Function<? super Scope, ? extends CompletionStage<? extends R>> body);

	/**
	 * As {@link #with(ScopeSpec, Function)} for a body that blocks; see
	 * {@link #useBlocking}.
	 * @param <R> what the body returns
	 * @param spec name, resources, limit
	 * @param body called with the scope
	 * @return what the body returned, after the release
	 * @throws Exception what the body threw
	 * @throws IllegalStateException on a thread that must not block, before anything is
	 * acquired
	 */
	<R> R withBlocking(ScopeSpec spec, BlockingBody<? super Scope, ? extends R> body) throws Exception;

	/**
	 * Runs a body with a deadline, Python's {@code asyncio.timeout}; inner scopes, waits
	 * for a limiter and requests of a session inherit it, the earliest one counts. When
	 * it passes, the body is cancelled, everything inside released, and then the caller
	 * gets a {@link DeadlineExceededException}. For other kinds of body see
	 * {@link ScopeSpec#timeout}.
	 * @param <R> what the body returns
	 * @param limit zero or less fails at once; {@code ChronoUnit.FOREVER.getDuration()}
	 * is none, until it is {@linkplain Deadline#reschedule(Duration) moved}
	 * @param body called with the deadline, to ask or to move it
	 * @return the body's value
	 */
	default <R> Mono<R> within(Duration limit, Function<? super Deadline, ? extends Mono<? extends R>> body) {
		Objects.requireNonNull(body, "body");
		return with(DefaultAsyncScopes.WITHIN.timeout(limit), (scope) -> body.apply(scope.deadline()));
	}

	/**
	 * As {@link #within(Duration, Function)} until a moment by the clock of these scopes.
	 * @param <R> what the body returns
	 * @param deadline the moment; one that has passed fails at once
	 * @param body called with the deadline, to ask or to move it
	 * @return the body's value
	 */
	<R> Mono<R> within(Instant deadline, Function<? super Deadline, ? extends Mono<? extends R>> body);

	/**
	 * As {@link #within(Duration, Function)}, but quietly, trio's {@code move_on_after}:
	 * when the deadline has passed and everything inside is released, the caller sees a
	 * normal end without a value.
	 * @param <R> what the body returns
	 * @param limit as for {@link #within(Duration, Function)}
	 * @param body called with the deadline, to ask or to move it
	 * @return the body's value; empty if the deadline passed
	 */
	default <R> Mono<R> moveOn(Duration limit, Function<? super Deadline, ? extends Mono<? extends R>> body) {
		Objects.requireNonNull(body, "body");
		return with(DefaultAsyncScopes.MOVE_ON.timeout(limit), (scope) -> body.apply(scope.deadline()));
	}

	/**
	 * Runs a body inside a scope and the tasks that it starts beside it, Python's
	 * {@code asyncio.TaskGroup}. Any other scope has a group too, {@link Scope#tasks()}.
	 * @param <R> what the body returns
	 * @param spec name, resources, limit
	 * @param policy what a failing task does to the others, and the end of the body to
	 * those that still run
	 * @param body called with the group
	 * @return the body's value, after all tasks have ended and everything is released
	 */
	<R> Mono<R> group(ScopeSpec spec, TaskPolicy policy, Function<? super TaskGroup, ? extends Mono<? extends R>> body);

	/**
	 * As {@link #group(ScopeSpec, TaskPolicy, Function)}, where the first task that fails
	 * ends body and tasks, and the body's end waits for the tasks.
	 * @param <R> what the body returns
	 * @param body called with the group
	 * @return the body's value, after all tasks have ended
	 */
	default <R> Mono<R> group(Function<? super TaskGroup, ? extends Mono<? extends R>> body) {
		return group(ScopeSpec.of("group"), TaskPolicy.failTogether(), body);
	}

	/**
	 * Opens a scope by hand. Prefer {@link #use} and {@link #with}, which can't forget to
	 * close it.
	 * @param name the scope's name
	 * @return a running scope, to be closed
	 * @throws ScopeClosedException after {@link #close()}
	 */
	default Scope open(String name) {
		return open(ScopeSpec.of(name));
	}

	/**
	 * As {@link #open(String)}, with limits.
	 * @param spec name and limits; no resources, which are to be {@linkplain Scope#enter
	 * entered}
	 * @return a running scope, to be closed
	 * @throws IllegalArgumentException if the spec names resources
	 * @throws DeadlineExceededException if its limit, or that of a scope around it, has
	 * passed already
	 * @throws ScopeClosedException after {@link #close()}
	 */
	Scope open(ScopeSpec spec);

	/**
	 * A resource that can be exchanged for another one while it is in use. The first is
	 * acquired when it is first used.
	 * @param <T> what is acquired
	 * @param first what is acquired until the first swap
	 * @return the swappable resource, named as the first one
	 */
	<T> SwappableResource<T> swappable(AsyncResource<T> first);

	/**
	 * The scope of what the application holds for as long as it runs: ASGI's lifespan.
	 * What is {@linkplain Scope#enter entered} here is found by
	 * {@link AsyncResource#held()} everywhere, in any scope and outside of all, and
	 * joined by every scope that asks for it, unless it asks for a
	 * {@linkplain AsyncResource#fresh() fresh} one or for a limiter's permit. Given back
	 * in reverse order when the scope is closed, and after all other scopes by
	 * {@link #close()}; those releases, and nobody else any more, may open scopes in
	 * their reactive chain. Its {@linkplain Scope#tasks() tasks} are
	 * {@linkplain TaskPolicy#supervising() supervised}: none that fails takes from the
	 * others what is held here. It may be open for ever: {@link #openScopes()} does not
	 * list it and leak detection does not look at it.
	 * @return the same scope until it ends, then another one; one that has ended already
	 * after {@link #close()}
	 */
	Scope application();

	/**
	 * The scopes that are open now, without that of the {@link #application()}.
	 * @return a snapshot, oldest first where the time is known
	 */
	List<Scope> openScopes();

	/**
	 * Takes out the scopes whose body runs but that nobody can reach any more: the body's
	 * publisher has forgotten its subscriber, or the future was dropped, and whoever
	 * waited has gone. They are noticed some time after a garbage collection. Only of
	 * scopes that are {@linkplain Builder#tracked tracked}.
	 * @return for each a scope opened by hand that took its place, holds what it held and
	 * is to be ended by the caller; one that was around another lost one ends after that
	 */
	List<Scope> takeLost();

	/**
	 * Looks for scopes that wait for each other, and ends each such cycle: the youngest
	 * one's wait fails with a {@link DeadlockException}. Only what two calls in a row
	 * have seen is ended. Found are waits for a {@link DirectResource} that tells its
	 * {@linkplain DirectResource#standing standing}, as limiters and locks do, through
	 * any number of scopes: one goes on neither while all that wait inside it don't, nor
	 * while nobody whom it waits for does. Whatever is not known to wait goes on: who
	 * holds by hand, a shared resource, another acquisition under way. A look costs a
	 * glance at each open scope; between two, nobody pays for it.
	 * @param found told of each deadlock that is about to be ended, while its members
	 * still wait
	 */
	void breakDeadlocks(Consumer<? super Deadlock> found);

	/**
	 * The open scopes that hold a resource or wait for it, among them that of the
	 * {@link #application()}.
	 * @param resource the resource
	 * @return a snapshot
	 */
	List<Scope> holders(AsyncResource<?> resource);

	/**
	 * The clock of every limit, grace period and timer, also for resources that keep time
	 * of their own.
	 * @return the clock
	 */
	ScopeClock clock();

	/**
	 * How long a release may take before the caller goes on.
	 * @return the release limit
	 */
	Duration releaseTimeout();

	/**
	 * Shuts down: refuses new scopes, gives the open ones the shutdown limit, then
	 * cancels the rest, which release what they hold within the release limit, and then
	 * ends that of the {@link #application()}. Eager, and the same end for every caller.
	 * @param leftOpen told once of the scopes that the limit found open, while they still
	 * hold what they hold; not called if there are none. Only the first caller's is
	 * called
	 * @return completes once all have settled, or the release limit has passed as well
	 * and what the application held was released or given up
	 */
	Mono<Void> close(Consumer<? super List<Scope>> leftOpen);

	/**
	 * As {@link #close(Consumer)}, for those who don't ask what was left open.
	 * @return completes once all have settled, or the release limit has passed as well
	 */
	default Mono<Void> close() {
		return close((leftOpen) -> {
		});
	}

	/**
	 * A blocking body.
	 *
	 * @param <T> what it is given
	 * @param <R> what it returns
	 */
	@FunctionalInterface
	interface BlockingBody<T, R> {

		/**
		 * Runs on the caller's thread.
		 * @param value what was acquired, or the scope
		 * @return the result; null where the caller wants none
		 * @throws Exception the body's failure
		 */
		@Nullable R apply(T value) throws Exception;

		/**
		 * A body that needs no value.
		 * @param <R> what it returns
		 * @param callable the work
		 * @return the body
		 */
		static <R> BlockingBody<Object, R> of(Callable<R> callable) {
			return (ignored) -> callable.call();
		}

	}

	/**
	 * Configures {@link AsyncScopes}.
	 */
	interface Builder {

		/**
		 * The clock of every limit, grace period and timer.
		 * @param clock the clock, {@link ScopeClock#system()} unless set
		 * @return this
		 */
		Builder clock(ScopeClock clock);

		/**
		 * How long a release, or an acquisition that a cancelled scope waits for, may
		 * take before the caller goes on.
		 * @param limit 10 seconds unless set
		 * @return this
		 */
		Builder releaseTimeout(Duration limit);

		/**
		 * How long open scopes are left alone by {@link AsyncScopes#close()}.
		 * @param limit 15 seconds unless set
		 * @return this
		 */
		Builder shutdownTimeout(Duration limit);

		/**
		 * What is told of every acquisition, release and scope.
		 * @param recorder {@link ScopeRecorder#NOOP} unless set, which costs nothing
		 * @return this
		 */
		Builder recorder(ScopeRecorder recorder);

		/**
		 * Carries thread locals into acquisition, body and release.
		 * @param carrier {@link ContextCarrier#NONE} unless set, which costs nothing
		 * @return this
		 */
		Builder contextCarrier(ContextCarrier carrier);

		/**
		 * What follows scopes one by one.
		 * @param observer {@link ScopeObserver#NONE} unless set, which costs nothing
		 * @return this
		 */
		Builder observer(ScopeObserver observer);

		/**
		 * Whether each scope is known from its first moment and knows its age, as leak
		 * detection needs. Otherwise a scope is known from the moment it first waits.
		 * @param tracked false unless set
		 * @return this
		 */
		Builder tracked(boolean tracked);

		/**
		 * Of which scopes the call site is kept, if they are tracked.
		 * @param sampler {@link CallSiteSampler#NONE} unless set
		 * @return this
		 */
		Builder callSites(CallSiteSampler sampler);

		/**
		 * What is told of that which must not happen.
		 * @param watcher {@link ScopeWatcher#NONE} unless set
		 * @return this
		 */
		Builder watcher(ScopeWatcher watcher);

		/**
		 * Whether a scope is cancelled that is open still when the body around it has
		 * ended normally or failed; the outer one then waits for its end. A scope whose
		 * outer one is cancelled is cancelled in any case.
		 * @param cancel false unless set: it outlives the outer one, and the
		 * {@linkplain #watcher watcher} is told
		 * @return this
		 */
		Builder cancelOutliving(boolean cancel);

		/**
		 * Builds the scopes.
		 * @return new scopes
		 */
		AsyncScopes build();

	}

}
