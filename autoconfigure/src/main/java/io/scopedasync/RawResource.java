package io.scopedasync;

import reactor.core.publisher.Mono;

/**
 * A resource whose scope keeps more than the body sees: a composition has two values to
 * release.
 */
interface RawResource<T> extends AsyncResource<T> {

	/** What the scope keeps until {@link #exitRaw}. */
	Mono<?> acquireRaw();

	Mono<Exit> exitRaw(Object raw, Exit exit);

	Mono<Void> abortRaw(Object raw);

	/** What the body sees of it. */
	Object view(Object raw);

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

	static Object view(AsyncResource<?> resource, Object raw) {
		return (resource instanceof RawResource<?> r) ? r.view(raw) : raw;
	}

}
