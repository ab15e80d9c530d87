package io.scopedasync.micrometer;

import java.util.ArrayList;
import java.util.List;

import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

import io.scopedasync.Exit;

/**
 * What an observation knows of its scope. It does not know the scope itself, which could
 * then not be found lost.
 */
public final class ScopeObservationContext extends Observation.Context {

	private final String scopeName;

	private final List<String> resources = new ArrayList<>(2);

	private volatile long scopeId;

	private volatile @Nullable Exit exit;

	/**
	 * Creates the context.
	 * @param scopeName the scope's name
	 */
	public ScopeObservationContext(String scopeName) {
		this.scopeName = scopeName;
	}

	/**
	 * Name of the scope: of the method or resource it was opened for.
	 * @return the name
	 */
	public String getScopeName() {
		return this.scopeName;
	}

	/**
	 * Number of the scope, as the endpoint and the log show it.
	 * @return the number; 0 before the scope's end, and for a scope that was never listed
	 */
	public long getScopeId() {
		return this.scopeId;
	}

	/**
	 * Names of the resources acquired so far, in order.
	 * @return a copy
	 */
	public List<String> getResources() {
		synchronized (this.resources) {
			return List.copyOf(this.resources);
		}
	}

	/**
	 * How the body ended, as the caller sees it.
	 * @return the exit, null before the scope's end
	 */
	public @Nullable Exit getExit() {
		return this.exit;
	}

	void acquired(String resource) {
		synchronized (this.resources) {
			this.resources.add(resource);
		}
	}

	void closed(long scopeId, Exit exit) {
		this.scopeId = scopeId;
		this.exit = exit;
	}

}
