package io.scopedasync;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * Acquired under the mask of the scope, so plain operators are safe here: no cancel
 * reaches them.
 */
final class ComposedResource<T, R> extends RawResource<R> {

	private final AsyncResource<T> resource;

	private final Function<? super T, ? extends AsyncResource<R>> next;

	private final Object identity;

	ComposedResource(AsyncResource<T> resource, Function<? super T, ? extends AsyncResource<R>> next) {
		this.resource = resource;
		this.next = Objects.requireNonNull(next, "next");
		this.identity = this;
	}

	private ComposedResource(ComposedResource<T, R> fresh) {
		this.resource = fresh.resource.fresh();
		this.next = fresh.next;
		this.identity = fresh.identity;
	}

	@Override
	public Mono<?> acquireRaw() {
		return RawResource.acquire(this.resource)
			.doOnNext(ComposedResource::arrived)
			.flatMap((first) -> Mono.defer(() -> second(first)).onErrorResume((error) -> undo(first, error)));
	}

	@SuppressWarnings("unchecked")
	private Mono<Pair> second(Object first) {
		AsyncResource<R> second = Objects.requireNonNull(this.next.apply((T) RawResource.view(this.resource, first)),
				"the function given to flatMap returned null");
		Function<Context, Context> brought = contextOf(first);
		Mono<?> acquire = RawResource.acquire(second);
		return ((brought != null) ? acquire.contextWrite(brought) : acquire).doOnNext(ComposedResource::arrived)
			.map((raw) -> new Pair(first, second, raw))
			.switchIfEmpty(Mono.error(() -> ScopeExtras.emptyAcquisition(second.name())));
	}

	private static void arrived(Object raw) {
		if (raw instanceof Parts parts) {
			parts.detach();
		}
	}

	private @Nullable Function<Context, Context> contextOf(Object first) {
		return RawResource.context(this.resource, first);
	}

	@Override
	public @Nullable Function<Context, Context> contextRaw(Object raw) {
		Pair pair = (Pair) raw;
		Function<Context, Context> first = contextOf(pair.first());
		Function<Context, Context> second = RawResource.context(pair.resource(), pair.second());
		return (first == null) ? second : (second == null) ? first : first.andThen(second);
	}

	private Mono<Pair> undo(Object first, Throwable error) {
		return Mono.defer(() -> RawResource.exit(this.resource, first, Exit.failed(error)))
			.onErrorResume((suppressed) -> {
				ScopeExtras.suppress(error, suppressed);
				return Mono.empty();
			})
			.then(Mono.error(error));
	}

	@Override
	public Mono<Exit> exitRaw(Object raw, Exit exit) {
		Pair pair = (Pair) raw;
		return Mono.defer(() -> RawResource.exit(pair.resource(), pair.second(), exit))
			.materialize()
			.flatMap((second) -> {
				Throwable error = second.getThrowable();
				Exit then = (error != null) ? ScopeExtras.afterReleaseError(exit, error)
						: second.hasValue() ? Objects.requireNonNull(second.get()) : exit;
				Mono<Exit> first = Mono.defer(() -> RawResource.exit(this.resource, pair.first(), then))
					.defaultIfEmpty(then)
					.onErrorResume((outer) -> both(then, error, outer));
				// After a cancel no exit carries the error on: it goes to those who hear
				// what no caller does.
				return (error != null && then instanceof Exit.Cancelled) ? first.then(Mono.error(error)) : first;
			});
	}

	/** The first release failed, after what the second did or had to say. */
	private static Mono<Exit> both(Exit then, @Nullable Throwable inner, Throwable outer) {
		if (then instanceof Exit.Failed) {
			return Mono.just(ScopeExtras.afterReleaseError(then, outer));
		}
		if (inner == null) {
			return Mono.error(outer);
		}
		ScopeExtras.suppress(inner, outer);
		return Mono.error(inner);
	}

	@Override
	public Mono<Void> abortRaw(Object raw) {
		Pair pair = (Pair) raw;
		return Mono.whenDelayError(Mono.defer(() -> RawResource.abort(pair.resource(), pair.second())),
				Mono.defer(() -> RawResource.abort(this.resource, pair.first())));
	}

	@Override
	public Object view(Object raw) {
		Pair pair = (Pair) raw;
		return RawResource.view(pair.resource(), pair.second());
	}

	@Override
	@Nullable Object find(Object raw, Object identity) {
		Pair pair = (Pair) raw;
		Object found = RawResource.find(pair.resource(), pair.second(), identity);
		return (found != null) ? found : RawResource.find(this.resource, pair.first(), identity);
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

	@Override
	public AsyncResource<R> fresh() {
		return new ComposedResource<>(this);
	}

	@Override
	public Object identity() {
		return this.identity;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.resource.leakThreshold();
	}

	@Override
	public @Nullable Object key() {
		return this.resource.key();
	}

	/** Both values of a composition; the body sees only the second. */
	private record Pair(Object first, AsyncResource<?> resource, Object second) {
	}

}
