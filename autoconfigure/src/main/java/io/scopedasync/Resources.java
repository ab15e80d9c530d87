package io.scopedasync;

import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;

import reactor.core.Exceptions;
import reactor.core.publisher.Mono;

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

	/**
	 * A resource whose scope keeps more than the body sees: a composition has two values
	 * to release.
	 */
	interface Raw<T> extends AsyncResource<T> {

		/** What the scope keeps until {@link #exitRaw}. */
		Mono<?> acquireRaw();

		Mono<Exit> exitRaw(Object raw, Exit exit);

		/** What the body sees of it. */
		Object view(Object raw);

		static Mono<?> acquire(AsyncResource<?> resource) {
			return (resource instanceof Raw<?> r) ? r.acquireRaw() : resource.acquire();
		}

		@SuppressWarnings("unchecked")
		static Mono<Exit> exit(AsyncResource<?> resource, Object raw, Exit exit) {
			return (resource instanceof Raw<?> r) ? r.exitRaw(raw, exit)
					: ((AsyncResource<Object>) resource).exit(raw, exit);
		}

		static Object view(AsyncResource<?> resource, Object raw) {
			return (resource instanceof Raw<?> r) ? r.view(raw) : raw;
		}

	}

	/** Passes everything on to the resource it wraps. */
	private abstract static class Wrapper<T> implements Raw<T> {

		final AsyncResource<T> resource;

		Wrapper(AsyncResource<T> resource) {
			this.resource = resource;
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
		public Mono<?> acquireRaw() {
			return Raw.acquire(this.resource);
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			return Raw.exit(this.resource, raw, exit);
		}

		@Override
		public Object view(Object raw) {
			return Raw.view(this.resource, raw);
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
		public String name() {
			return this.name;
		}

	}

	static final class Fresh<T> extends Wrapper<T> {

		Fresh(AsyncResource<T> resource) {
			super(resource);
		}

		@Override
		public Nesting nesting() {
			return Nesting.SEPARATE;
		}

	}

	static final class Suppressing<T> extends Wrapper<T> {

		private final Class<?>[] types;

		Suppressing(AsyncResource<T> resource, Class<?>... types) {
			super(resource);
			this.types = types.clone();
			for (Class<?> type : this.types) {
				if (!Throwable.class.isAssignableFrom(type)) {
					throw new IllegalArgumentException("'" + resource.name() + "' can't suppress " + type.getName()
							+ ": give types of Throwable.");
				}
			}
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			return super.exitRaw(raw, exit).defaultIfEmpty(exit).map(this::suppress);
		}

		private Exit suppress(Exit exit) {
			if (!(exit instanceof Exit.Failed failed)) {
				return exit;
			}
			Throwable error = failed.error();
			if (!Exceptions.isMultiple(error)) {
				return matches(error) ? Exit.completed() : exit;
			}
			Throwable[] rest = Exceptions.unwrapMultiple(error)
				.stream()
				.filter((e) -> !matches(e))
				.toArray(Throwable[]::new);
			return (rest.length == 0) ? Exit.completed() : Exit.failed(Exceptions.multiple(rest));
		}

		private boolean matches(Throwable error) {
			for (Class<?> type : this.types) {
				if (type.isInstance(error)) {
					return true;
				}
			}
			return false;
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
			return Mono.defer(() -> super.exitRaw(raw, exit)).onErrorResume((error) -> {
				ScopeExtras.suppress(error, failed.error());
				return Mono.just(Exit.failed(error));
			});
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

	/** Both values of a composition; the body sees only the second. */
	private record Pair(Object first, AsyncResource<?> resource, Object second) {
	}

	/**
	 * Acquired under the mask of the scope, so plain operators are safe here: no cancel
	 * reaches them.
	 */
	static final class Composed<T, R> implements Raw<R> {

		private final AsyncResource<T> resource;

		private final Function<? super T, ? extends AsyncResource<R>> next;

		Composed(AsyncResource<T> resource, Function<? super T, ? extends AsyncResource<R>> next) {
			this.resource = resource;
			this.next = Objects.requireNonNull(next, "next");
		}

		@Override
		public Mono<?> acquireRaw() {
			return Raw.acquire(this.resource)
				.flatMap((first) -> Mono.defer(() -> second(first)).onErrorResume((error) -> undo(first, error)));
		}

		@SuppressWarnings("unchecked")
		private Mono<Pair> second(Object first) {
			AsyncResource<R> second = Objects.requireNonNull(this.next.apply((T) Raw.view(this.resource, first)),
					"the function given to flatMap returned null");
			return Raw.acquire(second)
				.map((raw) -> new Pair(first, second, raw))
				.switchIfEmpty(Mono.error(() -> ScopeExtras.emptyAcquisition(second.name())));
		}

		private Mono<Pair> undo(Object first, Throwable error) {
			return Mono.defer(() -> Raw.exit(this.resource, first, Exit.failed(error))).onErrorResume((suppressed) -> {
				ScopeExtras.suppress(error, suppressed);
				return Mono.empty();
			}).then(Mono.error(error));
		}

		@Override
		public Mono<Exit> exitRaw(Object raw, Exit exit) {
			Pair pair = (Pair) raw;
			return Mono.defer(() -> Raw.exit(pair.resource(), pair.second(), exit)).materialize().flatMap((second) -> {
				Throwable error = second.getThrowable();
				Exit then = (error != null) ? ScopeExtras.afterReleaseError(exit, error)
						: second.hasValue() ? Objects.requireNonNull(second.get()) : exit;
				Mono<Exit> first = Mono.defer(() -> Raw.exit(this.resource, pair.first(), then)).defaultIfEmpty(then);
				// After a cancel no exit carries the error on: it goes to those who hear
				// what no caller does.
				return (error != null && then instanceof Exit.Cancelled) ? first.then(Mono.error(error)) : first;
			});
		}

		@Override
		public Object view(Object raw) {
			Pair pair = (Pair) raw;
			return Raw.view(pair.resource(), pair.second());
		}

		@Override
		public Mono<R> acquire() {
			return Mono.error(() -> byHand());
		}

		@Override
		public Mono<Void> release(R value, Exit exit) {
			return Mono.error(() -> byHand());
		}

		private RuntimeException byHand() {
			return new UnsupportedOperationException("'" + name()
					+ "' is composed of two resources and can't be acquired by hand: use AsyncScopes.use or Scope.enter");
		}

		@Override
		public String name() {
			return this.resource.name();
		}

	}

}
