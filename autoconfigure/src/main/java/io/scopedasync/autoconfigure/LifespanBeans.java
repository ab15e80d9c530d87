package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.KeyedResource;
import io.scopedasync.WeightedResource;
import io.scopedasync.annotation.Lifespan;

import org.springframework.aop.scope.ScopedProxyUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.format.datetime.standard.DurationFormatterUtils;

/**
 * Finds the beans that are lifespans, checks them, and sees which needs which.
 */
final class LifespanBeans {

	private static final String PROPERTY = "scoped-async.lifespan.start-timeout";

	private final ConfigurableListableBeanFactory beanFactory;

	private final Duration startTimeout;

	LifespanBeans(ConfigurableListableBeanFactory beanFactory, Duration startTimeout) {
		Durations.requirePositive(PROPERTY, startTimeout);
		this.beanFactory = beanFactory;
		this.startTimeout = startTimeout;
	}

	/**
	 * Creates those that are lazy.
	 * @return in the order of their definition
	 * @throws LifespanException if one can't be a lifespan
	 */
	List<Lifespans.Member> find() {
		Map<String, AsyncResource<?>> resources = new LinkedHashMap<>();
		for (String name : this.beanFactory.getBeanNamesForAnnotation(Lifespan.class)) {
			resources.put(name, resource(name));
		}
		List<Lifespans.Member> members = new ArrayList<>();
		resources.forEach((name, resource) -> members
			.add(new Lifespans.Member(name, resource.name().equals(name) ? resource : resource.named(name),
					timeout(name), needed(name, resources.keySet()))));
		refuseCycles(members);
		return members;
	}

	private AsyncResource<?> resource(String name) {
		if (!this.beanFactory.isSingleton(name) || ScopedProxyUtils.isScopedTarget(name)) {
			throw invalid(name, "is not a singleton", "Make it one: the application has one lifespan.", null);
		}
		Object bean = this.beanFactory.getBean(name);
		if (bean instanceof KeyedResource) {
			throw invalid(name, "is a KeyedResource, that is many resources",
					"Make a bean of the one that is meant, of type AsyncResource: resource.forKey(...).", null);
		}
		if (!(bean instanceof AsyncResource<?> resource)) {
			throw invalid(name, "is a " + bean.getClass().getName() + ", which is no AsyncResource",
					"Implement AsyncResource, or make a bean with AsyncResource.of(...) or AsyncResource.closing(...).",
					null);
		}
		if (bean instanceof WeightedResource) {
			throw invalid(name, "is counted in units, of which the application would keep one for ever",
					"Remove @Lifespan: each call takes its own units.", null);
		}
		return resource;
	}

	private Duration timeout(String name) {
		Lifespan lifespan = this.beanFactory.findAnnotationOnBean(name, Lifespan.class);
		String value = (lifespan != null) ? lifespan.startTimeout() : "";
		String text = resolve(name, value);
		if (text.isEmpty()) {
			return this.startTimeout;
		}
		Duration timeout;
		try {
			timeout = DurationFormatterUtils.detectAndParse(text);
		}
		catch (IllegalArgumentException | ArithmeticException ex) {
			throw invalid(name, "has the startTimeout '" + text + "', which is no duration",
					"Write a number and a unit, such as 500ms, 2s or 1m, or ISO-8601, such as PT2S.", ex);
		}
		if (timeout.isZero() || timeout.isNegative()) {
			throw invalid(name, "has the startTimeout '" + text + "', within which nothing can be acquired",
					"Write a duration of more than zero, or remove it for " + PROPERTY + ".", null);
		}
		return timeout;
	}

	private String resolve(String name, String value) {
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
			throw invalid(name, "has the startTimeout '" + value + "', a placeholder that can't be resolved",
					"Define the property, or give a default, as in ${name:30s}.", cause);
		}
		return resolved.trim();
	}

	/** Those that it needs, directly or through beans that are none. */
	private Set<String> needed(String name, Set<String> lifespans) {
		Set<String> needed = new LinkedHashSet<>();
		Set<String> seen = new HashSet<>(Set.of(name));
		Deque<String> next = new ArrayDeque<>(Set.of(name));
		while (!next.isEmpty()) {
			for (String dependency : this.beanFactory.getDependenciesForBean(next.remove())) {
				if (!seen.add(dependency)) {
					continue;
				}
				if (lifespans.contains(dependency)) {
					needed.add(dependency);
				}
				else {
					next.add(dependency);
				}
			}
		}
		return needed;
	}

	/** Beans that are injected into each other by their setters may need each other. */
	private static void refuseCycles(List<Lifespans.Member> members) {
		List<Lifespans.Member> left = new ArrayList<>(members);
		Set<String> startable = new HashSet<>();
		while (left.removeIf((member) -> startable.containsAll(member.needs()) && startable.add(member.name()))) {
			continue;
		}
		if (!left.isEmpty()) {
			String names = String.join("', '", left.stream().map(Lifespans.Member::name).toList());
			throw new LifespanException("The lifespans '" + names + "' need each other, so that none can be the first",
					"Remove one of the injections, or look up what is needed later through an ObjectProvider.", null);
		}
	}

	private LifespanException invalid(String name, String problem, String remedy, @Nullable Throwable cause) {
		String bean = ScopedProxyUtils.isScopedTarget(name) ? name.substring(name.indexOf('.') + 1) : name;
		return new LifespanException("@Lifespan on bean '" + bean + "': it " + problem, remedy, cause);
	}

}
