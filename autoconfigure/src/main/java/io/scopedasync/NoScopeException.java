package io.scopedasync;

/**
 * A resource was asked for what a scope holds of it, outside any scope that holds it.
 */
public final class NoScopeException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	/**
	 * Creates the error.
	 * @param resource the resource's name
	 * @param message says how to get into such a scope
	 */
	public NoScopeException(String resource, String message) {
		super(resource, message);
	}

}
