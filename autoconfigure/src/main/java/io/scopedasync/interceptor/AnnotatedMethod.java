package io.scopedasync.interceptor;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Collection;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;

import io.scopedasync.annotation.ScopedAsync;

import org.springframework.aop.support.AopUtils;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.MethodIntrospector.MetadataLookup;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;

/**
 * A method that an annotation covers, and who to name when something is wrong with it.
 *
 * @param method the most specific method
 * @param type the class of the bean, or the interface where no class implements it
 * @param annotation what is asked for, meta-annotations merged
 * @param direct whether the annotation is on the method, not on a type
 * @param beanName name of the bean, if known
 */
record AnnotatedMethod(Method method, Class<?> type, ScopedAsync annotation, boolean direct,
		@Nullable String beanName) {

	/**
	 * Looks for the annotation as both pointcut and interceptor must: on the method, on
	 * those it implements or overrides, on the class of the bean, on the type that
	 * declares the method.
	 * @return null if there is none
	 */
	static @Nullable AnnotatedMethod find(Method method, Class<?> targetClass, @Nullable String beanName) {
		Class<?> type = ClassUtils.getUserClass(targetClass);
		Method specific = Proxy.isProxyClass(type) ? method : AopUtils.getMostSpecificMethod(method, type);
		ScopedAsync annotation = AnnotatedElementUtils.findMergedAnnotation(specific, ScopedAsync.class);
		if (annotation == null && specific != method) {
			annotation = AnnotatedElementUtils.findMergedAnnotation(method, ScopedAsync.class);
		}
		boolean direct = annotation != null;
		if (annotation == null && isCoveredByType(specific)) {
			annotation = onType(type, method);
		}
		if (annotation == null) {
			return null;
		}
		Class<?> named = Proxy.isProxyClass(type) ? method.getDeclaringClass() : type;
		return new AnnotatedMethod(specific, named, annotation, direct, beanName);
	}

	static Collection<AnnotatedMethod> all(Class<?> targetClass, @Nullable String beanName) {
		MetadataLookup<AnnotatedMethod> lookup = (method) -> find(method, targetClass, beanName);
		return MethodIntrospector.selectMethods(targetClass, lookup).values();
	}

	/** A proxy has interfaces of its own besides those of the bean. */
	private static @Nullable ScopedAsync onType(Class<?> type, Method method) {
		Class<?>[] candidates = Proxy.isProxyClass(type) ? type.getInterfaces() : new Class<?>[] { type };
		for (Class<?> candidate : candidates) {
			ScopedAsync annotation = method.getDeclaringClass().isAssignableFrom(candidate)
					? AnnotatedElementUtils.findMergedAnnotation(candidate, ScopedAsync.class) : null;
			if (annotation != null) {
				return annotation;
			}
		}
		return AnnotatedElementUtils.findMergedAnnotation(method.getDeclaringClass(), ScopedAsync.class);
	}

	private static boolean isCoveredByType(Method method) {
		return !Modifier.isPrivate(method.getModifiers()) && !Modifier.isStatic(method.getModifiers())
				&& !method.isSynthetic() && !ReflectionUtils.isObjectMethod(method);
	}

	/** Name of the scope. */
	String name() {
		return this.type.getSimpleName() + "." + this.method.getName();
	}

	String signature() {
		return name() + Arrays.stream(this.method.getParameterTypes())
			.map(Class::getSimpleName)
			.collect(Collectors.joining(", ", "(", ")"));
	}

	InvalidScopedMethodException invalid(String problem, String remedy) {
		return invalid(problem, remedy, null);
	}

	InvalidScopedMethodException invalid(String problem, String remedy, @Nullable Throwable cause) {
		String bean = (this.beanName != null) ? " of bean '" + this.beanName + "'" : "";
		return new InvalidScopedMethodException(this.beanName, this.method,
				"@ScopedAsync method " + signature() + bean + " " + problem, remedy, cause);
	}

}
