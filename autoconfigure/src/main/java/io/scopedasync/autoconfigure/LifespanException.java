package io.scopedasync.autoconfigure;

import org.jspecify.annotations.Nullable;

/**
 * A lifespan that can't be one, or that could not be acquired.
 */
final class LifespanException extends RuntimeException {

	private static final long serialVersionUID = 1L;

	private final String problem;

	private final String remedy;

	/**
	 * Creates the error.
	 * @param problem names the bean; a sentence without its full stop
	 * @param remedy what to do
	 */
	LifespanException(String problem, String remedy, @Nullable Throwable cause) {
		super(problem + ". " + remedy, cause);
		this.problem = problem;
		this.remedy = remedy;
	}

	String getProblem() {
		return this.problem;
	}

	String getRemedy() {
		return this.remedy;
	}

}
