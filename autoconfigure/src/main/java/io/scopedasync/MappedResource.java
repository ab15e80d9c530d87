package io.scopedasync;

import java.util.Objects;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A resource whose value is seen through a function, which is asked once, as the value
 * arrives. If it fails, that is told where a scope asks for the context: what was
 * acquired is then held and released as if the context had failed.
 */
final class MappedResource<T, R> extends WrappedResource<T, R> {

	private final Function<? super T, ? extends R> mapper;

	private final Object identity;

	MappedResource(AsyncResource<T> resource, Function<? super T, ? extends R> mapper) {
		super(resource);
		this.mapper = Objects.requireNonNull(mapper, "mapper");
		this.identity = this;
	}

	private MappedResource(MappedResource<T, R> fresh) {
		super(fresh.resource.fresh());
		this.mapper = fresh.mapper;
		this.identity = fresh.identity;
	}

	/** Nothing is lost in between: the function neither throws nor takes time. */
	@Override
	Mono<?> acquireRaw() {
		return super.acquireRaw().map(this::keep);
	}

	@Override
	@SuppressWarnings("unchecked")
	Mapped keep(Object raw) {
		try {
			return new Mapped(raw, Objects.requireNonNull(this.mapper.apply((T) RawResource.view(this.resource, raw)),
					"the function given to map returned null"), null);
		}
		catch (Throwable ex) {
			return new Mapped(raw, null, ex);
		}
	}

	private static Object before(Object raw) {
		return ((Mapped) raw).raw();
	}

	@Override
	Mono<Exit> exitRaw(Object raw, Exit exit) {
		return RawResource.exit(this.resource, before(raw), exit);
	}

	@Override
	Mono<Void> abortRaw(Object raw) {
		return RawResource.abort(this.resource, before(raw));
	}

	@Override
	Object view(Object raw) {
		Mapped mapped = (Mapped) raw;
		if (mapped.value() == null) {
			throw Exceptions.propagate(Objects.requireNonNull(mapped.error()));
		}
		return mapped.value();
	}

	@Override
	@Nullable Function<Context, Context> contextRaw(Object raw) {
		view(raw);
		return RawResource.context(this.resource, before(raw));
	}

	@Override
	@Nullable Object find(Object raw, Object identity) {
		return RawResource.find(this.resource, before(raw), identity);
	}

	@Override
	public AsyncResource<R> fresh() {
		return new MappedResource<>(this);
	}

	@Override
	public Object identity() {
		return this.identity;
	}

	/** What was acquired, and what is seen of it or why that can't be seen. */
	record Mapped(Object raw, @Nullable Object value, @Nullable Throwable error) {
	}

}
