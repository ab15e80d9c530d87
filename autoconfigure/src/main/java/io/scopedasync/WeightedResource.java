package io.scopedasync;

/**
 * A resource of which a call may ask for more than one unit.
 *
 * @param <T> what is acquired
 */
public interface WeightedResource<T> {

	/**
	 * The same resource asked for several units at once.
	 * @param permits how many, at least 1
	 * @return the resource
	 * @throws IllegalArgumentException if that many can never be had
	 */
	AsyncResource<T> permits(int permits);

	/**
	 * How many units there are in all.
	 * @return the total now
	 */
	int total();

}
