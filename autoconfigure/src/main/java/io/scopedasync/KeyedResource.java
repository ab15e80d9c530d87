package io.scopedasync;

import java.time.Duration;
import java.util.function.Function;

/**
 * One definition, one resource per key: a limit per tenant, a lock per account.
 *
 * @param <T> what is acquired
 */
public interface KeyedResource<T> {

	/**
	 * One {@linkplain AsyncResource#shared shared} resource per key, made when the key is
	 * first used and forgotten when it is released.
	 * @param <T> what is acquired
	 * @param name name in metrics, logs and errors
	 * @param idle how long the resource of a key is kept after its last user
	 * @param resources makes the resource of a key; asked on a caller's thread, must not
	 * block
	 * @return the keyed resource
	 * @throws IllegalArgumentException if the duration is negative
	 */
	static <T> KeyedResource<T> shared(String name, Duration idle,
			Function<Object, ? extends AsyncResource<T>> resources) {
		return new KeyedSharing<>(name, idle, resources);
	}

	/**
	 * The resource of a key.
	 * @param key equal keys share one resource while anybody uses it; must not be null
	 * @return the resource, cheap to ask for on each call
	 */
	AsyncResource<T> forKey(Object key);

	/**
	 * The resource of a key, asked for several units at once.
	 * @param key equal keys share one resource while anybody uses it
	 * @param permits 1 to the {@linkplain #total() total}
	 * @return the resource
	 * @throws IllegalArgumentException if that many can never be had
	 */
	default AsyncResource<T> forKey(Object key, int permits) {
		if (permits != 1) {
			throw new IllegalArgumentException(
					"'" + name() + "' is not counted in units, a call asks for " + permits + " permits: ask for 1.");
		}
		return forKey(key);
	}

	/**
	 * How many units each key has.
	 * @return 1 unless it is counted in units
	 */
	default int total() {
		return 1;
	}

	/**
	 * Name of the definition.
	 * @return the name, without the key
	 */
	String name();

}
