package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.Arrays;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.export.simple.SimpleMetricsExportAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import io.scopedasync.micrometer.ScopedAsyncMeters;
import io.scopedasync.webclient.SessionResource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncMetricsAutoConfiguration}.
 */
class ScopedAsyncMetricsAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner withoutRegistry = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncMetricsAutoConfiguration.class));

	private final ApplicationContextRunner runner = this.withoutRegistry
		.withConfiguration(AutoConfigurations.of(MetricsAutoConfiguration.class,
				SimpleMetricsExportAutoConfiguration.class, CompositeMeterRegistryAutoConfiguration.class));

	@Test
	void measuresScopesAndTheirResources() {
		this.runner.withUserConfiguration(LimiterConfiguration.class).run((context) -> {
			context.getBean(AsyncScopes.class)
				.use(context.getBean(Limiter.class), (permit) -> Mono.just(permit.permits()))
				.block(LIMIT);
			MeterRegistry registry = context.getBean(MeterRegistry.class);
			assertThat(registry.get("scoped.async.scope")
				.tags("name", "quotes-limit", "exit", "completed")
				.timer()
				.count()).isOne();
			assertThat(registry.get("scoped.async.acquire")
				.tags("name", "quotes-limit", "outcome", "success")
				.timer()
				.count()).isOne();
			assertThat(registry.get("scoped.async.release")
				.tags("name", "quotes-limit", "outcome", "success")
				.timer()
				.count()).isOne();
		});
	}

	@Test
	void everyReasonOfALeakIsThereAtZero() {
		this.runner.run((context) -> {
			MeterRegistry registry = context.getBean(MeterRegistry.class);
			assertThat(LeakReason.values()).allSatisfy((reason) -> assertThat(
					registry.get("scoped.async.leaks").tag("reason", reason.tag()).functionCounter().count())
				.isZero());
			assertThat(registry.get("scoped.async.leaks.recovered").functionCounter().count()).isZero();
			assertThat(registry.get("scoped.async.leaked").gauge().value()).isZero();
		});
	}

	@Test
	void showsTheAgeOfTheOldestScope() {
		this.runner.run((context) -> {
			MeterRegistry registry = context.getBean(MeterRegistry.class);
			assertThat(registry.get("scoped.async.oldest").timeGauge().value()).isZero();
			Scope scope = context.getBean(AsyncScopes.class).open("import");
			assertThat(registry.get("scoped.async.oldest").timeGauge().value()).isPositive();
			scope.close().block(LIMIT);
			assertThat(registry.get("scoped.async.oldest").timeGauge().value()).isZero();
		});
	}

	@Test
	void showsWhatIsInUseOfLimitersAndOfWhateverIsMeasured() {
		this.runner.withUserConfiguration(LimiterConfiguration.class, MeasuredConfiguration.class).run((context) -> {
			MeterRegistry registry = context.getBean(MeterRegistry.class);
			Scope scope = context.getBean(AsyncScopes.class).open("import");
			scope.enter(context.getBean(Limiter.class)).block(LIMIT);
			scope.enter(context.getBean(KeyedLimiter.class).forKey("tenant")).block(LIMIT);
			assertThat(resource(registry, "active", "quotes-limit")).isOne();
			assertThat(resource(registry, "pending", "quotes-limit")).isZero();
			assertThat(resource(registry, "max", "quotes-limit")).isEqualTo(10);
			assertThat(resource(registry, "idle", "quotes-limit")).isEqualTo(9);
			assertThat(resource(registry, "active", "tenant-limit")).isOne();
			assertThat(resource(registry, "max", "tenant-limit")).isEqualTo(3);
			assertThat(resource(registry, "idle", "tenant-limit")).isEqualTo(2);
			assertThat(resource(registry, "max", "connections")).isEqualTo(8);
			scope.close().block(LIMIT);
			assertThat(resource(registry, "active", "quotes-limit")).isZero();
		});
	}

	@Test
	void showsWhatIsInUseOfSessions() {
		this.runner.withUserConfiguration(SessionConfiguration.class).run((context) -> {
			MeterRegistry registry = context.getBean(MeterRegistry.class);
			assertThat(resource(registry, "max", "quotes")).isEqualTo(4);
			assertThat(resource(registry, "active", "quotes")).isZero();
			assertThat(resource(registry, "pending", "quotes")).isZero();
			assertThat(resource(registry, "idle", "quotes")).isZero();
		});
	}

	@Test
	void measuresWithoutWhatSessionsNeed() {
		this.runner.withClassLoader(new FilteredClassLoader("org.springframework.web.reactive"))
			.withUserConfiguration(LimiterConfiguration.class)
			.run((context) -> assertThat(resource(context.getBean(MeterRegistry.class), "max", "quotes-limit"))
				.isEqualTo(10));
	}

	@Test
	void registersNothingThatIsNotDocumented() {
		this.runner.withUserConfiguration(LimiterConfiguration.class).run((context) -> {
			context.getBean(AsyncScopes.class)
				.use(context.getBean(Limiter.class), (permit) -> Mono.just(permit.permits()))
				.block(LIMIT);
			assertThat(
					context.getBean(MeterRegistry.class).getMeters().stream().map(Meter::getId).map(Meter.Id::getName))
				.filteredOn((name) -> name.startsWith("scoped"))
				.isSubsetOf(Arrays.stream(ScopedAsyncMeters.values()).map(ScopedAsyncMeters::getName).toList())
				.hasSizeGreaterThan(ScopedAsyncMeters.values().length);
		});
	}

	@Test
	void backsOffWithoutMicrometer() {
		this.withoutRegistry.withClassLoader(new FilteredClassLoader("io.micrometer"))
			.run((context) -> assertThat(context).hasSingleBean(AsyncScopes.class)
				.doesNotHaveBean(ScopeRecorder.class)
				.doesNotHaveBean(ScopedAsyncMetricsAutoConfiguration.class));
	}

	@Test
	void backsOffWithoutRegistry() {
		this.withoutRegistry.run(
				(context) -> assertThat(context).hasSingleBean(AsyncScopes.class).doesNotHaveBean(ScopeRecorder.class));
	}

	@Test
	void measuresWithoutLeakDetectionConfiguration() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
					ScopedAsyncMetricsAutoConfiguration.class))
			.withBean(SimpleMeterRegistry.class)
			.run((context) -> assertThat(context).hasSingleBean(MicrometerScopeRecorder.class)
				.doesNotHaveBean(LeakMeterBinder.class));
	}

	@Test
	void theUsersRecorderWins() {
		this.runner.withUserConfiguration(RecorderConfiguration.class)
			.run((context) -> assertThat(context).hasSingleBean(ScopeRecorder.class)
				.doesNotHaveBean(MicrometerScopeRecorder.class));
	}

	@Test
	void theConfigurationsItFollowsExist() throws ClassNotFoundException {
		AutoConfiguration annotation = ScopedAsyncMetricsAutoConfiguration.class.getAnnotation(AutoConfiguration.class);
		assertThat(annotation.afterName()).isNotEmpty();
		for (String name : annotation.afterName()) {
			assertThat(Class.forName(name)).hasAnnotation(AutoConfiguration.class);
		}
	}

	private static double resource(MeterRegistry registry, String meter, String name) {
		return registry.get("scoped.async.resource." + meter).tag("name", name).gauge().value();
	}

	@Configuration(proxyBeanMethods = false)
	static class LimiterConfiguration {

		@Bean
		Limiter quotesLimit() {
			return Limiter.builder("quotes-limit").permits(10).build();
		}

		@Bean
		KeyedLimiter tenantLimit() {
			return KeyedLimiter.builder("tenant-limit").permits(3).build();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class MeasuredConfiguration {

		@Bean
		Measured connections() {
			return new Measured() {

				@Override
				public String name() {
					return "connections";
				}

				@Override
				public Usage usage() {
					return new Usage(1, 0, 8, 7);
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class SessionConfiguration {

		@Bean
		SessionResource quotes() {
			return SessionResource.builder("quotes").size(0, 4).build();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class RecorderConfiguration {

		@Bean
		ScopeRecorder recorder() {
			return ScopeRecorder.NOOP;
		}

	}

}
