package io.scopedasync;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

/**
 * A {@link Sharing} per key. It exists while somebody asks for it, waits or uses it, and
 * while it is idle or being released; then the key costs nothing.
 */
final class KeyedSharing<T> implements KeyedResource<T> {

	private final String name;

	private final Duration idle;

	private final Function<Object, ? extends AsyncResource<T>> resources;

	private final ConcurrentHashMap<Object, Slot<T>> slots = new ConcurrentHashMap<>();

	/** What a key has, and who is about to ask for it; counted inside the map's lock. */
	private static final class Slot<T> {

		final Sharing<T> sharing;

		int asking;

		Slot(Sharing<T> sharing) {
			this.sharing = sharing;
		}

		@Nullable Slot<T> orNothing() {
			return (this.asking == 0 && this.sharing.isUnused()) ? null : this;
		}

	}

	KeyedSharing(String name, Duration idle, Function<Object, ? extends AsyncResource<T>> resources) {
		this.name = Objects.requireNonNull(name, "name");
		Sharing.notNegative(name, idle);
		this.idle = idle;
		this.resources = Objects.requireNonNull(resources, "resources");
	}

	@Override
	public AsyncResource<T> forKey(Object key) {
		Objects.requireNonNull(key, () -> "'" + this.name + "' was asked for the resource of a null key.");
		return new SharedResource<>(new OfKey(key), null);
	}

	@Override
	public String name() {
		return this.name;
	}

	/** How many keys there is something of. */
	int size() {
		return this.slots.size();
	}

	private Slot<T> slot(Object key) {
		AsyncResource<T> resource = Objects.requireNonNull(this.resources.apply(key),
				() -> "the function of '" + this.name + "' returned null for a key");
		return new Slot<>(new Sharing<>(this.name, new Resources.OfKey<>(resource, key), this.idle, null, null,
				() -> this.slots.computeIfPresent(key, (k, slot) -> slot.orNothing())));
	}

	/** Stateless, so that it may be kept and used by many scopes. */
	private final class OfKey extends DirectResource<Sharing<T>.Shared> {

		private final Object key;

		OfKey(Object key) {
			super(KeyedSharing.this.name);
			this.key = key;
		}

		@Override
		protected Sharing<T>.@Nullable Shared attempt(Waiter waiter) {
			Slot<T> slot = KeyedSharing.this.slots.compute(this.key, (k, present) -> {
				Slot<T> asked = (present != null) ? present : slot(k);
				asked.asking++;
				return asked;
			});
			try {
				return slot.sharing.attempt(waiter);
			}
			finally {
				KeyedSharing.this.slots.computeIfPresent(this.key, (k, asked) -> {
					asked.asking--;
					return asked.orNothing();
				});
			}
		}

		@Override
		protected boolean withdraw(Waiter waiter) {
			// Still there while somebody waits.
			Slot<T> slot = KeyedSharing.this.slots.get(this.key);
			return slot != null && slot.sharing.withdraw(waiter);
		}

		@Override
		protected void giveBack(Sharing<T>.Shared shared) {
			shared.leaveUnheard();
		}

		/** Who joins a user shares as well. */
		@Override
		boolean isCounted() {
			return false;
		}

		@Override
		public Object key() {
			return this.key;
		}

		/** One and the same for a key as long as anybody holds it. */
		@Override
		public Object identity() {
			Slot<T> slot = KeyedSharing.this.slots.get(this.key);
			return (slot != null) ? slot : this;
		}

	}

}
