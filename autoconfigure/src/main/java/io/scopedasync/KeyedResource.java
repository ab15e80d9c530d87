package io.scopedasync;

/**
 * One definition, one resource per key: a limit per tenant, a lock per account.
 *
 * @param <T> what is acquired
 */
public interface KeyedResource<T> {

	/**
	 * The resource of a key.
	 * @param key equal keys share one resource while anybody uses it; must not be null
	 * @return the resource, cheap to ask for on each call
	 */
	AsyncResource<T> forKey(Object key);

	/**
	 * Name of the definition.
	 * @return the name, without the key
	 */
	String name();

}
