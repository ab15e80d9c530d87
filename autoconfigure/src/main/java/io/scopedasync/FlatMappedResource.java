package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A resource and one that needs it, known by the name of the first.
 */
final class FlatMappedResource<T, R> extends ComposedResource<R> {

	private final AsyncResource<T> first;

	private final Next<T> next;

	private final Object identity;

	FlatMappedResource(AsyncResource<T> first, Function<? super T, ? extends AsyncResource<R>> next) {
		this(first, new Next<>(first, Objects.requireNonNull(next, "next")), null);
	}

	private FlatMappedResource(AsyncResource<T> first, Next<T> next, @Nullable Object identity) {
		super(List.of(List.of(first, next)));
		this.first = first;
		this.next = next;
		this.identity = (identity != null) ? identity : this;
	}

	@Override
	Object combine(List<Object> values) {
		return values.get(0);
	}

	/** The parts are, and the first one goes by this very name. */
	@Override
	boolean isRecorded() {
		return false;
	}

	@Override
	public String name() {
		return this.first.name();
	}

	@Override
	public AsyncResource<R> fresh() {
		return new FlatMappedResource<>(this.first.fresh(), this.next, this.identity);
	}

	@Override
	boolean isFresh() {
		return isFresh(this.first);
	}

	@Override
	public Object identity() {
		return this.identity;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.first.leakThreshold();
	}

	@Override
	public @Nullable Object key() {
		return this.first.key();
	}

	/** Stands in a {@link ScopeSpec} for what only the value before it decides. */
	record Next<T>(AsyncResource<T> first,
			Function<? super T, ? extends AsyncResource<?>> next) implements AsyncResource<Object> {

		@SuppressWarnings("unchecked")
		AsyncResource<?> after(Object raw) {
			return Objects.requireNonNull(this.next.apply((T) RawResource.view(this.first, raw)),
					"the function given to flatMap returned null");
		}

		@Override
		public Mono<Object> acquire() {
			throw new UnsupportedOperationException("not known yet");
		}

		@Override
		public Mono<Void> release(Object value, Exit exit) {
			throw new UnsupportedOperationException("not known yet");
		}

	}

}
