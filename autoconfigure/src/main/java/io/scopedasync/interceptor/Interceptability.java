package io.scopedasync.interceptor;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;

import io.scopedasync.annotation.ScopedAsync;

import org.springframework.aop.framework.AopConfigException;
import org.springframework.aop.support.AopUtils;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.ClassUtils;

/**
 * Whether calls of an annotated method pass through the proxy of its bean. One that
 * doesn't would run without its resources, and nobody would notice.
 */
final class Interceptability {

	private final Class<?> proxyClass;

	private final boolean interfacesOnly;

	Interceptability(Object proxy) {
		this.proxyClass = proxy.getClass();
		this.interfacesOnly = Proxy.isProxyClass(this.proxyClass);
	}

	void check(AnnotatedMethod annotated) {
		Method method = annotated.method();
		if (Modifier.isPrivate(method.getModifiers()) || Modifier.isStatic(method.getModifiers())) {
			throw annotated.invalid(
					"is " + (Modifier.isStatic(method.getModifiers()) ? "static" : "private")
							+ ", so no proxy sees its calls",
					"Make it an ordinary method and call it from another bean, or use AsyncScopes inside it.");
		}
		if (this.interfacesOnly) {
			checkInterfaces(annotated);
		}
		else if (Modifier.isFinal(method.getModifiers()) && isMeant(annotated)) {
			throw annotated.invalid("is final, so the proxy of its class can't override it",
					"Remove 'final' (in Kotlin: add 'open', or the kotlin-spring compiler plugin), or use AsyncScopes inside it.");
		}
		else if (isOfAnotherPackage(method, annotated.type()) && isMeant(annotated)) {
			throw annotated.invalid(
					"is package-private in " + method.getDeclaringClass().getName()
							+ ", so a proxy in the package of the bean's class can't override it",
					"Make it protected or public.");
		}
	}

	private static boolean isOfAnotherPackage(Method method, Class<?> type) {
		int visible = Modifier.PUBLIC | Modifier.PROTECTED;
		return (method.getModifiers() & visible) == 0
				&& !method.getDeclaringClass().getPackageName().equals(type.getPackageName());
	}

	static InvalidScopedMethodException noProxy(AnnotatedMethod annotated, Class<?> type, AopConfigException cause) {
		boolean closed = Modifier.isFinal(type.getModifiers()) || type.isSealed();
		String remedy = closed
				? "Make the class neither final nor sealed nor a record (in Kotlin: add 'open', or the "
						+ "kotlin-spring compiler plugin)"
				: "Make the class visible to its proxy (public, if class loaders differ)";
		return annotated.invalid("can't be intercepted, since no proxy can be made of " + type.getName(),
				remedy + "; or declare the method in an interface of the class and set "
						+ "spring.aop.proxy-target-class=false; or use AsyncScopes inside the method.",
				cause);
	}

	private void checkInterfaces(AnnotatedMethod annotated) {
		Method method = annotated.method();
		if (!method.getDeclaringClass().isInterface()) {
			if (annotated.direct() && !isExposed(method, annotated.type())) {
				throw annotated.invalid(
						"is hidden: the bean's proxy has the interfaces of the class only, and none declares the method",
						"Declare it in an interface of the class, or let classes be proxied "
								+ "(spring.aop.proxy-target-class=true, which is Boot's default).");
			}
		}
		else if (!annotated.direct()
				&& AnnotatedMethod.find(method, method.getDeclaringClass(), annotated.beanName()) == null
				&& annotated.type() == method.getDeclaringClass()) {
			// Without a target the proxy knows the declaring interface only, not the one
			// that was annotated.
			throw annotated.invalid("is inherited by the annotated interface, which its proxy can't know",
					"Declare the method again in the annotated interface, or annotate the method or "
							+ method.getDeclaringClass().getSimpleName() + " itself.");
		}
	}

	/**
	 * A final method that came with an unannotated superclass is the business of that
	 * class.
	 */
	private static boolean isMeant(AnnotatedMethod annotated) {
		return annotated.direct()
				|| AnnotatedElementUtils.hasAnnotation(annotated.method().getDeclaringClass(), ScopedAsync.class);
	}

	private boolean isExposed(Method method, Class<?> targetClass) {
		for (Class<?> type : ClassUtils.getAllInterfacesForClassAsSet(this.proxyClass)) {
			for (Method candidate : type.getMethods()) {
				if (candidate.getName().equals(method.getName())
						&& AopUtils.getMostSpecificMethod(candidate, targetClass).equals(method)) {
					return true;
				}
			}
		}
		return false;
	}

}
