package io.scopedasync.web;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

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
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * What a request is answered whose scope is refused: 503 while the application closes,
 * without a stack trace, and as any other error before.
 */
@ExtendWith(OutputCaptureExtension.class)
class ClosingApplicationTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	private final HttpClient client = HttpClient.newHttpClient();

	@ParameterizedTest
	@CsvSource({ "REACTIVE, /mono", "SERVLET, /mono", "SERVLET, /blocking", "SERVLET, /future" })
	void aScopeThatIsRefusedWhileTheApplicationClosesIsAnsweredWith503(WebApplicationType type, String path,
			CapturedOutput output) throws Exception {
		ConfigurableApplicationContext context = start(type);
		Controller controller = context.getBean(Controller.class);
		CompletableFuture<HttpResponse<String>> answer = send(context, path);
		assertThat(controller.arrived.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		CompletableFuture<Void> closed = CompletableFuture.runAsync(context::close);
		// The server waits for the request, whatever closes the scopes meanwhile.
		await().atMost(LIMIT).until(context::isClosed);
		context.getBean(AsyncScopes.class).close().block(LIMIT);
		controller.goOn.countDown();
		assertThat(answer.get(LIMIT.toSeconds(), TimeUnit.SECONDS).statusCode()).isEqualTo(503);
		closed.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
		assertThat(output.getAll().lines()).noneMatch((line) -> line.contains(" ERROR "));
	}

	@ParameterizedTest
	@CsvSource({ "REACTIVE, /mono", "SERVLET, /mono", "SERVLET, /blocking", "SERVLET, /future" })
	void beforeThatItIsAnErrorAsAnyOther(WebApplicationType type, String path) throws Exception {
		try (ConfigurableApplicationContext context = start(type)) {
			context.getBean(AsyncScopes.class).close().block(LIMIT);
			context.getBean(Controller.class).goOn.countDown();
			assertThat(send(context, path).get(LIMIT.toSeconds(), TimeUnit.SECONDS).statusCode()).isEqualTo(500);
		}
	}

	private static ConfigurableApplicationContext start(WebApplicationType type) {
		return new SpringApplicationBuilder(Beans.class).web(type).run("--server.port=0", "--server.address=127.0.0.1");
	}

	private CompletableFuture<HttpResponse<String>> send(ConfigurableApplicationContext context, String path) {
		String port = context.getEnvironment().getProperty("local.server.port");
		return this.client.sendAsync(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
				HttpResponse.BodyHandlers.ofString());
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = { TomcatReactiveWebServerAutoConfiguration.class,
			TomcatReactiveManagementContextAutoConfiguration.class })
	static class Beans {

		@Bean
		Controller controller(AsyncScopes scopes) {
			return new Controller(scopes);
		}

	}

	@RestController
	static class Controller {

		private final CountDownLatch arrived = new CountDownLatch(1);

		private final CountDownLatch goOn = new CountDownLatch(1);

		private final AsyncScopes scopes;

		Controller(AsyncScopes scopes) {
			this.scopes = scopes;
		}

		private boolean mayGoOn() throws InterruptedException {
			this.arrived.countDown();
			return this.goOn.await(LIMIT.toSeconds(), TimeUnit.SECONDS);
		}

		@GetMapping("/mono")
		Mono<String> mono() {
			return Mono.fromCallable(this::mayGoOn)
				.subscribeOn(Schedulers.boundedElastic())
				.then(this.scopes.with(ScopeSpec.of("page"), (scope) -> Mono.just("ok")));
		}

		@GetMapping("/blocking")
		String blocking() throws Exception {
			mayGoOn();
			return this.scopes.withBlocking(ScopeSpec.of("page"), (scope) -> "ok");
		}

		@GetMapping("/future")
		CompletableFuture<String> future() {
			return mono().toFuture();
		}

	}

}
