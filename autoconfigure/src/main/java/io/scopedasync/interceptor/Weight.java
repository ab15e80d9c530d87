package io.scopedasync.interceptor;

import io.scopedasync.AsyncResource;
import io.scopedasync.KeyedResource;
import io.scopedasync.WeightedResource;

/**
 * Asks for several units where a resource is counted in units, and for the resource as it
 * is where it is not.
 */
final class Weight {

	private Weight() {
	}

	static boolean isCounted(Object resource) {
		return resource instanceof WeightedResource<?> || resource instanceof KeyedResource<?>;
	}

	/** How many units there are, without bound if there are none to count. */
	static int total(Object resource) {
		if (resource instanceof WeightedResource<?> weighted) {
			return weighted.total();
		}
		return (resource instanceof KeyedResource<?> keyed) ? keyed.total() : Integer.MAX_VALUE;
	}

	static AsyncResource<?> of(AsyncResource<?> resource, int permits) {
		return (permits > 1 && resource instanceof WeightedResource<?> weighted) ? weighted.permits(permits) : resource;
	}

}
