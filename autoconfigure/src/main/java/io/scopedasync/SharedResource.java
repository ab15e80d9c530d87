package io.scopedasync;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A user's view of a {@link Sharing}: acquiring is waiting for what is shared, releasing
 * is leaving it to the others.
 */
class SharedResource<T> extends WrappedResource<Sharing<T>.Shared, T> {

	private static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();

	private final @Nullable Duration leakThreshold;

	SharedResource(DirectResource<Sharing<T>.Shared> users, @Nullable Duration leakThreshold) {
		super(users);
		this.leakThreshold = leakThreshold;
	}

	static <T> AsyncResource<T> of(AsyncResource<T> resource, Duration idle) {
		return new SharedResource<>(sharing(resource, idle, null, null), resource.leakThreshold());
	}

	static <T> AsyncResource<T> memoized(AsyncResource<T> resource, RunningScope owner) {
		return new SharedResource<>(sharing(resource, FOREVER, owner, null), resource.leakThreshold());
	}

	static <T> SwappableResource<T> swappable(AsyncResource<T> first, DefaultAsyncScopes scopes) {
		return new Swappable<>(sharing(first, FOREVER, null, scopes), first.leakThreshold(), scopes);
	}

	private static <T> Sharing<T> sharing(AsyncResource<T> resource, Duration idle, @Nullable RunningScope owner,
			@Nullable DefaultAsyncScopes scopes) {
		return new Sharing<>(resource.name(), resource, idle, owner, scopes, () -> {
		});
	}

	@Override
	final Mono<Exit> exitRaw(Object raw, Exit exit) {
		return Mono.defer(() -> Resources.unchanged(shared(raw).leave()));
	}

	/** Its own scope closes by force what it holds. */
	@Override
	final Mono<Void> abortRaw(Object raw) {
		return Mono.empty();
	}

	@Override
	final Object view(Object raw) {
		return shared(raw).value();
	}

	@Override
	final @Nullable Function<Context, Context> contextRaw(Object raw) {
		return shared(raw).context();
	}

	@Override
	final @Nullable Object find(Object raw, Object identity) {
		return shared(raw).find(identity);
	}

	@SuppressWarnings("unchecked")
	private Sharing<T>.Shared shared(Object raw) {
		return (Sharing<T>.Shared) raw;
	}

	@Override
	public final @Nullable Duration leakThreshold() {
		return this.leakThreshold;
	}

	@Override
	public final Object identity() {
		return this.resource.identity();
	}

	private static final class Swappable<T> extends SharedResource<T> implements SwappableResource<T> {

		private final Sharing<T> sharing;

		private final DefaultAsyncScopes scopes;

		Swappable(Sharing<T> sharing, @Nullable Duration leakThreshold, DefaultAsyncScopes scopes) {
			super(sharing, leakThreshold);
			this.sharing = sharing;
			this.scopes = scopes;
		}

		@Override
		public Mono<Void> swap(AsyncResource<T> resource) {
			return this.sharing.swap(resource, this.scopes);
		}

		@Override
		public Mono<Void> close() {
			return this.sharing.close();
		}

	}

}
