package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

/**
 * Several resources acquired at the same time and released at the same time: all of them,
 * or the one that is there first.
 */
final class ParallelResource<R> extends ComposedResource<R> {

	private final List<AsyncResource<?>> parts;

	private final boolean race;

	private final Function<List<Object>, ? extends R> combinator;

	private final Object identity;

	private ParallelResource(List<? extends AsyncResource<?>> parts, boolean race,
			Function<List<Object>, ? extends R> combinator, @Nullable Object identity) {
		super(parts.stream().<List<AsyncResource<?>>>map(List::of).toList());
		this.parts = List.copyOf(parts);
		this.race = race;
		this.combinator = Objects.requireNonNull(combinator, "combinator");
		this.identity = (identity != null) ? identity : this;
	}

	static <R> ParallelResource<R> all(List<? extends AsyncResource<?>> parts,
			Function<List<Object>, ? extends R> combinator) {
		for (int i = 0; i < parts.size(); i++) {
			AsyncResource<?> part = parts.get(i);
			Object identity = WrappedResource.unwrap(part).identity();
			if (part.nesting() == Nesting.REFUSE && parts.subList(0, i)
				.stream()
				.anyMatch((other) -> WrappedResource.unwrap(other).identity() == identity)) {
				throw new IllegalArgumentException("'" + part.name()
						+ "' is asked for twice at the same time and would wait for itself: ask for it once.");
			}
		}
		return new ParallelResource<>(parts, false, combinator, null);
	}

	@SuppressWarnings("unchecked")
	static <R> ParallelResource<R> race(List<? extends AsyncResource<? extends R>> parts) {
		if (parts.isEmpty()) {
			throw new IllegalArgumentException("A race of no resources has no winner: give one or more.");
		}
		return new ParallelResource<>(parts, true, (values) -> (R) values.get(0), null);
	}

	@Override
	public AsyncResource<R> fresh() {
		List<? extends AsyncResource<?>> fresh = this.parts.stream().map(AsyncResource::fresh).toList();
		return new ParallelResource<>(fresh, this.race, this.combinator, this.identity);
	}

	@Override
	boolean isFresh() {
		return !this.parts.isEmpty() && this.parts.stream().allMatch(RawResource::isFresh);
	}

	@Override
	public Object identity() {
		return this.identity;
	}

	@Override
	boolean isRace() {
		return this.race;
	}

	@Override
	Object combine(List<Object> values) {
		return Objects.requireNonNull(this.combinator.apply(values),
				() -> "the combinator given to zipWith returned null for '" + name() + "'");
	}

	@Override
	public String name() {
		return this.parts.stream()
			.map(AsyncResource::name)
			.collect(Collectors.joining(", ", this.race ? "race(" : "all(", ")"));
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
