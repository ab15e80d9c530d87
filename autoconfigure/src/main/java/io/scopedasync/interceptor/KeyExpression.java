package io.scopedasync.interceptor;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;

import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.context.expression.BeanFactoryResolver;
import org.springframework.context.expression.MethodBasedEvaluationContext;
import org.springframework.core.DefaultParameterNameDiscoverer;
import org.springframework.expression.EvaluationException;
import org.springframework.expression.ParseException;
import org.springframework.expression.spel.SpelNode;
import org.springframework.expression.spel.ast.VariableReference;
import org.springframework.expression.spel.standard.SpelExpression;
import org.springframework.expression.spel.standard.SpelExpressionParser;
import org.springframework.expression.spel.support.StandardEvaluationContext;

/**
 * The key of a method's keyed resources: parsed and checked once, evaluated per call.
 */
final class KeyExpression {

	private static final SpelExpressionParser PARSER = new SpelExpressionParser();

	private final AnnotatedMethod annotated;

	private final String text;

	private final SpelExpression expression;

	/**
	 * Position of the argument that the whole expression is, -1 if it is more than that.
	 */
	private final int argument;

	/**
	 * Keeps the accessors and resolvers, and what these have found out, from call to
	 * call.
	 */
	private final StandardEvaluationContext shared = new StandardEvaluationContext();

	KeyExpression(AnnotatedMethod annotated, BeanFactory beanFactory) {
		this.annotated = annotated;
		this.text = annotated.annotation().key();
		try {
			this.expression = PARSER.parseRaw(this.text);
		}
		catch (ParseException ex) {
			throw annotated.invalid(
					"has the key '" + this.text + "', which is no SpEL expression: " + ex.getSimpleMessage(),
					"Write an expression over the arguments, such as #p0 or #order.tenant; text needs quotes of its own: "
							+ "key = \"'fixed'\".",
					ex);
		}
		List<String> variables = variables(annotated.method());
		requireKnown(this.expression.getAST(), variables);
		this.argument = argument(this.expression.getAST(), variables);
		this.shared.setBeanResolver(new BeanFactoryResolver(beanFactory));
	}

	/**
	 * Evaluates the key of a call.
	 * @throws IllegalArgumentException if it is null
	 * @throws IllegalStateException if it can't be evaluated
	 */
	Object evaluate(MethodInvocation invocation) {
		Object key = (this.argument >= 0) ? invocation.getArguments()[this.argument] : value(invocation);
		if (key == null) {
			throw new IllegalArgumentException(
					"The key '" + this.text + "' of @ScopedAsync method " + this.annotated.signature()
							+ " is null for this call: a keyed resource needs one. Pass a value, or write "
							+ "what stands for none, such as \"" + this.text + " ?: 'none'\".");
		}
		return key;
	}

	private @Nullable Object value(MethodInvocation invocation) {
		MethodBasedEvaluationContext context = new MethodBasedEvaluationContext(
				new Root(invocation, this.annotated.type()), this.annotated.method(), invocation.getArguments(),
				DefaultParameterNameDiscoverer.getSharedInstance());
		this.shared.applyDelegatesTo(context);
		try {
			return this.expression.getValue(context);
		}
		catch (EvaluationException ex) {
			throw new IllegalStateException(
					"The key '" + this.text + "' of @ScopedAsync method " + this.annotated.signature()
							+ " can't be evaluated for this call: " + ex.getSimpleMessage() + ". Nothing was acquired.",
					ex);
		}
	}

	/** Names by position, three for each argument at most. */
	private static List<String> variables(Method method) {
		@Nullable String @Nullable [] names = DefaultParameterNameDiscoverer.getSharedInstance().getParameterNames(method);
		List<String> variables = new ArrayList<>();
		for (int i = 0; i < method.getParameterCount(); i++) {
			variables.add("p" + i);
			variables.add("a" + i);
			String name = (names != null) ? names[i] : null;
			variables.add((name != null) ? name : "p" + i);
		}
		return variables;
	}

	private static int argument(SpelNode node, List<String> variables) {
		return (node instanceof VariableReference) ? Math.floorDiv(variables.indexOf(name(node)), 3) : -1;
	}

	private void requireKnown(SpelNode node, List<String> variables) {
		if (node instanceof VariableReference) {
			String name = name(node);
			if (!name.equals("root") && !name.equals("this") && !variables.contains(name)) {
				throw this.annotated.invalid("has the key '" + this.text + "', and there is no argument #" + name,
						variables.isEmpty()
								? "The method has no arguments: use a bean (@tenants.current()) or fixed text."
								: "There are #" + String.join(", #", variables.stream().distinct().toList())
										+ "; names need code compiled with -parameters.");
			}
		}
		for (int i = 0; i < node.getChildCount(); i++) {
			requireKnown(node.getChild(i), variables);
		}
	}

	private static String name(SpelNode variable) {
		return variable.toStringAST().substring(1);
	}

	/**
	 * What {@code #root} is.
	 */
	static final class Root {

		private final MethodInvocation invocation;

		private final Class<?> targetClass;

		Root(MethodInvocation invocation, Class<?> targetClass) {
			this.invocation = invocation;
			this.targetClass = targetClass;
		}

		public Method getMethod() {
			return this.invocation.getMethod();
		}

		public String getMethodName() {
			return this.invocation.getMethod().getName();
		}

		public @Nullable Object getTarget() {
			return this.invocation.getThis();
		}

		public Class<?> getTargetClass() {
			return this.targetClass;
		}

		public @Nullable Object[] getArgs() {
			return this.invocation.getArguments();
		}

	}

}
