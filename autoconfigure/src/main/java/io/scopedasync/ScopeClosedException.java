package io.scopedasync;

/**
 * A scope, or the application's scopes as a whole, can't be used any more: it was closed,
 * or ended by somebody else.
 */
public final class ScopeClosedException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	/**
	 * Creates the error.
	 * @param scope the scope's name
	 * @param message says who ended it
	 */
	public ScopeClosedException(String scope, String message) {
		super(scope, message);
	}

}
