package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakListener;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.leak.LeakDetector;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncLeakDetectionAutoConfiguration}.
 */
class ScopedAsyncLeakDetectionAutoConfigurationTests {

	/** Time stands still while a context closes, so each test ends what it opened. */
	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class));

	@Test
	void findsOverdueScopesWithoutConfiguration() {
		this.runner.withUserConfiguration(TimeConfiguration.class).run((context) -> {
			Scope scope = context.getBean(AsyncScopes.class).open("import");
			VirtualTimeScheduler time = context.getBean(VirtualTimeScheduler.class);
			time.advanceTimeBy(Duration.ofSeconds(59));
			assertThat(context.getBean(Leaks.class).count(LeakReason.OVERDUE)).isZero();
			time.advanceTimeBy(Duration.ofSeconds(6));
			assertThat(context.getBean(Leaks.class).count(LeakReason.OVERDUE)).isOne();
			assertThat(context.getBean(TimeConfiguration.class).found).extracting(Leak::scope)
				.containsExactly("import");
			scope.close().block(LIMIT);
		});
	}

	@Test
	void thresholdAndSweepIntervalAreConfigured() {
		this.runner.withUserConfiguration(TimeConfiguration.class)
			.withPropertyValues("scoped-async.leak-detection.threshold=2s",
					"scoped-async.leak-detection.sweep-interval=500ms")
			.run((context) -> {
				Scope scope = context.getBean(AsyncScopes.class).open("import");
				context.getBean(VirtualTimeScheduler.class).advanceTimeBy(Duration.ofMillis(2500));
				assertThat(context.getBean(Leaks.class).count(LeakReason.OVERDUE)).isOne();
				scope.close().block(LIMIT);
			});
	}

	@Test
	void detectsUnderLazyInitializationToo() {
		this.runner.withUserConfiguration(TimeConfiguration.class)
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.run((context) -> {
				Scope scope = context.getBean(AsyncScopes.class).open("import");
				context.getBean(VirtualTimeScheduler.class).advanceTimeBy(Duration.ofSeconds(65));
				assertThat(context.getBean(Leaks.class).count(LeakReason.OVERDUE)).isOne();
				scope.close().block(LIMIT);
			});
	}

	@Test
	void looksForNothingWhenDisabled() {
		this.runner.withPropertyValues("scoped-async.leak-detection.level=disabled")
			.run((context) -> assertThat(context).hasSingleBean(Leaks.class).doesNotHaveBean(LeakDetector.class));
	}

	@Test
	void backsOffWithoutScopes() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncLeakDetectionAutoConfiguration.class))
			.run((context) -> assertThat(context).doesNotHaveBean(Leaks.class).doesNotHaveBean(LeakDetector.class));
	}

	@ParameterizedTest
	@ValueSource(strings = { "threshold", "sweep-interval" })
	void aDurationOfZeroFailsTheStart(String property) {
		this.runner.withPropertyValues("scoped-async.leak-detection." + property + "=0s")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.leak-detection." + property + " is 0 ms"));
	}

	@Configuration(proxyBeanMethods = false)
	static class TimeConfiguration {

		final List<Leak> found = new ArrayList<>();

		@Bean
		VirtualTimeScheduler time() {
			return VirtualTimeScheduler.create();
		}

		@Bean
		ScopeClock clock(VirtualTimeScheduler time) {
			return ScopeClock.of(time);
		}

		@Bean
		LeakListener listener() {
			return this.found::add;
		}

	}

}
