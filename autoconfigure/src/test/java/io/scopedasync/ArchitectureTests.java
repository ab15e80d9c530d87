package io.scopedasync;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.config.BeanFactoryPostProcessor;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Who lives where, who may see whom, and what users see.
 */
class ArchitectureTests {

	private static final JavaClasses CLASSES = new ClassFileImporter()
		.importUrl(AsyncScopes.class.getProtectionDomain().getCodeSource().getLocation());

	private static final String[] CORE = { "io.scopedasync", "io.scopedasync.limiter", "io.scopedasync.sync",
			"io.scopedasync.task", "io.scopedasync.leak" };

	private static final List<String> SURFACE = List.of("io.scopedasync.AcquireRejectedException",
			"io.scopedasync.AcquireTimeoutException", "io.scopedasync.AsyncResource",
			"io.scopedasync.AsyncResource$Nesting", "io.scopedasync.AsyncScopes",
			"io.scopedasync.AsyncScopes$BlockingBody", "io.scopedasync.AsyncScopes$Builder", "io.scopedasync.CallSite",
			"io.scopedasync.CallSiteSampler", "io.scopedasync.ContextCarrier", "io.scopedasync.ContextCarrier$Restored",
			"io.scopedasync.Deadline", "io.scopedasync.DeadlineExceededException", "io.scopedasync.Deadlock",
			"io.scopedasync.Deadlock$Member", "io.scopedasync.DeadlockException", "io.scopedasync.DirectResource",
			"io.scopedasync.DirectResource$Standing", "io.scopedasync.Exit", "io.scopedasync.Exit$Cancelled",
			"io.scopedasync.Exit$Completed", "io.scopedasync.Exit$Failed", "io.scopedasync.Joiner",
			"io.scopedasync.Joiner$Joining", "io.scopedasync.KeyedResource", "io.scopedasync.LendingResource",
			"io.scopedasync.Measured", "io.scopedasync.Measured$Usage", "io.scopedasync.NoScopeException",
			"io.scopedasync.PerKey", "io.scopedasync.PoolSettings", "io.scopedasync.PooledResource",
			"io.scopedasync.PooledResource$Lent", "io.scopedasync.QueueBuilder", "io.scopedasync.QueuedResource",
			"io.scopedasync.ReleaseTimeoutException", "io.scopedasync.Scope", "io.scopedasync.Scope$State",
			"io.scopedasync.ScopeClock", "io.scopedasync.ScopeClosedException", "io.scopedasync.ScopeObserver",
			"io.scopedasync.ScopeObserver$Observed", "io.scopedasync.ScopeRecorder",
			"io.scopedasync.ScopeRecorder$Outcome", "io.scopedasync.ScopeSpec", "io.scopedasync.ScopeWatcher",
			"io.scopedasync.ScopedAsyncException", "io.scopedasync.SwappableResource", "io.scopedasync.Task",
			"io.scopedasync.TaskGroup", "io.scopedasync.TaskPolicy", "io.scopedasync.WaitQueue",
			"io.scopedasync.Waiter", "io.scopedasync.Waiter$Loan", "io.scopedasync.WeightedResource",
			"io.scopedasync.leak.CallSites", "io.scopedasync.leak.Leak", "io.scopedasync.leak.LeakDetector",
			"io.scopedasync.leak.LeakEvent", "io.scopedasync.leak.LeakListener", "io.scopedasync.leak.LeakReason",
			"io.scopedasync.leak.LeakSite", "io.scopedasync.leak.LeakWatcher", "io.scopedasync.leak.Leaks",
			"io.scopedasync.limiter.KeyedLimiter", "io.scopedasync.limiter.KeyedLimiter$Statistics",
			"io.scopedasync.limiter.Limiter", "io.scopedasync.limiter.Limiter$Statistics",
			"io.scopedasync.limiter.LimiterBuilder", "io.scopedasync.limiter.Permit", "io.scopedasync.sync.Barrier",
			"io.scopedasync.sync.BarrierBrokenException", "io.scopedasync.sync.Condition", "io.scopedasync.sync.Event",
			"io.scopedasync.sync.Hold", "io.scopedasync.sync.KeyedLock", "io.scopedasync.sync.KeyedLock$Statistics",
			"io.scopedasync.sync.Lock", "io.scopedasync.sync.Lock$Statistics", "io.scopedasync.sync.LockBuilder",
			"io.scopedasync.sync.ReadWriteLock", "io.scopedasync.sync.ReadWriteLock$Statistics");

	@Test
	void theCoreSeesNothingOfSpringOrMicrometer() {
		check(classes().that()
			.resideInAnyPackage(CORE)
			.should()
			.onlyDependOnClassesThat()
			.resideInAnyPackage("io.scopedasync", "io.scopedasync.limiter", "io.scopedasync.sync",
					"io.scopedasync.task", "io.scopedasync.leak", "java..", "reactor.core..", "reactor.util..",
					"org.reactivestreams..", "org.jspecify..", "org.slf4j..", "com.github.benmanes.caffeine.."));
	}

	@Test
	void theNounsKnowNobody() {
		check(noClasses().that()
			.resideInAPackage("io.scopedasync")
			.should()
			.dependOnClassesThat()
			.resideInAPackage("io.scopedasync.*.."));
		check(noClasses().that()
			.resideInAPackage("io.scopedasync.annotation")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage("io.scopedasync", "io.scopedasync.interceptor..", "io.scopedasync.autoconfigure.."));
	}

	@Test
	void featuresDoNotKnowEachOther() {
		List<String> features = List.of("webclient", "web", "server", "r2dbc", "redis", "micrometer", "actuate",
				"interceptor");
		for (String feature : features) {
			String[] others = features.stream()
				.filter((other) -> !other.equals(feature))
				.map((other) -> "io.scopedasync." + other + "..")
				.toArray(String[]::new);
			check(noClasses().that()
				.resideInAPackage("io.scopedasync." + feature + "..")
				.should()
				.dependOnClassesThat()
				.resideInAnyPackage(others));
			check(noClasses().that()
				.resideInAPackage("io.scopedasync." + feature + "..")
				.should()
				.dependOnClassesThat()
				.resideInAPackage("io.scopedasync.autoconfigure.."));
		}
	}

	@Test
	void noPackagesDependOnEachOtherInACircle() {
		slices().matching("io.(**)").should().beFreeOfCycles().check(CLASSES);
	}

	@Test
	void usersSeeWhatTheyAreMeantToSee() {
		List<String> visible = CLASSES.stream()
			.filter((type) -> List.of(CORE).contains(type.getPackageName()))
			.filter(ArchitectureTests::isVisible)
			.map(JavaClass::getName)
			.toList();
		assertThat(visible).containsExactlyInAnyOrderElementsOf(SURFACE);
	}

	private static boolean isVisible(JavaClass type) {
		return type.getModifiers().contains(JavaModifier.PUBLIC)
				&& type.getEnclosingClass().map(ArchitectureTests::isVisible).orElse(true) && !type.isAnonymousClass();
	}

	@Test
	void namesSayWhatThingsAre() {
		check(noClasses().should().haveSimpleNameContaining("Manager"));
		check(noClasses().should().haveSimpleNameContaining("Helper"));
		check(noClasses().should().haveSimpleNameContaining("Util"));
		check(noClasses().should().haveSimpleNameEndingWith("Impl"));
	}

	@Test
	void whatUsersExtendIsMeantForIt() {
		check(classes().that()
			.arePublic()
			.and()
			.areNotInterfaces()
			.and()
			.areNotAnnotations()
			.and()
			.areNotNestedClasses()
			.and()
			.doNotHaveModifier(JavaModifier.ABSTRACT)
			.and()
			.haveSimpleNameNotEndingWith("Properties")
			.should()
			.haveModifier(JavaModifier.FINAL));
	}

	@Test
	void autoConfigurationsAreFinalAndShowNothing() throws IOException {
		check(classes().that()
			.areAnnotatedWith(AutoConfiguration.class)
			.should()
			.bePublic()
			.andShould()
			.haveModifier(JavaModifier.FINAL)
			.andShould()
			.haveSimpleNameEndingWith("AutoConfiguration"));
		check(noMethods().that()
			.areDeclaredInClassesThat()
			.areAnnotatedWith(AutoConfiguration.class)
			.should()
			.bePublic());
		check(methods().that().areAnnotatedWith(Bean.class).should().bePackagePrivate());
		check(noMethods().that().areAnnotatedWith(Bean.class).should().beAnnotatedWith(ConditionalOnClass.class));
		List<String> found = CLASSES.stream()
			.filter((type) -> type.isAnnotatedWith(AutoConfiguration.class))
			.map(JavaClass::getName)
			.toList();
		assertThat(listed()).containsExactlyInAnyOrderElementsOf(found);
	}

	private static List<String> listed() throws IOException {
		String name = "META-INF/spring/" + AutoConfiguration.class.getName() + ".imports";
		for (URL imports : Collections.list(AsyncScopes.class.getClassLoader().getResources(name))) {
			try (InputStream stream = imports.openStream()) {
				List<String> ours = new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines()
					.filter((line) -> line.startsWith("io.scopedasync"))
					.toList();
				if (!ours.isEmpty()) {
					return ours;
				}
			}
		}
		return List.of();
	}

	@Test
	void postProcessorsAreMadeWithoutTheirConfiguration() {
		DescribedPredicate<JavaClass> processors = JavaClass.Predicates.assignableTo(BeanPostProcessor.class)
			.or(JavaClass.Predicates.assignableTo(BeanFactoryPostProcessor.class));
		check(methods().that().areAnnotatedWith(Bean.class).and().haveRawReturnType(processors).should().beStatic());
		check(noClasses().that()
			.areAnnotatedWith(Configuration.class)
			.and()
			.areNotAnnotatedWith(AutoConfiguration.class)
			.should()
			.bePublic());
	}

	/** Some packages come later: a rule about them holds of nobody yet. */
	private static void check(ArchRule rule) {
		rule.allowEmptyShould(true).check(CLASSES);
	}

}
