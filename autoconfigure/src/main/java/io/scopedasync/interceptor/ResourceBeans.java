package io.scopedasync.interceptor;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import io.scopedasync.AsyncResource;
import io.scopedasync.KeyedResource;

import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;

/**
 * Finds the beans that annotations name.
 */
final class ResourceBeans {

	private static final int LISTED = 10;

	private final ConfigurableListableBeanFactory beanFactory;

	ResourceBeans(ConfigurableListableBeanFactory beanFactory) {
		this.beanFactory = beanFactory;
	}

	/**
	 * Finds a resource by bean name, else by qualifier.
	 */
	Found find(String name, AnnotatedMethod annotated) {
		String beanName = isResource(name) ? name : qualified(name, annotated);
		if (!this.beanFactory.isSingleton(beanName)) {
			throw annotated.invalid("names the resource '" + name + "', whose bean is not a singleton",
					"Make it one: a resource is shared by all who name it, and makes a new value for each scope anyway.");
		}
		return new Found(beanName, this.beanFactory.getBean(beanName));
	}

	private boolean isResource(String name) {
		return this.beanFactory.containsBean(name) && (this.beanFactory.isTypeMatch(name, AsyncResource.class)
				|| this.beanFactory.isTypeMatch(name, KeyedResource.class));
	}

	private String qualified(String name, AnnotatedMethod annotated) {
		Set<String> known = known();
		List<String> matching = known.stream()
			.filter((beanName) -> BeanFactoryAnnotationUtils.isQualifierMatch(name::equals, beanName, this.beanFactory))
			.toList();
		if (matching.size() == 1) {
			return matching.get(0);
		}
		if (matching.isEmpty()) {
			throw unknown(name, known, annotated);
		}
		throw annotated.invalid("names the resource '" + name + "', which " + matching.size()
				+ " beans have as qualifier: " + String.join(", ", matching),
				"Name the bean, or give each a qualifier of its own.");
	}

	private InvalidScopedMethodException unknown(String name, Set<String> known, AnnotatedMethod annotated) {
		StringBuilder remedy = new StringBuilder();
		List<String> near = near(name, known);
		if (!near.isEmpty()) {
			remedy.append("Did you mean ").append(quoted(near, " or ")).append("? Otherwise define it");
		}
		else if (!known.isEmpty()) {
			remedy.append("There are ")
				.append(quoted(known.stream().sorted().limit(LISTED).toList(), ", "))
				.append((known.size() > LISTED) ? " and " + (known.size() - LISTED) + " more" : "")
				.append(". Use one of these, or define it");
		}
		else {
			remedy.append("No resources are defined at all. Define it");
		}
		remedy.append(": scoped-async.limiters.")
			.append(name)
			.append(".permits=10, scoped-async.locks.")
			.append(name)
			.append(".acquire-timeout=2s, scoped-async.sessions.")
			.append(name)
			.append(".base-url=..., or a bean of that name of type AsyncResource or KeyedResource.");
		String problem = this.beanFactory.containsBean(name)
				? "names the resource '" + name + "', and the bean of that name is a " + typeName(name)
						+ ", neither an AsyncResource nor a KeyedResource"
				: "names the resource '" + name + "', and there is none of that name";
		return annotated.invalid(problem, remedy.toString());
	}

	private String typeName(String name) {
		Class<?> type = this.beanFactory.getType(name);
		return (type != null) ? type.getSimpleName() : "bean of unknown type";
	}

	private static String quoted(List<String> names, String separator) {
		return "'" + String.join("'" + separator + "'", names) + "'";
	}

	private Set<String> known() {
		Set<String> names = new LinkedHashSet<>();
		for (Class<?> type : List.of(AsyncResource.class, KeyedResource.class)) {
			names.addAll(
					List.of(BeanFactoryUtils.beanNamesForTypeIncludingAncestors(this.beanFactory, type, true, true)));
		}
		return names;
	}

	/**
	 * At most three names that a slip of the keyboard away would be this one, nearest
	 * first; those of a read-write lock begin with its own.
	 */
	private static List<String> near(String name, Set<String> known) {
		record Candidate(String name, int distance) {
		}
		List<Candidate> candidates = new ArrayList<>();
		for (String candidate : known) {
			int distance = candidate.startsWith(name + ".") ? 0 : distance(plain(name), plain(candidate));
			if (distance <= Math.max(2, name.length() / 3)) {
				candidates.add(new Candidate(candidate, distance));
			}
		}
		return candidates.stream()
			.sorted(Comparator.comparingInt(Candidate::distance).thenComparing(Candidate::name))
			.limit(3)
			.map(Candidate::name)
			.toList();
	}

	/**
	 * Property binding drops underscores and keeps hyphens, bean names are camel case:
	 * none of that is a difference.
	 */
	private static String plain(String name) {
		return name.toLowerCase(Locale.ROOT).replace("-", "").replace("_", "");
	}

	/** Levenshtein's. */
	private static int distance(String from, String to) {
		int[] row = new int[to.length() + 1];
		for (int j = 0; j <= to.length(); j++) {
			row[j] = j;
		}
		for (int i = 1; i <= from.length(); i++) {
			int diagonal = row[0];
			row[0] = i;
			for (int j = 1; j <= to.length(); j++) {
				int substituted = diagonal + ((from.charAt(i - 1) == to.charAt(j - 1)) ? 0 : 1);
				diagonal = row[j];
				row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
			}
		}
		return row[to.length()];
	}

	/**
	 * A resource that is a bean.
	 *
	 * @param name the bean's name
	 * @param resource an {@link AsyncResource} or a {@link KeyedResource}
	 */
	record Found(String name, Object resource) {

	}

}
