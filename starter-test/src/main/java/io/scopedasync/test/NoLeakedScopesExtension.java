package io.scopedasync.test;

import java.lang.annotation.Annotation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.BeforeTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.platform.commons.support.AnnotationSupport;
import reactor.core.publisher.Mono;

import io.scopedasync.ScopeClock;
import io.scopedasync.Scope;

import org.springframework.format.datetime.standard.DurationFormatterUtils;

/**
 * The extension behind {@link NoLeakedScopes}, which says what it does. Registered by
 * that annotation, or by JUnit's auto-detection.
 */
public final class NoLeakedScopesExtension
		implements BeforeEachCallback, BeforeTestExecutionCallback, AfterEachCallback {

	/** Name of the JUnit configuration parameter for {@link NoLeakedScopes#grace()}. */
	public static final String GRACE = "scoped-async.test.grace";

	/** How long what is cancelled after a test may take to release. */
	private static final Duration END_LIMIT = Duration.ofSeconds(1);

	private static final Namespace NAMESPACE = Namespace.create(NoLeakedScopesExtension.class);

	/**
	 * For JUnit.
	 */
	public NoLeakedScopesExtension() {
	}

	@Override
	public void beforeEach(ExtensionContext context) {
		Optional<NoLeakedScopes> annotation = nearest(context, NoLeakedScopes.class);
		if (annotation.map(NoLeakedScopes::enabled).orElse(true)) {
			WatchedTest test = new WatchedTest(context.getUniqueId(), name(context), expected(context),
					grace(context, annotation), annotation.isPresent(), new ArrayList<>());
			store(context).put(WatchedTest.class, test);
			Targets.ofContext(context).forEach((target) -> watches(context).enter(target, false, test));
			Targets.ofFields(context).forEach((target) -> watches(context).enter(target, false, test));
		}
	}

	/** Meanwhile fields were set, or a listener of Spring's replaced the context. */
	@Override
	public void beforeTestExecution(ExtensionContext context) {
		WatchedTest test = store(context).get(WatchedTest.class, WatchedTest.class);
		if (test != null) {
			Targets.ofContext(context).forEach((target) -> watches(context).enter(target, false, test));
			Targets.ofFields(context).forEach((target) -> watches(context).enter(target, true, test));
		}
	}

	@Override
	public void afterEach(ExtensionContext context) {
		// Registered twice, it does this once.
		WatchedTest test = store(context).remove(WatchedTest.class, WatchedTest.class);
		if (test == null) {
			return;
		}
		Targets.ofFields(context).forEach((target) -> watches(context).enter(target, true, test));
		if (test.watches().isEmpty()) {
			if (test.annotated() && context.getExecutionException().isEmpty()) {
				throw new AssertionError("@NoLeakedScopes found nothing to watch for " + test.name()
						+ ": take AsyncScopes from the test's application context, keep them in a field of the test, "
						+ "or say enabled = false.");
			}
			return;
		}
		judge(context, test);
	}

	private static void judge(ExtensionContext context, WatchedTest test) {
		Watches watches = watches(context);
		long deadline = System.nanoTime() + ScopeClock.toNanos(test.grace());
		Set<Finding.Expectable> missing = watches.awaitAll(test, deadline);
		List<Finding> unexpected = new ArrayList<>();
		List<Scope> open = new ArrayList<>();
		Set<String> tests = new LinkedHashSet<>();
		for (Watch watch : test.watches()) {
			for (Finding finding : watches.leave(watch, test, deadline)) {
				if (finding.open() != null) {
					open.add(finding.open());
				}
				if (!watch.isExpected(finding)) {
					unexpected.add(finding);
					tests.addAll(watch.names);
				}
			}
		}
		end(open);
		if (!missing.isEmpty() || !unexpected.isEmpty()) {
			throw LeakReport.error(test, tests, missing, unexpected);
		}
	}

	/**
	 * Inner ones first. Errors of a release are logged by the scope, and are not what is
	 * judged here.
	 */
	private static void end(List<Scope> open) {
		List<Mono<Void>> ends = new ArrayList<>();
		for (int i = open.size() - 1; i >= 0; i--) {
			ends.add(open.get(i).cancel("the test that left it open has ended").onErrorComplete());
		}
		Mono.when(ends).timeout(END_LIMIT).onErrorComplete().block();
	}

	/** JUnit calls an invocation of a parameterized method by its arguments alone. */
	private static String name(ExtensionContext context) {
		String method = context.getRequiredTestMethod().getName();
		String display = context.getDisplayName();
		return context.getRequiredTestClass().getSimpleName() + "."
				+ (display.startsWith(method) ? display : method + " " + display);
	}

	private static Set<Finding.Expectable> expected(ExtensionContext context) {
		Set<Finding.Expectable> expected = new LinkedHashSet<>();
		nearest(context, ExpectedLeaks.class).ifPresent((annotation) -> {
			Stream.of(annotation.value()).map(Finding.Expectable::reported).forEach(expected::add);
			Stream.of(annotation.open()).map(Finding.Expectable::open).forEach(expected::add);
		});
		return expected;
	}

	private static Duration grace(ExtensionContext context, Optional<NoLeakedScopes> annotation) {
		return annotation.map(NoLeakedScopes::grace)
			.filter((grace) -> !grace.isEmpty())
			.or(() -> context.getConfigurationParameter(GRACE))
			.map(DurationFormatterUtils::detectAndParse)
			.orElse(Duration.ofSeconds(1));
	}

	private static <A extends Annotation> Optional<A> nearest(ExtensionContext context, Class<A> type) {
		return AnnotationSupport.findAnnotation(context.getElement(), type)
			.or(() -> AnnotationSupport.findAnnotation(context.getRequiredTestClass(), type,
					context.getEnclosingTestClasses()));
	}

	private static Store store(ExtensionContext context) {
		return context.getStore(NAMESPACE);
	}

	private static Watches watches(ExtensionContext context) {
		return context.getRoot().getStore(NAMESPACE).computeIfAbsent(Watches.class);
	}

}
