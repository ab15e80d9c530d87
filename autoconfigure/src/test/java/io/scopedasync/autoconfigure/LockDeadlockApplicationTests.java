package io.scopedasync.autoconfigure;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import com.jayway.jsonpath.JsonPath;
import io.micrometer.core.instrument.MeterRegistry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlockException;
import io.scopedasync.Exit;
import io.scopedasync.annotation.ScopedAsync;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.tomcat.autoconfigure.actuate.web.server.TomcatReactiveManagementContextAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.reactive.TomcatReactiveWebServerAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Annotated methods of a real application that take locks from properties in opposite
 * order.
 */
@Timeout(120)
@ExtendWith(OutputCaptureExtension.class)
class LockDeadlockApplicationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	@Test
	void reactiveCallersAreFoundToldAndEnded(CapturedOutput output) throws Exception {
		try (ConfigurableApplicationContext context = start()) {
			Orders orders = context.getBean(Orders.class);
			CompletableFuture<String> place = orders.place().toFuture();
			CompletableFuture<String> cancel = orders.cancel().toFuture();
			context.getBean(Gate.class).open.tryEmitEmpty();
			oneFails(place, cancel);
			assertThat(output).contains("Leak (deadlock): scope 'Orders.", "holds 'stock' and waits for",
					"held by 'Orders.");
			found(context, "'Orders.");
		}
	}

	@Test
	void blockingCallersOfAKeyedLockAreFoundWithoutTheirKeys(CapturedOutput output) throws Exception {
		try (ConfigurableApplicationContext context = start()) {
			Accounts accounts = context.getBean(Accounts.class);
			CompletableFuture<String> there = blocking(() -> accounts.transfer("s3cret-a", "s3cret-b", accounts));
			CompletableFuture<String> back = blocking(() -> accounts.transfer("s3cret-b", "s3cret-a", accounts));
			oneFails(there, back);
			assertThat(output).contains("Leak (deadlock): scope 'Accounts.deposit'", "'account-lock' (key no. 1)")
				.doesNotContain("s3cret");
			assertThat(found(context, "'account-lock' (key no. 2)")).doesNotContain("s3cret");
		}
	}

	private static ConfigurableApplicationContext start() {
		return new SpringApplicationBuilder(Beans.class).web(WebApplicationType.REACTIVE)
			.run("--server.port=0", "--server.address=127.0.0.1", "--scoped-async.locks.stock.acquire-timeout=1m",
					"--scoped-async.locks.ledger.leak-threshold=5m", "--scoped-async.locks.account-lock.keyed=true",
					"--scoped-async.leak-detection.sweep-interval=100ms",
					"--management.endpoints.web.exposure.include=scopes");
	}

	private static CompletableFuture<String> blocking(Call call) {
		CompletableFuture<String> result = new CompletableFuture<>();
		new Thread(() -> {
			try {
				result.complete(call.run());
			}
			catch (Throwable ex) {
				result.completeExceptionally(ex);
			}
		}).start();
		return result;
	}

	private static void oneFails(CompletableFuture<String> first, CompletableFuture<String> second) throws Exception {
		CompletableFuture.allOf(first, second).exceptionally((ex) -> null).get(30, TimeUnit.SECONDS);
		List<CompletableFuture<String>> failed = List.of(first, second)
			.stream()
			.filter(CompletableFuture::isCompletedExceptionally)
			.toList();
		assertThat(failed).singleElement()
			.satisfies((one) -> assertThat(one).failsWithin(LIMIT)
				.withThrowableOfType(ExecutionException.class)
				.withCauseInstanceOf(DeadlockException.class)
				.withMessageContaining("in the same order"));
		assertThat((first.isCompletedExceptionally() ? second : first).join()).isEqualTo("done");
	}

	/** In the meter and the endpoint. */
	private static String found(ConfigurableApplicationContext context, String words)
			throws IOException, InterruptedException {
		assertThat(context.getBean(AsyncScopes.class).openScopes()).isEmpty();
		assertThat(context.getBean(MeterRegistry.class)
			.get("scoped.async.leaks")
			.tag("reason", "deadlock")
			.functionCounter()
			.count()).isOne();
		String url = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port")
				+ "/actuator/scopes";
		String json = HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(URI.create(url)).timeout(LIMIT).build(), BodyHandlers.ofString())
			.body();
		assertThat(JsonPath.<Integer>read(json, "$.leaks.counts.deadlock")).isOne();
		assertThat(JsonPath.<List<Object>>read(json, "$.leaks.sites[0].latest[0].deadlock")).hasSizeGreaterThan(1);
		assertThat(json).contains(words);
		return json;
	}

	private interface Call {

		String run() throws Exception;

	}

	static class Orders {

		@ScopedAsync({ "stock", "gate", "ledger" })
		Mono<String> place() {
			return Mono.just("done");
		}

		@ScopedAsync({ "ledger", "gate", "stock" })
		Mono<String> cancel() {
			return Mono.just("done");
		}

	}

	/** Opens when both hold their first lock. */
	static class Gate implements AsyncResource<String> {

		final Sinks.Empty<String> open = Sinks.empty();

		@Override
		public Mono<String> acquire() {
			return this.open.asMono().defaultIfEmpty("open");
		}

		@Override
		public Mono<Void> release(String open, Exit exit) {
			return Mono.empty();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = { TomcatReactiveWebServerAutoConfiguration.class,
			TomcatReactiveManagementContextAutoConfiguration.class })
	static class Beans {

		@Bean
		Orders orders() {
			return new Orders();
		}

		@Bean
		Gate gate() {
			return new Gate();
		}

		@Bean
		Accounts accounts() {
			return new Accounts();
		}

	}

	static class Accounts {

		private final CyclicBarrier bothHoldOne = new CyclicBarrier(2);

		@ScopedAsync(value = "account-lock", key = "#from")
		String transfer(String from, String to, Accounts accounts) throws Exception {
			this.bothHoldOne.await(30, TimeUnit.SECONDS);
			return accounts.deposit(to);
		}

		@ScopedAsync(value = "account-lock", key = "#to")
		String deposit(String to) {
			return "done";
		}

	}

}
