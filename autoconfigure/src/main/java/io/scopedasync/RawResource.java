package io.scopedasync;

import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A resource whose scope keeps more than the body sees: a composition has two values to
 * release. A class, because every call asks whether its resource is one: with an
 * interface the answer no takes JDK 17 some 20 ns.
 */
abstract class RawResource<T> implements AsyncResource<T> {

	@Override
	public Mono<T> acquire() {
		return Mono.error(() -> byHand());
	}

	@Override
	public Mono<Void> release(T value, Exit exit) {
		return Mono.error(() -> byHand());
	}

	private RuntimeException byHand() {
		return new UnsupportedOperationException("'" + name() + "' is more than what a body sees of it, "
				+ "and can't be acquired by hand: use AsyncScopes.use or Scope.enter");
	}

	/** What the scope keeps until {@link #exitRaw}. */
	abstract Mono<?> acquireRaw();

	abstract Mono<Exit> exitRaw(Object raw, Exit exit);

	abstract Mono<Void> abortRaw(Object raw);

	/** What the body sees of it. */
	abstract Object view(Object raw);

	/**
	 * What this one holds of another resource inside what it holds itself; null if
	 * nothing.
	 */
	@Nullable Object find(Object raw, Object identity) {
		return null;
	}

	static @Nullable Object find(AsyncResource<?> resource, Object raw, Object identity) {
		if (identity(resource) == identity) {
			return raw;
		}
		return (resource instanceof RawResource<?> r) ? r.find(raw, identity) : null;
	}

	/** Without a name that can be asked for, that of its class. */
	static String name(AsyncResource<?> resource) {
		String name = answer(resource, AsyncResource::name);
		return (name != null) ? name : resource.getClass().getSimpleName();
	}

	/** Without an identity that can be asked for it is nobody else's. */
	static Object identity(AsyncResource<?> resource) {
		Object identity = answer(resource, AsyncResource::identity);
		return (identity != null) ? identity : resource;
	}

	/**
	 * What a resource says of itself to somebody who must go on: null if it throws.
	 */
	static <R> @Nullable R answer(AsyncResource<?> resource, Function<AsyncResource<?>, R> question) {
		try {
			return question.apply(resource);
		}
		catch (Throwable ex) {
			ScopeState.logger.debug("A resource of {} could not be asked", resource.getClass(), ex);
			return null;
		}
	}

	/** Whether it is to be acquired anew, whoever holds it. */
	boolean isFresh() {
		return false;
	}

	static boolean isFresh(AsyncResource<?> resource) {
		return resource instanceof RawResource<?> r && r.isFresh();
	}

	/** Whether it is to be recorded, beside what it is made of. */
	boolean isRecorded() {
		return true;
	}

	static boolean isRecorded(AsyncResource<?> resource) {
		return !(resource instanceof RawResource<?> r) || r.isRecorded();
	}

	/** What it brings into the context, null for nothing. */
	abstract @Nullable Function<Context, Context> contextRaw(Object raw);

	static Mono<?> acquire(AsyncResource<?> resource) {
		return (resource instanceof RawResource<?> r) ? r.acquireRaw() : resource.acquire();
	}

	@SuppressWarnings("unchecked")
	static Mono<Exit> exit(AsyncResource<?> resource, Object raw, Exit exit) {
		return (resource instanceof RawResource<?> r) ? r.exitRaw(raw, exit)
				: ((AsyncResource<Object>) resource).exit(raw, exit);
	}

	@SuppressWarnings("unchecked")
	static Mono<Void> abort(AsyncResource<?> resource, Object raw) {
		return (resource instanceof RawResource<?> r) ? r.abortRaw(raw) : ((AsyncResource<Object>) resource).abort(raw);
	}

	@SuppressWarnings("unchecked")
	static @Nullable Function<Context, Context> context(AsyncResource<?> resource, Object raw) {
		return (resource instanceof RawResource<?> r) ? r.contextRaw(raw)
				: ((AsyncResource<Object>) resource).context(raw);
	}

	static Object view(AsyncResource<?> resource, Object raw) {
		return (resource instanceof RawResource<?> r) ? r.view(raw) : raw;
	}

}
