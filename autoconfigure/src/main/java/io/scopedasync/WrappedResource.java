package io.scopedasync;

import java.time.Duration;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A resource around another one, which it is known, waits, nests and is recorded as.
 * Acquiring it is acquiring that one.
 */
abstract class WrappedResource<T, R> extends RawResource<R> {

	final AsyncResource<T> resource;

	WrappedResource(AsyncResource<T> resource) {
		this.resource = resource;
	}

	@Override
	Mono<?> acquireRaw() {
		return RawResource.acquire(this.resource);
	}

	/** What the scope keeps of what it would keep of the resource inside. Never fails. */
	Object keep(Object raw) {
		return raw;
	}

	/** The resource inside all wraps. */
	static AsyncResource<?> unwrap(AsyncResource<?> resource) {
		AsyncResource<?> inside = resource;
		while (inside instanceof WrappedResource<?, ?> wrapped) {
			inside = wrapped.resource;
		}
		return inside;
	}

	/** What a scope keeps of what the resource inside all wraps has granted. */
	static Object keep(AsyncResource<?> resource, Object granted) {
		return (resource instanceof WrappedResource<?, ?> wrapped) ? wrapped.keep(keep(wrapped.resource, granted))
				: granted;
	}

	@Override
	boolean isFresh() {
		return isFresh(this.resource);
	}

	@Override
	boolean isRecorded() {
		return isRecorded(this.resource);
	}

	@Override
	public String name() {
		return this.resource.name();
	}

	@Override
	public boolean cancellable() {
		return this.resource.cancellable();
	}

	@Override
	public Nesting nesting() {
		return this.resource.nesting();
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.resource.leakThreshold();
	}

	@Override
	public @Nullable Object key() {
		return this.resource.key();
	}

}
