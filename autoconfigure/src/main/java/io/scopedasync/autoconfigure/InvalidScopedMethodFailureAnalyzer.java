package io.scopedasync.autoconfigure;

import io.scopedasync.interceptor.InvalidScopedMethodException;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Explains what a {@code @ScopedAsync} method can't have.
 */
class InvalidScopedMethodFailureAnalyzer extends AbstractFailureAnalyzer<InvalidScopedMethodException> {

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, InvalidScopedMethodException cause) {
		return new FailureAnalysis(cause.getProblem() + "." + System.lineSeparator() + System.lineSeparator()
				+ "Method: " + cause.getMethod().toGenericString(), cause.getRemedy(), cause);
	}

}
