package io.scopedasync;

import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

/**
 * One of a kind per key, which exists while somebody uses it: idle keys cost nothing.
 *
 * @param <R> what there is one of per key
 */
public final class PerKey<R> {

	private final ConcurrentHashMap<Object, Slot<R>> slots = new ConcurrentHashMap<>();

	private final Function<Object, R> create;

	private final Consumer<? super R> idle;

	/** Counted inside the map's per-key lock. */
	private static final class Slot<R> {

		final R value;

		int users;

		Slot(R value) {
			this.value = value;
		}

	}

	/**
	 * Creates it without any key.
	 * @param create makes the one of a key
	 * @param idle told of the one of a key that nobody uses any more
	 */
	public PerKey(Function<Object, R> create, Consumer<? super R> idle) {
		this.create = create;
		this.idle = idle;
	}

	/**
	 * Counts a user of a key.
	 * @param key the key
	 * @return its one, until {@link #leave}
	 */
	public R enter(Object key) {
		return this.slots.compute(key, (k, present) -> {
			Slot<R> used = (present != null) ? present : new Slot<>(this.create.apply(k));
			used.users++;
			return used;
		}).value;
	}

	/**
	 * Counts a user less.
	 * @param key the key, which may be forgotten now
	 */
	public void leave(Object key) {
		this.slots.computeIfPresent(key, (k, slot) -> {
			slot.users--;
			if (slot.users > 0) {
				return slot;
			}
			this.idle.accept(slot.value);
			return null;
		});
	}

	/**
	 * The one of a key.
	 * @param key the key
	 * @return null if nobody uses it
	 */
	public @Nullable R find(Object key) {
		Slot<R> slot = this.slots.get(key);
		return (slot != null) ? slot.value : null;
	}

	/**
	 * Visits those that are in use.
	 * @param action called with each
	 */
	public void forEach(Consumer<? super R> action) {
		this.slots.values().forEach((slot) -> action.accept(slot.value));
	}

}
