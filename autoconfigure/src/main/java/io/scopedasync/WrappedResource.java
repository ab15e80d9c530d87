package io.scopedasync;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * A resource around another one, which it is known, waits and is recorded as.
 */
abstract class WrappedResource<T, R> extends RawResource<R> {

	final AsyncResource<T> resource;

	WrappedResource(AsyncResource<T> resource) {
		this.resource = resource;
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
	public @Nullable Duration leakThreshold() {
		return this.resource.leakThreshold();
	}

	@Override
	public @Nullable Object key() {
		return this.resource.key();
	}

}
