package io.scopedasync;

import java.util.List;

/**
 * Something of which there is only so much, and what it shows of that to meters and
 * pages. A bean of this kind, a limiter for instance, is measured under its name without
 * further configuration.
 */
public interface Measured {

	/**
	 * Name in metrics: the resource's.
	 * @return the name
	 */
	String name();

	/**
	 * What scopes that hold it call it.
	 * @return the name, unless there are several resources to hold it by
	 */
	default List<String> heldAs() {
		return List.of(name());
	}

	/**
	 * What kind of thing it is, for pages.
	 * @return one word in lower case, or some joined by a hyphen
	 */
	default String type() {
		return "resource";
	}

	/**
	 * What is in use. Called on any thread, also often; must neither block nor throw.
	 * @return the numbers now
	 */
	Usage usage();

	/**
	 * What is in use at a moment.
	 *
	 * @param active units held
	 * @param pending callers waiting
	 * @param max units there may be in all
	 * @param idle units that could be had at once: free permits, pooled objects that
	 * nobody holds
	 */
	record Usage(int active, int pending, int max, int idle) {

	}

}
