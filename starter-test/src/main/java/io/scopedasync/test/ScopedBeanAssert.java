package io.scopedasync.test;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;

import org.assertj.core.api.AbstractAssert;

import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.interceptor.ScopedAsyncBeanPostProcessor;

import org.springframework.aop.Advisor;
import org.springframework.aop.PointcutAdvisor;
import org.springframework.aop.framework.Advised;
import org.springframework.aop.support.AopUtils;
import org.springframework.util.ReflectionUtils;

/**
 * Assertions of whether calls to a bean run in scopes.
 */
public final class ScopedBeanAssert extends AbstractAssert<ScopedBeanAssert, Object> {

	ScopedBeanAssert(Object actual) {
		super(actual, ScopedBeanAssert.class);
	}

	/**
	 * Every method of a name runs in a scope when it is called on this object. A call
	 * from within the bean ({@code this.load()}) never does.
	 * @param method the method's name
	 * @return this
	 */
	public ScopedBeanAssert isAdvised(String method) {
		isNotNull();
		Class<?> type = AopUtils.getTargetClass(this.actual);
		List<Method> methods = methods(type, method);
		if (methods.isEmpty()) {
			failWithMessage("%s has no method '%s'", type.getName(), method);
		}
		if (!(this.actual instanceof Advised advised)) {
			failWithMessage("Calls to %s.%s run in no scope: this object is not behind a proxy. Take the bean from the "
					+ "application context instead of calling its constructor, annotate the method with @ScopedAsync, "
					+ "look that scoped-async.enabled is not false, and in a sliced test add "
					+ "@AutoConfigureScopedAsync.", type.getSimpleName(), method);
			return this;
		}
		for (Method each : methods) {
			if (Arrays.stream(advised.getAdvisors()).noneMatch((advisor) -> isOurs(advisor, each, type))) {
				failWithMessage("Calls to %s.%s run in no scope: the bean is behind a proxy, but without advice for "
						+ "this method. Annotate the method, its class or its interface with @%s, look that "
						+ "scoped-async.enabled is not false, and in a sliced test add @AutoConfigureScopedAsync.",
						type.getSimpleName(), method, ScopedAsync.class.getSimpleName());
			}
		}
		return this;
	}

	private static List<Method> methods(Class<?> type, String name) {
		return Arrays.stream(ReflectionUtils.getUniqueDeclaredMethods(type, ReflectionUtils.USER_DECLARED_METHODS))
			.filter((method) -> method.getName().equals(name))
			.toList();
	}

	/** The advice itself is not for users to see. */
	private static boolean isOurs(Advisor advisor, Method method, Class<?> type) {
		return advisor instanceof PointcutAdvisor pointcut
				&& advisor.getAdvice().getClass().getPackage() == ScopedAsyncBeanPostProcessor.class.getPackage()
				&& pointcut.getPointcut().getMethodMatcher().matches(method, type);
	}

}
