package io.scopedasync.interceptor;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.KeyedResource;
import io.scopedasync.SwappableResource;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Composed, shared, keyed and swappable resources as beans.
 */
class SharedBeanTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
		.withUserConfiguration(Resources.class)
		.withBean(Service.class);

	@Test
	@Case({ 33, 170, 171 })
	void theyAreNamedByAnnotationsLikeAnyOther() {
		this.runner.run((context) -> {
			Service service = context.getBean(Service.class);
			assertThat(service.load("red").block(LIMIT)).isEqualTo("db of red, a, b, first");
			context.getBean(SwappableResource.class).close();
			List<String> events = context.getBean(Resources.class).events;
			assertThat(events).hasSize(8).contains("release db of red", "release first");
			assertThat(context.getBean(AsyncScopes.class).openScopes()).isEmpty();
		});
	}

	static class Service {

		private final KeyedResource<String> tenantDb;

		private final AsyncResource<List<String>> both;

		private final SwappableResource<String> client;

		Service(KeyedResource<String> tenantDb, @Qualifier("both") AsyncResource<List<String>> both,
				SwappableResource<String> client) {
			this.tenantDb = tenantDb;
			this.both = both;
			this.client = client;
		}

		@ScopedAsync(value = { "tenant-db", "both", "client" }, key = "#tenant")
		Mono<String> load(String tenant) {
			return Mono.zip(this.tenantDb.forKey(tenant).held(), this.both.held(), this.client.held())
				.map((held) -> held.getT1() + ", " + String.join(", ", held.getT2()) + ", " + held.getT3());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Resources {

		final List<String> events = new CopyOnWriteArrayList<>();

		private AsyncResource<String> resource(String name) {
			return AsyncResource.of(() -> Mono.fromCallable(() -> {
				this.events.add("acquire " + name);
				return name;
			}), (value, exit) -> Mono.fromRunnable(() -> this.events.add("release " + name)));
		}

		@Bean("tenant-db")
		KeyedResource<String> tenantDb() {
			return KeyedResource.shared("tenant-db", Duration.ZERO, (tenant) -> resource("db of " + tenant));
		}

		@Bean
		AsyncResource<List<String>> both() {
			return AsyncResource.all(resource("a"), resource("b"));
		}

		@Bean
		SwappableResource<String> client(AsyncScopes scopes) {
			return scopes.swappable(resource("first"));
		}

	}

}
