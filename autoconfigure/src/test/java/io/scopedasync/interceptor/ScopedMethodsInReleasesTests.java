package io.scopedasync.interceptor;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.scopedasync.AsyncResource;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.Exit;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * A release that calls scoped methods, after the limit of its caller.
 */
@Timeout(60)
class ScopedMethodsInReleasesTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class))
		.withUserConfiguration(Application.class);

	@Test
	void everythingIsGivenBackAfterALimit() {
		this.runner.run((context) -> {
			Caller caller = context.getBean(Caller.class);
			List<String> returned = context.getBean(Repository.class).returned();
			assertThatThrownBy(() -> caller.mono().block(LIMIT)).isInstanceOf(DeadlineExceededException.class);
			assertThatThrownBy(() -> caller.flux().blockLast(LIMIT)).isInstanceOf(DeadlineExceededException.class);
			assertThat(caller.future()).failsWithin(LIMIT)
				.withThrowableThat()
				.withCauseInstanceOf(DeadlineExceededException.class);
			assertThatThrownBy(caller::blocking).isInstanceOf(DeadlineExceededException.class);
			assertThat(returned).hasSize(4);
			assertThatThrownBy(caller::byCodeThatBlocks).isInstanceOf(DeadlineExceededException.class);
			assertThat(returned).hasSize(5);
		});
	}

	@Configuration(proxyBeanMethods = false)
	static class Application {

		@Bean
		AsyncResource<String> db() {
			return AsyncResource.of(() -> Mono.just("db"), (String value, Exit exit) -> Mono.empty());
		}

		@Bean
		AsyncResource<String> lease(ObjectProvider<Repository> repository) {
			return AsyncResource.of(() -> Mono.just("lease"),
					(String value, Exit exit) -> repository.getObject().giveBack(value));
		}

		@Bean
		AsyncResource<String> blockingLease(ObjectProvider<Repository> repository) {
			return AsyncResource.of(() -> Mono.just("lease"), (String value, Exit exit) -> Mono
				.fromRunnable(() -> repository.getObject().giveBackBlocking(value)));
		}

		@Bean
		Repository repository() {
			return new Repository();
		}

		@Bean
		Caller caller() {
			return new Caller();
		}

	}

	static class Repository {

		private final List<String> returned = new CopyOnWriteArrayList<>();

		/** Not the field, which a proxy does not have. */
		List<String> returned() {
			return this.returned;
		}

		@ScopedAsync("db")
		Mono<Void> giveBack(String lease) {
			return Mono.delay(Duration.ofMillis(5)).doOnNext((tick) -> this.returned.add(lease)).then();
		}

		@ScopedAsync("db")
		boolean giveBackBlocking(String lease) {
			return this.returned.add(lease);
		}

	}

	static class Caller {

		@ScopedAsync(value = "lease", timeout = "50ms")
		Mono<String> mono() {
			return Mono.never();
		}

		@ScopedAsync(value = "lease", timeout = "50ms")
		Flux<String> flux() {
			return Flux.never();
		}

		@ScopedAsync(value = "lease", timeout = "50ms")
		CompletableFuture<String> future() {
			return new CompletableFuture<>();
		}

		@ScopedAsync(value = "lease", timeout = "50ms")
		String blocking() throws InterruptedException {
			new CountDownLatch(1).await(LIMIT.toSeconds(), TimeUnit.SECONDS);
			return "x";
		}

		@ScopedAsync(value = "blockingLease", timeout = "50ms")
		String byCodeThatBlocks() throws InterruptedException {
			new CountDownLatch(1).await(LIMIT.toSeconds(), TimeUnit.SECONDS);
			return "x";
		}

	}

}
