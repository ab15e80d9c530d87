package io.scopedasync;

import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * What the factories and combinators of {@link AsyncResource} return.
 */
final class Resources {

	private Resources() {
	}

	/**
	 * A release as an exit that changes nothing: a {@code Mono<Void>} has no value to
	 * misread.
	 */
	@SuppressWarnings("unchecked")
	static Mono<Exit> unchanged(Mono<Void> release) {
		return (Mono<Exit>) (Mono<?>) release;
	}

	/** For an error of a release that is not how the scope goes on. */
	private static Consumer<Throwable> undeliveredIn(ContextView context) {
		return (error) -> {
			RunningScope scope = CurrentScope.innermost(context);
			if (scope != null) {
				scope.undelivered(error);
			}
			else {
				// A resource that is released by hand.
				Operators.onErrorDropped(error, Context.of(context));
			}
		};
	}

	static final class Functions<T> implements AsyncResource<T> {

		private final Supplier<? extends Mono<T>> acquire;

		private final BiFunction<? super T, ? super Exit, ? extends Mono<Void>> release;

		Functions(Supplier<? extends Mono<T>> acquire,
				BiFunction<? super T, ? super Exit, ? extends Mono<Void>> release) {
			this.acquire = Objects.requireNonNull(acquire, "acquire");
			this.release = Objects.requireNonNull(release, "release");
		}

		@Override
		public Mono<T> acquire() {
			return this.acquire.get();
		}

		@Override
		public Mono<Void> release(T value, Exit exit) {
			return this.release.apply(value, exit);
		}

		@Override
		public String name() {
			return "resource";
		}

	}

	/** Passes everything on to the resource it wraps. */
	private abstract static class Wrapper<T> extends WrappedResource<T, T> {

		Wrapper(AsyncResource<T> resource) {
			super(resource);
		}

		@Override
		public Mono<T> acquire() {
			return this.resource.acquire();
		}

		@Override
		public Mono<Void> release(T value, Exit exit) {
			return this.resource.release(value, exit);
		}

		@Override
		public Mono<Exit> exit(T value, Exit exit) {
			return exitRaw(value, exit);
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			return RawResource.exit(this.resource, raw, exit);
		}

		@Override
		public Mono<Void> abort(T value) {
			return abortRaw(value);
		}

		@Override
		public Mono<Void> abortRaw(Object raw) {
			return RawResource.abort(this.resource, raw);
		}

		@Override
		public Object view(Object raw) {
			return RawResource.view(this.resource, raw);
		}

		@Override
		@Nullable Object find(Object raw, Object identity) {
			return RawResource.find(this.resource, raw, identity);
		}

		@Override
		public @Nullable Function<Context, Context> context(T value) {
			return contextRaw(value);
		}

		@Override
		public @Nullable Function<Context, Context> contextRaw(Object raw) {
			return RawResource.context(this.resource, raw);
		}

		@Override
		public Object identity() {
			return this.resource.identity();
		}

	}

	static final class Named<T> extends Wrapper<T> {

		private final String name;

		Named(AsyncResource<T> resource, String name) {
			super(resource);
			this.name = Objects.requireNonNull(name, "name");
		}

		@Override
		boolean isRecorded() {
			return true;
		}

		@Override
		public String name() {
			return this.name;
		}

		@Override
		public AsyncResource<T> fresh() {
			return new Named<>(this.resource.fresh(), this.name);
		}

	}

	static final class OfKey<T> extends Wrapper<T> {

		private final Object key;

		OfKey(AsyncResource<T> resource, Object key) {
			super(resource);
			this.key = key;
		}

		@Override
		public Object key() {
			return this.key;
		}

	}

	static final class Fresh<T> extends Wrapper<T> {

		Fresh(AsyncResource<T> resource) {
			super(resource);
		}

		@Override
		public Nesting nesting() {
			return (this.resource.nesting() == Nesting.REFUSE) ? Nesting.REFUSE : Nesting.SEPARATE;
		}

		@Override
		boolean isFresh() {
			return true;
		}

	}

	static final class Suppressing<T> extends Wrapper<T> {

		private final HandledErrors handled;

		Suppressing(AsyncResource<T> resource, Class<?>... types) {
			super(resource);
			this.handled = new HandledErrors(types.clone());
			for (Class<?> type : this.handled.types()) {
				if (!Throwable.class.isAssignableFrom(type)) {
					throw new IllegalArgumentException("'" + resource.name() + "' can't suppress " + type.getName()
							+ ": give types of Throwable.");
				}
			}
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			return super.exitRaw(raw, exit).defaultIfEmpty(exit)
				.transformDeferredContextual(
						(ends, context) -> ends.map((end) -> suppress(end, undeliveredIn(context))));
		}

		@Override
		public AsyncResource<T> fresh() {
			return new Suppressing<>(this.resource.fresh(), this.handled.types());
		}

		private Exit suppress(Exit exit, Consumer<Throwable> undelivered) {
			if (!(exit instanceof Exit.Failed failed)) {
				return exit;
			}
			Throwable left = this.handled.removedFrom(failed.error(), undelivered);
			return (left == failed.error()) ? exit : (left != null) ? Exit.failed(left) : Exit.completed();
		}

	}

	static final class ReleaseErrorFirst<T> extends Wrapper<T> {

		ReleaseErrorFirst(AsyncResource<T> resource) {
			super(resource);
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			if (!(exit instanceof Exit.Failed failed)) {
				return super.exitRaw(raw, exit);
			}
			return Mono.deferContextual((context) -> super.exitRaw(raw, exit).onErrorResume((error) -> {
				if (Errors.contains(failed.error(), error)) {
					// The other way round it would be a circle.
					return Mono.just(exit);
				}
				if (!Errors.attach(error, failed.error())) {
					undeliveredIn(context).accept(failed.error());
				}
				return Mono.just(Exit.failed(error));
			}));
		}

		@Override
		public AsyncResource<T> fresh() {
			return new ReleaseErrorFirst<>(this.resource.fresh());
		}

	}

	/** An exit handler that stands on a stack without an acquisition. */
	record Handler(Function<? super Exit, ? extends Mono<Exit>> handler) implements AsyncResource<Object> {

		@Override
		public Mono<Object> acquire() {
			return Mono.empty();
		}

		@Override
		public Mono<Void> release(Object value, Exit exit) {
			return exit(value, exit).then();
		}

		@Override
		public Mono<Exit> exit(Object value, Exit exit) {
			return this.handler.apply(exit);
		}

		@Override
		public String name() {
			return "exit handler";
		}

	}

}
