package io.scopedasync;

/**
 * Decides of which scopes the call site is kept, which costs microseconds each. Asked
 * once for each scope, on the caller's thread: must be cheap, and neither block nor
 * throw.
 */
@FunctionalInterface
public interface CallSiteSampler {

	/** Keeps none. */
	CallSiteSampler NONE = (scope) -> false;

	/**
	 * Whether to keep the call site of a scope that is being opened.
	 * @param scope the scope's name
	 * @return true to keep it
	 */
	boolean samples(String scope);

}
