package io.scopedasync.autoconfigure;

import java.util.Arrays;
import java.util.stream.Collectors;

import io.scopedasync.webclient.SessionResource;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.InjectionPoint;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.UnsatisfiedDependencyException;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.analyzer.AbstractInjectionFailureAnalyzer;
import org.springframework.core.Ordered;
import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.Order;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Explains a {@link WebClient} that nobody can inject, where there are sessions: their
 * names are what is missing. Before Boot's own analyzer, which would create the clients
 * of the sessions to describe them, and fail.
 */
@Order(Ordered.HIGHEST_PRECEDENCE)
class MissingClientFailureAnalyzer extends AbstractInjectionFailureAnalyzer<NoSuchBeanDefinitionException> {

	private final BeanFactory beanFactory;

	MissingClientFailureAnalyzer(BeanFactory beanFactory) {
		this.beanFactory = beanFactory;
	}

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, NoSuchBeanDefinitionException cause,
			@Nullable String description) {
		ResolvableType type = cause.getResolvableType();
		if (cause.getNumberOfBeansFound() != 0 || type == null || type.resolve() != WebClient.class
				|| !(this.beanFactory instanceof ListableBeanFactory beans)) {
			return null;
		}
		String[] sessions = beans.getBeanNamesForType(SessionResource.class, true, false);
		if (sessions.length == 0) {
			return null;
		}
		String name = qualifier(rootFailure);
		String problem = ((description != null) ? description : "A component") + " required a WebClient "
				+ ((name != null) ? "with the qualifier '" + name + "', and there is no session of that name."
						: "without saying of which session.");
		String remedy = "Write " + qualifiers(sessions)
				+ ((name != null) ? ", or define the session with scoped-async.sessions." + name + ".base-url" : "")
				+ ". For a client of no session, inject a WebClient.Builder and build one.";
		return new FailureAnalysis(problem, remedy, cause);
	}

	private static String qualifiers(String[] sessions) {
		return Arrays.stream(sessions)
			.sorted()
			.map((session) -> "@Qualifier(\"" + session + "\")")
			.collect(Collectors.joining(" or "));
	}

	/** Of the innermost injection point: those around it asked for other beans. */
	private static @Nullable String qualifier(Throwable failure) {
		String found = null;
		for (Throwable candidate = failure; candidate != null; candidate = candidate.getCause()) {
			if (candidate instanceof UnsatisfiedDependencyException unsatisfied) {
				InjectionPoint point = unsatisfied.getInjectionPoint();
				Qualifier qualifier = (point != null) ? point.getAnnotation(Qualifier.class) : null;
				found = (qualifier != null) ? qualifier.value() : null;
			}
		}
		return found;
	}

}
