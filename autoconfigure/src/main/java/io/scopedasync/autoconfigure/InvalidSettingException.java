package io.scopedasync.autoconfigure;

/**
 * A property is malformed, or contradicts another one or a bean.
 */
final class InvalidSettingException extends RuntimeException {

	private static final long serialVersionUID = 1L;

	private final String problem;

	private final String remedy;

	/**
	 * Creates the error.
	 * @param problem names property and value; a sentence without its full stop
	 * @param remedy what to write instead
	 */
	InvalidSettingException(String problem, String remedy) {
		super(problem + ". " + remedy);
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
