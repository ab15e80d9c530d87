package io.scopedasync;

/**
 * Is told of what must not happen to scopes and to what they lend: the port behind which
 * leak detection lives. Called when it happens, on any thread, outside locks; must
 * neither block nor throw.
 */
public interface ScopeWatcher {

	/** Is told and does nothing. */
	ScopeWatcher NONE = new ScopeWatcher() {
	};

	/**
	 * A release was given up past the release limit.
	 * @param scope the scope, which goes on
	 * @param resource the resource's name
	 */
	default void releaseStuck(Scope scope, String resource) {
	}

	/**
	 * A resource arrived after its scope had stopped waiting for it, and is being
	 * released.
	 * @param scope the scope
	 * @param resource the resource's name
	 */
	default void late(Scope scope, String resource) {
	}

	/**
	 * The scope around another one ends, and the inner one does not.
	 * @param child the inner one, whose parent still is the outer one
	 */
	default void outlivedParent(Scope child) {
	}

	/**
	 * Something was used after its scope had ended. Whoever used it has an error.
	 * @param scope the scope's name
	 * @param what what was used
	 */
	default void usedAfterClose(String scope, String what) {
	}

	/**
	 * Something was given back twice. Whoever did it has an error.
	 * @param resource the resource's name
	 */
	default void releasedTwice(String resource) {
	}

	/**
	 * Nobody read the body of a response before the end of the scope.
	 * @param resource the session's name
	 * @param request what was asked, without what may be secret
	 */
	default void unreadBody(String resource, String request) {
	}

}
