package io.scopedasync.interceptor;

import java.lang.reflect.Method;

import org.jspecify.annotations.Nullable;

/**
 * A method asks for something with {@code @ScopedAsync} that it can't have. Raised while
 * the application starts, or when a lazy bean is created.
 */
public final class InvalidScopedMethodException extends RuntimeException {

	private static final long serialVersionUID = 1L;

	private final @Nullable String beanName;

	private final transient Method method;

	private final String problem;

	private final String remedy;

	InvalidScopedMethodException(@Nullable String beanName, Method method, String problem, String remedy,
			@Nullable Throwable cause) {
		super(problem + ". " + remedy, cause);
		this.beanName = beanName;
		this.method = method;
		this.problem = problem;
		this.remedy = remedy;
	}

	/**
	 * Name of the bean whose method it is.
	 * @return the name; null where the method was called before its bean was checked
	 */
	public @Nullable String getBeanName() {
		return this.beanName;
	}

	/**
	 * The method.
	 * @return the method as declared
	 */
	public Method getMethod() {
		return this.method;
	}

	/**
	 * What is wrong, naming bean and method.
	 * @return a sentence without its full stop
	 */
	public String getProblem() {
		return this.problem;
	}

	/**
	 * What to write instead.
	 * @return one or more sentences
	 */
	public String getRemedy() {
		return this.remedy;
	}

}
