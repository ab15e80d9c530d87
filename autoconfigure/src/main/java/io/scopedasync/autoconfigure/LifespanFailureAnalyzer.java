package io.scopedasync.autoconfigure;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Explains a lifespan without which the application does not start.
 */
class LifespanFailureAnalyzer extends AbstractFailureAnalyzer<LifespanException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, LifespanException cause) {
		Throwable reason = cause.getCause();
		return new FailureAnalysis(cause.getProblem() + "."
				+ ((reason != null) ? System.lineSeparator() + System.lineSeparator() + "Cause: " + reason : ""),
				cause.getRemedy(), cause);
	}

}
