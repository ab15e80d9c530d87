package io.scopedasync.interceptor;

import java.lang.reflect.Method;

import io.scopedasync.annotation.ScopedAsync;

import org.springframework.aop.support.StaticMethodMatcherPointcut;
import org.springframework.core.annotation.AnnotationUtils;

/**
 * Matches what {@link AnnotatedMethod} finds, so that no method is advised that has no
 * spec, and none with a spec is missed.
 */
final class ScopedAsyncPointcut extends StaticMethodMatcherPointcut {

	ScopedAsyncPointcut() {
		setClassFilter((type) -> AnnotationUtils.isCandidateClass(type, ScopedAsync.class));
	}

	@Override
	public boolean matches(Method method, Class<?> targetClass) {
		return AnnotatedMethod.find(method, targetClass, null) != null;
	}

}
