package io.scopedasync.autoconfigure;

import java.time.Duration;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeObserver;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.MicrometerScopeObserver;
import io.scopedasync.micrometer.ScopeObservationConvention;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncObservationAutoConfiguration}.
 */
class ScopedAsyncObservationAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner withoutRegistry = new ApplicationContextRunner().withConfiguration(
			AutoConfigurations.of(ScopedAsyncAutoConfiguration.class, ScopedAsyncObservationAutoConfiguration.class));

	private final ApplicationContextRunner runner = this.withoutRegistry
		.withConfiguration(AutoConfigurations.of(ObservationAutoConfiguration.class));

	private static void run(AsyncScopes scopes) {
		scopes.use(Limiter.builder("limit").build(), Mono::just).block(LIMIT);
	}

	@Test
	void observesScopes() {
		this.withoutRegistry.withBean(TestObservationRegistry.class, TestObservationRegistry::create).run((context) -> {
			run(context.getBean(AsyncScopes.class));
			assertThat(context.getBean(TestObservationRegistry.class)).hasSingleObservationThat()
				.hasNameEqualTo("scoped.async")
				.hasLowCardinalityKeyValue("name", "limit")
				.hasLowCardinalityKeyValue("exit", "completed")
				.hasBeenStarted()
				.hasBeenStopped();
		});
	}

	@Test
	void followsTheRegistryOfBoot() {
		this.runner.run((context) -> assertThat(context).hasSingleBean(MicrometerScopeObserver.class));
	}

	@Test
	void makesNoSecondTimerWhereObservationsAreForMetersOnly() {
		MeterRegistry registry = new SimpleMeterRegistry();
		ApplicationContextRunner meters = this.runner.withBean(MeterRegistry.class, () -> registry)
			.withBean(DefaultMeterObservationHandler.class, () -> new DefaultMeterObservationHandler(registry));
		meters.run((context) -> assertThat(context.getBean(ScopeObserver.class)).isSameAs(ScopeObserver.NONE));
		meters.withPropertyValues("scoped-async.observations.enabled=true").run((context) -> {
			run(context.getBean(AsyncScopes.class));
			assertThat(registry.get("scoped.async").timer().count()).isEqualTo(1);
		});
		meters.withBean("spans", ObservationHandler.class, () -> (observation) -> true)
			.run((context) -> assertThat(context).hasSingleBean(MicrometerScopeObserver.class));
	}

	@Test
	void isSwitchedOffByItsProperty() {
		this.runner.withPropertyValues("scoped-async.observations.enabled=false")
			.run((context) -> assertThat(context.getBean(ScopeObserver.class)).isSameAs(ScopeObserver.NONE));
	}

	@Test
	void theUsersConventionNamesThem() {
		this.withoutRegistry.withBean(TestObservationRegistry.class, TestObservationRegistry::create)
			.withUserConfiguration(ConventionConfiguration.class)
			.run((context) -> {
				run(context.getBean(AsyncScopes.class));
				assertThat(context.getBean(TestObservationRegistry.class)).hasObservationWithNameEqualTo("mine");
			});
	}

	@Test
	void isSwitchedOffWithTheNamesOfObservations() {
		this.runner.withBean(TestObservationRegistry.class, TestObservationRegistry::create)
			.withPropertyValues("management.observations.enable.scoped.async=false")
			.run((context) -> {
				run(context.getBean(AsyncScopes.class));
				assertThat(context.getBean(TestObservationRegistry.class)).doesNotHaveAnyObservation();
			});
	}

	@Test
	void backsOffWithoutMicrometer() {
		this.withoutRegistry.withClassLoader(new FilteredClassLoader("io.micrometer"))
			.run((context) -> assertThat(context).hasSingleBean(AsyncScopes.class)
				.doesNotHaveBean(ScopeObserver.class)
				.doesNotHaveBean(ScopedAsyncObservationAutoConfiguration.class));
	}

	@Test
	void backsOffWithoutRegistry() {
		this.withoutRegistry.run(
				(context) -> assertThat(context).hasSingleBean(AsyncScopes.class).doesNotHaveBean(ScopeObserver.class));
	}

	@Test
	void backsOffWhenSwitchedOff() {
		this.runner.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).hasSingleBean(ObservationRegistry.class)
				.doesNotHaveBean(ScopeObserver.class));
	}

	@Test
	void theUsersObserverWins() {
		this.runner.withBean(ScopeObserver.class, () -> ScopeObserver.NONE)
			.run((context) -> assertThat(context).hasSingleBean(ScopeObserver.class)
				.doesNotHaveBean(MicrometerScopeObserver.class));
	}

	@Test
	void theConfigurationsItFollowsExist() throws ClassNotFoundException {
		AutoConfiguration annotation = ScopedAsyncObservationAutoConfiguration.class
			.getAnnotation(AutoConfiguration.class);
		assertThat(annotation.afterName()).isNotEmpty();
		for (String name : annotation.afterName()) {
			assertThat(Class.forName(name)).hasAnnotation(AutoConfiguration.class);
		}
	}

	@Configuration(proxyBeanMethods = false)
	static class ConventionConfiguration {

		@Bean
		ScopeObservationConvention convention() {
			return new ScopeObservationConvention() {
				@Override
				public String getName() {
					return "mine";
				}
			};
		}

	}

}
