package io.scopedasync.interceptor;

import java.lang.reflect.Method;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;

import org.aopalliance.intercept.MethodInterceptor;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.DirectResource;
import io.scopedasync.KeyedResource;
import io.scopedasync.ScopeSpec;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.interceptor.ResourceBeans.Found;
import io.scopedasync.interceptor.ScopedMethod.Entry;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.MethodClassKey;
import org.springframework.format.datetime.standard.DurationFormatterUtils;

/**
 * The advice: turns annotated methods into {@link ScopedMethod}s, each once, and runs
 * them.
 */
final class ScopedMethods implements MethodInterceptor {

	private final ConfigurableListableBeanFactory beanFactory;

	private final ObjectProvider<AsyncScopes> scopes;

	private final ResourceBeans resources;

	private final Map<MethodClassKey, ScopedMethod> methods = new ConcurrentHashMap<>();

	ScopedMethods(ConfigurableListableBeanFactory beanFactory, ObjectProvider<AsyncScopes> scopes) {
		this.beanFactory = beanFactory;
		this.scopes = scopes;
		this.resources = new ResourceBeans(beanFactory);
	}

	@Override
	public @Nullable Object invoke(MethodInvocation invocation) throws Throwable {
		Method method = invocation.getMethod();
		Object target = invocation.getThis();
		Class<?> targetClass = (target != null) ? target.getClass() : method.getDeclaringClass();
		ScopedMethod scoped = this.methods.get(new MethodClassKey(method, targetClass));
		if (scoped == null) {
			scoped = first(method, targetClass);
		}
		return scoped.invoke(invocation);
	}

	/**
	 * Not inside {@code computeIfAbsent}: to look up a bean may create it, and creating
	 * it may call a scoped method.
	 */
	private ScopedMethod first(Method method, Class<?> targetClass) {
		AnnotatedMethod annotated = AnnotatedMethod.find(method, targetClass, null);
		if (annotated == null) {
			throw new IllegalStateException("No @ScopedAsync on " + method + " of " + targetClass);
		}
		ScopedMethod scoped = get(annotated, targetClass);
		this.methods.put(new MethodClassKey(method, targetClass), scoped);
		return scoped;
	}

	/**
	 * Makes the spec of a method, or finds it.
	 * @throws InvalidScopedMethodException if the method asks for what it can't have
	 */
	ScopedMethod get(AnnotatedMethod annotated, Class<?> targetClass) {
		MethodClassKey key = new MethodClassKey(annotated.method(), targetClass);
		ScopedMethod scoped = this.methods.get(key);
		if (scoped == null) {
			ScopedMethod created = create(annotated);
			ScopedMethod earlier = this.methods.putIfAbsent(key, created);
			scoped = (earlier != null) ? earlier : created;
		}
		return scoped;
	}

	private ScopedMethod create(AnnotatedMethod annotated) {
		ScopedAsync annotation = annotated.annotation();
		Front front = Fronts.of(annotated);
		ScopeSpec spec = spec(annotated);
		Set<String> names = names(annotated);
		if (names.isEmpty() && annotation.timeout().isBlank() && annotation.bodyTimeout().isBlank()) {
			throw annotated.invalid("names neither a resource nor a timeout, so its scope would do nothing",
					"Name a resource, as in @ScopedAsync(\"quotes-limit\").");
		}
		if (annotation.permits() < 1) {
			throw annotated.invalid("asks for " + annotation.permits() + " permits", "Ask for 1 at least.");
		}
		List<Found> found = names.stream().map((name) -> this.resources.find(name, annotated)).toList();
		KeyExpression key = key(annotated, names, found);
		List<Entry> entries = new ArrayList<>();
		for (Found resource : found) {
			entries.add(entry(resource, annotated));
		}
		if (annotation.permits() > 1 && found.stream().map(Found::resource).noneMatch(Weight::isCounted)) {
			throw annotated.invalid(
					"asks for " + annotation.permits() + " permits, and " + String.join(", ", names)
							+ " is not counted in units",
					"Remove 'permits', or name a limiter or another WeightedResource.");
		}
		return new ScopedMethod(this.scopes.getObject(), front, spec, key, entries);
	}

	private ScopeSpec spec(AnnotatedMethod annotated) {
		ScopedAsync annotation = annotated.annotation();
		ScopeSpec spec = ScopeSpec.of(annotated.name());
		spec = limited(spec, ScopeSpec::timeout, "timeout", annotation.timeout(), annotated);
		spec = limited(spec, ScopeSpec::acquireTimeout, "acquireTimeout", annotation.acquireTimeout(), annotated);
		spec = limited(spec, ScopeSpec::bodyTimeout, "bodyTimeout", annotation.bodyTimeout(), annotated);
		spec = limited(spec, ScopeSpec::releaseTimeout, "releaseTimeout", annotation.releaseTimeout(), annotated);
		Duration leakThreshold = leakThreshold(annotated);
		return (leakThreshold != null) ? spec.leakThreshold(leakThreshold) : spec;
	}

	private ScopeSpec limited(ScopeSpec spec, BiFunction<ScopeSpec, Duration, ScopeSpec> limit, String attribute,
			String value, AnnotatedMethod annotated) {
		Duration duration = duration(attribute, value, "so each call would fail", annotated);
		return (duration != null) ? limit.apply(spec, duration) : spec;
	}

	private Set<String> names(AnnotatedMethod annotated) {
		Set<String> names = new LinkedHashSet<>();
		for (String value : annotated.annotation().value()) {
			String name = resolve(value, annotated).trim();
			if (name.isEmpty()) {
				throw annotated.invalid("names a resource '" + value + "', which is empty", "Name a bean.");
			}
			if (!names.add(name)) {
				throw annotated.invalid("names the resource '" + name + "' twice, and would wait for itself",
						"Name it once; permits = 2 takes two units of a limiter.");
			}
		}
		return names;
	}

	private String resolve(String value, AnnotatedMethod annotated) {
		String resolved = null;
		Exception cause = null;
		try {
			resolved = this.beanFactory.resolveEmbeddedValue(value);
		}
		catch (IllegalArgumentException ex) {
			cause = ex;
		}
		// Boot's resolver throws, the one of a plain context leaves what it can't
		// resolve.
		if (resolved == null || resolved.contains("${")) {
			throw annotated.invalid("has the placeholder '" + value + "', which can't be resolved",
					"Define the property, or give a default, as in ${name:default}.", cause);
		}
		return resolved;
	}

	private @Nullable Duration leakThreshold(AnnotatedMethod annotated) {
		String text = annotated.annotation().leakThreshold();
		return resolve(text, annotated).trim().equals("never") ? ChronoUnit.FOREVER.getDuration()
				: duration("leakThreshold", text, "so each call would be a suspect", annotated);
	}

	private @Nullable Duration duration(String attribute, String value, String consequence, AnnotatedMethod annotated) {
		String text = resolve(value, annotated).trim();
		if (text.isEmpty()) {
			return null;
		}
		Duration duration;
		try {
			duration = DurationFormatterUtils.detectAndParse(text);
		}
		catch (IllegalArgumentException | ArithmeticException ex) {
			throw annotated.invalid("has the " + attribute + " '" + text + "', which is no duration",
					"Write a number and a unit, such as 500ms, 2s or 1m, or ISO-8601, such as PT2S.", ex);
		}
		if (duration.isZero() || duration.isNegative()) {
			throw annotated.invalid("has the " + attribute + " '" + text + "', " + consequence,
					"Write a duration of more than zero, or remove '" + attribute + "' for no limit.");
		}
		return duration;
	}

	private @Nullable KeyExpression key(AnnotatedMethod annotated, Set<String> names, List<Found> found) {
		String text = annotated.annotation().key();
		boolean keyed = found.stream().map(Found::resource).anyMatch(KeyedResource.class::isInstance);
		if (!keyed && text.isEmpty()) {
			return null;
		}
		String all = String.join(", ", names);
		if (!keyed) {
			String property = ((names.size() == 1) ? all : "<name>") + ".keyed=true";
			throw annotated.invalid(
					"has the key '" + text + "', and " + (names.isEmpty() ? "no resource" : all) + " is not keyed",
					"Remove 'key', or make the limiter or lock a keyed one (scoped-async.limiters." + property
							+ " or scoped-async.locks." + property + ").");
		}
		if (text.isBlank()) {
			throw annotated.invalid("has no key, and among " + all + " is a keyed resource",
					"Say by what it is keyed, as in key = \"#tenant\" or key = \"#p0\".");
		}
		return new KeyExpression(annotated, this.beanFactory);
	}

	private static Entry entry(Found found, AnnotatedMethod annotated) {
		int permits = annotated.annotation().permits();
		boolean fresh = annotated.annotation().fresh();
		int total = Weight.total(found.resource());
		if (permits > Math.max(total, 1)) {
			throw annotated.invalid(
					"asks for " + permits + " permits of '" + found.name() + "', which has " + total + " in all",
					"Ask for " + total + " at most, or raise the permits of '" + found.name() + "'.");
		}
		if (found.resource() instanceof KeyedResource<?> keyed) {
			return (key) -> fresh(keyed.forKey(key, permits), fresh);
		}
		AsyncResource<?> entered = fresh(named(Weight.of((AsyncResource<?>) found.resource(), permits), found), fresh);
		return (key) -> entered;
	}

	/**
	 * A bean is called by its bean name, unless it was given one that it can't be
	 * without.
	 */
	private static AsyncResource<?> named(AsyncResource<?> resource, Found found) {
		boolean named = found.resource() instanceof DirectResource || resource.name().equals(found.name());
		return named ? resource : resource.named(found.name());
	}

	private static AsyncResource<?> fresh(AsyncResource<?> resource, boolean fresh) {
		boolean counted = resource instanceof DirectResource && resource.nesting() == AsyncResource.Nesting.SEPARATE;
		return (fresh && !counted) ? resource.fresh() : resource;
	}

}
