package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.core.publisher.Operators;

/**
 * Several resources acquired at the same time and released at the same time: all of them,
 * or the one that is there first.
 */
final class ParallelResource<R> extends RawResource<R> {

	final List<AsyncResource<?>> parts;

	final boolean race;

	private final Function<List<Object>, ? extends R> combinator;

	private ParallelResource(List<? extends AsyncResource<?>> parts, boolean race,
			Function<List<Object>, ? extends R> combinator) {
		this.parts = List.copyOf(parts);
		this.race = race;
		this.combinator = Objects.requireNonNull(combinator, "combinator");
	}

	static <R> ParallelResource<R> all(List<? extends AsyncResource<?>> parts,
			Function<List<Object>, ? extends R> combinator) {
		for (int i = 0; i < parts.size(); i++) {
			AsyncResource<?> part = parts.get(i);
			if (part.nesting() == Nesting.REFUSE
					&& parts.subList(0, i).stream().anyMatch((other) -> other.identity() == part.identity())) {
				throw new IllegalArgumentException("'" + part.name()
						+ "' is asked for twice at the same time and would wait for itself: ask for it once.");
			}
		}
		return new ParallelResource<>(parts, false, combinator);
	}

	@SuppressWarnings("unchecked")
	static <R> ParallelResource<R> race(List<? extends AsyncResource<? extends R>> parts) {
		if (parts.isEmpty()) {
			throw new IllegalArgumentException("A race of no resources has no winner: give one or more.");
		}
		return new ParallelResource<>(parts, true, (values) -> (R) values.get(0));
	}

	R combine(List<Object> values) {
		return Objects.requireNonNull(this.combinator.apply(values),
				() -> "the combinator given to zipWith returned null for '" + name() + "'");
	}

	@Override
	Mono<?> acquireRaw() {
		return new Mono<Parts>() {
			@Override
			public void subscribe(CoreSubscriber<? super Parts> actual) {
				RunningScope around = CurrentScope.innermost(actual.currentContext());
				if (around == null) {
					Operators.error(actual, byHand());
					return;
				}
				Parts parts = new Parts(ParallelResource.this, actual);
				actual.onSubscribe(parts);
				parts.begin(around);
			}
		};
	}

	@Override
	Mono<Exit> exitRaw(Object raw, Exit exit) {
		return ((Parts) raw).exit(exit);
	}

	/** Each part closes by force on its own. */
	@Override
	Mono<Void> abortRaw(Object raw) {
		return Mono.empty();
	}

	@Override
	Object view(Object raw) {
		return ((Parts) raw).value();
	}

	@Override
	@Nullable Function<Context, Context> contextRaw(Object raw) {
		return ((Parts) raw).context();
	}

	@Override
	@Nullable Object find(Object raw, Object identity) {
		return ((Parts) raw).find(identity);
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
				+ "' is composed of several resources and can't be acquired by hand: use AsyncScopes.use or Scope.enter");
	}

	@Override
	public String name() {
		return this.parts.stream()
			.map(AsyncResource::name)
			.collect(Collectors.joining(", ", this.race ? "race(" : "all(", ")"));
	}

	/** A cancel is passed on to the parts, and the scope waits for those that need it. */
	@Override
	public boolean cancellable() {
		return true;
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.parts.stream()
			.map(AsyncResource::leakThreshold)
			.filter(Objects::nonNull)
			.min(Duration::compareTo)
			.orElse(null);
	}

}
