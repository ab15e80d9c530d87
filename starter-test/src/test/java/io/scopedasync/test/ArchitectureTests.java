package io.scopedasync.test;

import java.util.List;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.Test;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * What users see of the test starter, and what it sees of the project.
 */
class ArchitectureTests {

	private static final JavaClasses CLASSES = new ClassFileImporter()
		.importUrl(NoLeakedScopes.class.getProtectionDomain().getCodeSource().getLocation());

	@Test
	void usersSeeWhatTheyAreMeantToSee() {
		assertThat(CLASSES.stream()
			.filter((type) -> type.getModifiers().contains(JavaModifier.PUBLIC))
			.map(JavaClass::getSimpleName)).containsExactlyInAnyOrder("Answer", "AsyncScopesAssert",
					"AutoConfigureScopedAsync", "ExpectedLeaks", "FakeUpstream", "LeaksAssert", "LimiterAssert",
					"NoLeakedScopes", "NoLeakedScopesExtension", "Request", "ScopedAsyncAssertions", "ScopedBeanAssert",
					"VirtualScopeClock", "WithVirtualScopeClock");
		classes().that().arePublic().and().areNotAnnotations().should().haveModifier(JavaModifier.FINAL).check(CLASSES);
	}

	@Test
	void knowsNothingOfAutoConfigurations() {
		noClasses().should().dependOnClassesThat().resideInAPackage("io.scopedasync.autoconfigure..").check(CLASSES);
	}

	@Test
	void namesSayWhatThingsAre() {
		for (String name : List.of("Manager", "Helper", "Util", "Impl")) {
			noClasses().should().haveSimpleNameContaining(name).check(CLASSES);
		}
	}

}
