package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * Base of the errors that scopes raise themselves. Errors of bodies and resources pass
 * unchanged and are never wrapped in one.
 */
public abstract class ScopedAsyncException extends RuntimeException {

	private static final long serialVersionUID = 1L;

	private final String resource;

	/**
	 * Creates the error without a stack trace: it is raised on whichever thread found
	 * out, which says nothing about the caller.
	 * @param resource name of the resource or scope
	 * @param message says which number was exceeded and what to do next
	 */
	protected ScopedAsyncException(String resource, @Nullable String message) {
		super(message, null, true, false);
		this.resource = resource;
	}

	/**
	 * Name of the resource, or of the scope where no single resource is to blame.
	 * @return the name
	 */
	public String getResource() {
		return this.resource;
	}

}
