package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A recipe: how to acquire a {@code T} and how to release it, Python's {@code __aenter__}
 * and {@code __aexit__}. Immutable, cold and shared: each scope that enters it makes an
 * acquisition of its own.
 * <p>
 * A scope runs {@link #acquire()} <em>masked</em>: a cancel or a deadline during the
 * acquisition waits for it and then releases what it brought, so an implementation never
 * has to think about cancellation. A resource whose waiting gives back by itself says so
 * with {@link #cancellable()}. {@link #release} is called exactly once for each value
 * acquired, is never cancelled, and is bounded by the release limit of the
 * {@link AsyncScopes}. Both are called on whichever thread got there (the caller's, the
 * one that brought the resource before, the one that ended the body) and must not block
 * it; {@code subscribeOn} is for what blocks.
 *
 * @param <T> what the body works with
 */
public interface AsyncResource<T> {

	/**
	 * Acquires. Called and subscribed once per scope, inside it.
	 * @return exactly one value. Empty is an error that names the resource, an error ends
	 * the scope with that error, unwrapped
	 */
	Mono<T> acquire();

	/**
	 * Releases. Called and subscribed once per value acquired, after the body has ended
	 * or was cancelled.
	 * @param value what was acquired
	 * @param exit how the body ended
	 * @return completes once released. Its error becomes the caller's after a body that
	 * completed, and is added to the body's error as suppressed after a body that failed
	 */
	Mono<Void> release(T value, Exit exit);

	/**
	 * Releases and decides how the scope goes on. Override it, instead of only
	 * {@link #release}, to declare an error handled or to translate it.
	 * @param value what was acquired
	 * @param exit how the body ended, as left by the resources entered after this one
	 * @return empty: the scope goes on as it was; an exit: it goes on with that one.
	 * After {@link Exit#completed()} the caller sees a normal end without the body's
	 * value
	 */
	default Mono<Exit> exit(T value, Exit exit) {
		return Resources.unchanged(release(value, exit));
	}

	/**
	 * Closes by force what {@link #release} could not close within the release limit.
	 * Subscribed to once, while that release may still be going on; the caller goes on
	 * when this has ended, or after the limit once more.
	 * @param value what was acquired
	 * @return completes once closed; empty unless overridden: there is no such way
	 */
	default Mono<Void> abort(T value) {
		return Mono.empty();
	}

	/**
	 * What this brings into the Reactor context while it is held: a transaction, a user.
	 * Seen by the resources acquired after it, the body, the releases, and the scopes
	 * inside. What a body enters is seen by what it subscribes to afterwards, unless an
	 * operator in between ({@code contextWrite}) has fixed its context before.
	 * @param value what was acquired
	 * @return null unless overridden: nothing. A function for {@code contextWrite}
	 * otherwise; if it fails, so does the scope
	 */
	default @Nullable Function<Context, Context> context(T value) {
		return null;
	}

	/**
	 * Name in metrics, logs and errors. A bean is called by its bean name.
	 * @return the name
	 */
	default String name() {
		String name = getClass().getSimpleName();
		return name.isEmpty() ? getClass().getName() : name;
	}

	/**
	 * Whether a cancel may be passed into an acquisition under way, because nothing has
	 * been acquired then or what was is given back by itself.
	 * @return false unless the resource knows better: the acquisition is masked
	 */
	default boolean cancellable() {
		return false;
	}

	/**
	 * What happens when the resource is asked for again under a scope that holds it.
	 * @return {@link Nesting#SEPARATE} unless the resource says otherwise
	 */
	default Nesting nesting() {
		return Nesting.SEPARATE;
	}

	/**
	 * From which age on a scope that holds this counts as overdue.
	 * @return null unless the resource knows better: as for all others. Of several
	 * resources the shortest counts; {@code ChronoUnit.FOREVER.getDuration()} is for what
	 * is held without end
	 */
	default @Nullable Duration leakThreshold() {
		return null;
	}

	/**
	 * Which of many of the same name this is, a tenant's for instance.
	 * @return null unless it is a {@link KeyedResource}'s
	 */
	default @Nullable Object key() {
		return null;
	}

	/**
	 * By what {@link #held()} and {@link Nesting} recognise this resource. A wrapper
	 * answers with what it wraps.
	 * @return this resource unless overridden
	 */
	default Object identity() {
		return this;
	}

	/**
	 * What the innermost scope around the subscriber holds of this resource: the variable
	 * behind Python's {@code as}. Looks into the Reactor context, then at the calling
	 * thread (blocking and future bodies), then at what the
	 * {@linkplain AsyncScopes#application() application} holds.
	 * @return the value; an error of {@link NoScopeException} outside any scope that
	 * holds it
	 */
	default Mono<T> held() {
		return CurrentScope.held(this);
	}

	/**
	 * A resource of two functions.
	 * @param <T> what is acquired
	 * @param acquire see {@link #acquire()}
	 * @param release see {@link #release}
	 * @return the resource, which should be given a name with {@link #named} unless it is
	 * a bean
	 */
	static <T> AsyncResource<T> of(Supplier<? extends Mono<T>> acquire,
			BiFunction<? super T, ? super Exit, ? extends Mono<Void>> release) {
		return new Resources.Functions<>(acquire, release);
	}

	/**
	 * A resource over something that closes itself asynchronously, Python's
	 * {@code aclosing}.
	 * @param <T> what is acquired
	 * @param acquire brings the object
	 * @param close closes it, whatever the exit
	 * @return the resource
	 */
	static <T> AsyncResource<T> closing(Supplier<? extends Mono<T>> acquire,
			Function<? super T, ? extends Mono<Void>> close) {
		Objects.requireNonNull(close, "close");
		return new Resources.Functions<>(acquire, (value, exit) -> close.apply(value));
	}

	/**
	 * A resource that is there already and is not released, Python's {@code nullcontext}.
	 * @param <T> what is held
	 * @param value the value
	 * @return the resource
	 */
	static <T> AsyncResource<T> just(T value) {
		Mono<T> acquired = Mono.just(value);
		return new Resources.Functions<>(() -> acquired, (ignored, exit) -> Mono.empty());
	}

	/**
	 * Several resources acquired at the same time, and released at the same time; the
	 * value is theirs in the order given. If one fails, the others' waits are ended, what
	 * has arrived is released and what can't be cancelled is waited for and released;
	 * then the error surfaces. A cancel does the same. All are told the same exit, and
	 * each has limits of its own.
	 * <p>
	 * They are acquired in no order: two scopes that take the same locks or limits this
	 * way may wait for each other. Take those one after the other.
	 * @param <T> what all of them bring
	 * @param resources the resources
	 * @return the composed resource
	 * @throws IllegalArgumentException if one that {@linkplain Nesting#REFUSE refuses} to
	 * be held twice is there twice
	 */
	@SuppressWarnings("unchecked")
	static <T> AsyncResource<List<T>> all(List<? extends AsyncResource<? extends T>> resources) {
		return ParallelResource.all(resources, (values) -> (List<T>) values);
	}

	/**
	 * As {@link #all(List)}.
	 * @param <T> what all of them bring
	 * @param resources the resources
	 * @return the composed resource
	 */
	@SafeVarargs
	@SuppressWarnings("varargs")
	static <T> AsyncResource<List<T>> all(AsyncResource<? extends T>... resources) {
		return all(List.of(resources));
	}

	/**
	 * The first of several resources to be acquired. The others are ended at once as
	 * cancelled: the body does not wait for their release, the scope's end does. If all
	 * fail, the error is the first one's, with the others suppressed in it.
	 * @param <T> what each of them brings
	 * @param resources the resources, begun in this order
	 * @return the composed resource
	 * @throws IllegalArgumentException if there are none
	 */
	@SafeVarargs
	@SuppressWarnings("varargs")
	static <T> AsyncResource<T> race(AsyncResource<? extends T>... resources) {
		return ParallelResource.race(List.of(resources));
	}

	/**
	 * The same resource with the value seen through a function. The function runs after
	 * the acquisition; if it fails, what was acquired is released. It waits as this one,
	 * and asking again for what this returns means the same as asking again for this.
	 * @param <R> what the body works with
	 * @param mapper makes the value that the body sees
	 * @return the mapped resource
	 */
	default <R> AsyncResource<R> map(Function<? super T, ? extends R> mapper) {
		return new MappedResource<>(this, mapper);
	}

	/**
	 * A resource that needs this one: acquired after it and released before it. If the
	 * second acquisition fails, the first is undone with that error as its exit. Each of
	 * them waits, joins, is cancelled, bounded and recorded as if entered by itself.
	 * @param <R> what the body works with
	 * @param next makes the second resource of the first's value
	 * @return the composed resource, named as this one
	 */
	default <R> AsyncResource<R> flatMap(Function<? super T, ? extends AsyncResource<R>> next) {
		return new FlatMappedResource<>(this, next);
	}

	/**
	 * This resource and another one at the same time, as {@link #all(List)}.
	 * @param <U> what the other one brings
	 * @param <R> what the body works with
	 * @param other the other one
	 * @param combinator makes one value of both; if it fails, both are released
	 * @return the composed resource
	 */
	@SuppressWarnings("unchecked")
	default <U, R> AsyncResource<R> zipWith(AsyncResource<U> other,
			BiFunction<? super T, ? super U, ? extends R> combinator) {
		Objects.requireNonNull(combinator, "combinator");
		return ParallelResource.all(List.of(this, other),
				(values) -> combinator.apply((T) values.get(0), (U) values.get(1)));
	}

	/**
	 * The same resource, acquired once for all scopes that use it at the same time and
	 * released after the last of them. First users together share one acquisition; its
	 * failure is theirs and not remembered. Who stops waiting harms nobody, and the
	 * acquisition is given up when nobody waits for it any more. It is held by a scope of
	 * its own, {@code shared <name>}, and released as completed.
	 * @param idle how long it is kept after the last user;
	 * {@code ChronoUnit.FOREVER.getDuration()} for until the {@link AsyncScopes} close,
	 * which end it as soon as nobody uses it. After zero, the last user's scope waits for
	 * the release and hears its error
	 * @return the shared resource; share what this returns, not this
	 * @throws IllegalArgumentException if the duration is negative
	 */
	default AsyncResource<T> shared(Duration idle) {
		return SharedResource.of(this, idle);
	}

	/**
	 * The same resource under another name.
	 * @param name the name in metrics, logs and errors
	 * @return the named resource
	 */
	default AsyncResource<T> named(String name) {
		return new Resources.Named<>(this, name);
	}

	/**
	 * The same resource, acquired anew even under a scope that holds it: the inner one
	 * shadows the outer one. What refuses to be asked for again still does.
	 * @return a resource that does not join
	 */
	default AsyncResource<T> fresh() {
		return new Resources.Fresh<>(this);
	}

	/**
	 * The same resource, whose exit declares errors of these types handled: the caller
	 * sees a normal end without a value. Of several errors in one
	 * ({@code Exceptions.multiple}) only the matching part is removed.
	 * @param types the types of {@link Throwable}, subtypes included
	 * @return the suppressing resource
	 * @throws IllegalArgumentException if a type is no {@link Throwable}
	 */
	default AsyncResource<T> suppressing(Class<?>... types) {
		return new Resources.Suppressing<>(this, types);
	}

	/**
	 * The same resource with Python's rule where body and release both fail: the
	 * release's error is the caller's and carries the body's as suppressed.
	 * @return the resource under Python's rule
	 */
	default AsyncResource<T> releaseErrorFirst() {
		return new Resources.ReleaseErrorFirst<>(this);
	}

	/**
	 * A pool of what this makes: acquired once, lent to one scope after the other, and
	 * released when it is not to be lent any more.
	 * @param settings told how large, how long and what is used again
	 * @return the pool, to be closed
	 * @throws IllegalArgumentException if a setting makes no sense
	 */
	default PooledResource<T> pooled(Consumer<? super PoolSettings<T>> settings) {
		PoolSettings<T> chosen = new PoolSettings<>(name());
		settings.accept(chosen);
		return new PooledResource<>(this, chosen);
	}

	/**
	 * What asking again means.
	 */
	enum Nesting {

		/**
		 * Each call acquires, unless the {@linkplain AsyncScopes#application()
		 * application} holds it. A limiter counts every call.
		 */
		SEPARATE,

		/**
		 * The inner scope works with what the outer one holds; only the outer one
		 * releases it.
		 */
		JOIN,

		/** Asking again would wait for oneself, and is an error at once: a lock. */
		REFUSE

	}

}
