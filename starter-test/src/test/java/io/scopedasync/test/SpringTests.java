package io.scopedasync.test;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.annotation.Lifespan;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.annotation.DirtiesContext.MethodMode;
import org.springframework.test.context.TestPropertySource;
import org.springframework.test.context.junit.jupiter.SpringJUnitConfig;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * {@link NoLeakedScopes} in tests that have an application context.
 */
class SpringTests {

	@Test
	void watchesTheScopesOfTheContextAndSaysWhereTheyWereOpened() {
		Fixture fixture = Fixture.run(LeavesOneOpen.class);
		assertThat(fixture.failure()).contains("LeavesOneOpen.left(")
			.contains("'Orders.load' open for ")
			.contains("holding [orders-limit]")
			.containsPattern("\n +at io\\.scopedasync\\.test\\.SpringTests\\$LeavesOneOpen\\.left\\(")
			.doesNotContain("paranoid");
		assertThat(fixture.succeeded()).isEqualTo(2);
	}

	@NoLeakedScopes(grace = "0ms")
	@SpringBootTest(classes = Application.class)
	@TestPropertySource(properties = "scoped-async.limiters.orders-limit.permits=1")
	static class LeavesOneOpen {

		@Test
		void left(@Autowired Orders orders) {
			Fixture.keep(orders.load(Mono.never()).subscribe());
		}

		@Test
		void ended(@Autowired Orders orders) {
			orders.load(Mono.empty()).block();
		}

		@Nested
		class Inner {

			@Test
			void nothingIsHeldAfterTheTestThatLeftItOpen(@Autowired Limiter limiter) {
				assertThat(limiter).isIdle();
			}

		}

	}

	@Test
	void watchesTheLeaksOfTheContext() {
		assertThat(Fixture.run(Reports.class).failure()).contains("late: 'import', came too late");
	}

	@SpringJUnitConfig(Application.class)
	@TestPropertySource(properties = "scoped-async.limiters.orders-limit.permits=1")
	@NoLeakedScopes(grace = "0ms")
	static class Reports {

		@Test
		void reports(@Autowired Leaks leaks) {
			leaks.report(Leak.of(LeakReason.LATE, "import", "came too late"), "Look.");
		}

		@Test
		@ExpectedLeaks(LeakReason.LATE)
		void expects(@Autowired Leaks leaks) {
			leaks.report(Leak.of(LeakReason.LATE, "export", "came too late"), "Look.");
		}

	}

	@Test
	void aPropertyOfTheApplicationDecidesOfCallSites() {
		assertThat(Fixture.run(Disabled.class).failure()).contains("'import'")
			.contains("set scoped-async.leak-detection.level=paranoid");
	}

	@NoLeakedScopes(grace = "0ms")
	@SpringBootTest(classes = Application.class, properties = { "scoped-async.leak-detection.level=disabled",
			"scoped-async.limiters.orders-limit.permits=1" })
	static class Disabled {

		@Test
		void left(@Autowired AsyncScopes scopes) {
			Fixture.keep(scopes.open("import"));
		}

	}

	@Test
	void aContextThatIsReplacedBeforeTheTestIsWatchedToo() {
		assertThat(Fixture.run(Replaced.class).failure()).contains("'import'");
	}

	@NoLeakedScopes(grace = "0ms")
	@SpringBootTest(classes = Application.class,
			properties = { "scoped-async.shutdown-timeout=0s", "scoped-async.limiters.orders-limit.permits=1" })
	static class Replaced {

		@Test
		@DirtiesContext(methodMode = MethodMode.BEFORE_METHOD)
		void left(@Autowired AsyncScopes scopes) {
			Fixture.keep(scopes.open("import"));
		}

	}

	@Test
	void whatTheApplicationHoldsIsNoLeak() {
		Fixture fixture = Fixture.run(HoldsOne.class);
		assertThat(fixture.succeeded()).isEqualTo(2);
	}

	@NoLeakedScopes(grace = "0ms")
	@SpringBootTest(classes = HoldsOne.Slice.class)
	static class HoldsOne {

		@Test
		void startedBeforeTheTest(@Autowired AsyncScopes scopes, @Autowired AsyncResource<String> broker) {
			assertThat(broker.held().block()).isEqualTo("broker");
			assertThat(scopes).hasNoOpenScopes().holds(broker);
		}

		@Test
		void startedWithinTheTest(@Autowired ConfigurableApplicationContext context,
				@Autowired AsyncResource<String> broker) {
			context.stop();
			context.start();
			assertThat(broker.held().block()).isEqualTo("broker");
		}

		@Configuration(proxyBeanMethods = false)
		@AutoConfigureScopedAsync
		static class Slice {

			@Bean
			@Lifespan
			AsyncResource<String> broker() {
				return AsyncResource.just("broker");
			}

		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@AutoConfigureScopedAsync
	static class Application {

		@Bean
		Orders orders() {
			return new Orders();
		}

	}

	static class Orders {

		@ScopedAsync("orders-limit")
		Mono<Void> load(Mono<Void> body) {
			return body;
		}

	}

}
