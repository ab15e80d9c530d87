package io.scopedasync.autoconfigure;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.autoconfigure.registry.HealthContributorRegistryAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.registry.HealthContributorRegistry;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.actuate.ScopesHealthIndicator;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncHealthAutoConfiguration}.
 */
class ScopedAsyncHealthAutoConfigurationTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner().withConfiguration(
			AutoConfigurations.of(ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class,
					ScopedAsyncHealthAutoConfiguration.class, HealthContributorRegistryAutoConfiguration.class));

	@Test
	void isRegisteredAsScopedAsync() {
		this.runner
			.run((context) -> assertThat(context.getBean(HealthContributorRegistry.class).getContributor("scopedAsync"))
				.isInstanceOf(ScopesHealthIndicator.class));
	}

	@ParameterizedTest
	@ValueSource(strings = { "management.health.scoped-async.enabled", "management.health.defaults.enabled",
			"scoped-async.enabled" })
	void canBeSwitchedOff(String property) {
		this.runner.withPropertyValues(property + "=false")
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ScopesHealthIndicator.class));
	}

	@Test
	void backsOffWithoutHealth() {
		this.runner.withClassLoader(new FilteredClassLoader("org.springframework.boot.health"))
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(AsyncScopes.class)
				.doesNotHaveBean(ScopesHealthIndicator.class));
		this.runner.withClassLoader(new FilteredClassLoader(ConditionalOnEnabledHealthIndicator.class))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ScopesHealthIndicator.class));
	}

	@Test
	void leavesTheUsersIndicatorAlone() {
		this.runner.withUserConfiguration(OwnIndicator.class)
			.run((context) -> assertThat(context).hasSingleBean(HealthIndicator.class)
				.doesNotHaveBean(ScopesHealthIndicator.class));
	}

	@Test
	void maxSuspectsIsConfigured() {
		this.runner.withPropertyValues("scoped-async.health.max-suspects=3")
			.run((context) -> assertThat(context.getBean(ScopesHealthProperties.class).getMaxSuspects()).isEqualTo(3));
	}

	@Test
	void fewerThanOneSuspectFailsTheStart() {
		this.runner.withPropertyValues("scoped-async.health.max-suspects=0")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.health.max-suspects is 0"));
	}

	@Configuration(proxyBeanMethods = false)
	static class OwnIndicator {

		@Bean
		HealthIndicator scopedAsyncHealthIndicator() {
			return () -> Health.up().build();
		}

	}

}
