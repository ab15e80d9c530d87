package io.scopedasync.interceptor;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.Case;
import io.scopedasync.TaskGroup;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;

import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * An annotated method starts tasks in the group of its scope, whatever it returns: its
 * caller hears after them, and its resource is released after them.
 */
@Timeout(60)
class MethodTasksTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	@Test
	@Case(138)
	void aMonosCallerHearsAfterItsTasks() {
		joins((methods) -> methods.mono().block(LIMIT));
	}

	@Test
	@Case(138)
	void aFluxsCallerHearsAfterItsTasks() {
		joins((methods) -> methods.flux().blockLast(LIMIT));
	}

	@Test
	@Case(138)
	void aFuturesCallerHearsAfterItsTasks() {
		joins((methods) -> methods.future().orTimeout(30, TimeUnit.SECONDS).join());
	}

	@Test
	@Case(138)
	void aBlockingMethodsCallerHearsAfterItsTasks() {
		joins(Methods::blocking);
	}

	private static void joins(Function<Methods, String> call) {
		new ApplicationContextRunner().withUserConfiguration(ScopedAsyncAutoConfiguration.class, Beans.class)
			.run((context) -> {
				assertThat(call.apply(context.getBean(Methods.class))).isEqualTo("value");
				assertThat(context.getBean(Beans.class).events).containsExactly("body", "task", "release");
			});
	}

	static class Methods {

		private final List<String> events;

		Methods(List<String> events) {
			this.events = events;
		}

		private String startTask(TaskGroup group) {
			this.events.add("body");
			group.start(Mono.delay(Duration.ofMillis(20)).doOnNext((tick) -> this.events.add("task")));
			return "value";
		}

		@ScopedAsync("connection")
		Mono<String> mono() {
			return startOne();
		}

		@ScopedAsync("connection")
		Flux<String> flux() {
			return startOne().flux();
		}

		private Mono<String> startOne() {
			return TaskGroup.current().map(this::startTask);
		}

		@ScopedAsync("connection")
		CompletableFuture<String> future() {
			return startOne().toFuture();
		}

		@ScopedAsync("connection")
		String blocking() {
			return startOne().block(LIMIT);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Beans {

		final List<String> events = new CopyOnWriteArrayList<>();

		@Bean
		Methods methods() {
			return new Methods(this.events);
		}

		@Bean
		AsyncResource<String> connection() {
			return AsyncResource.closing(() -> Mono.just("connection"),
					(value) -> Mono.fromRunnable(() -> this.events.add("release")));
		}

	}

}
