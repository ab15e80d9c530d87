package io.scopedasync.autoconfigure;

import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.annotation.Lifespan;
import io.scopedasync.server.Server;
import io.scopedasync.server.ServerResource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

/**
 * A server that the application holds while it runs, with a pool and another lifespan
 * that its requests use: all four lifecycles together.
 */
@Timeout(60)
class LifespanServerTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final List<String> EVENTS = new CopyOnWriteArrayList<>();

	private static final Sinks.Empty<Void> ANSWER = Sinks.empty();

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class,
				ScopedAsyncLifespanAutoConfiguration.class))
		.withUserConfiguration(App.class);

	@AfterEach
	void forget() {
		EVENTS.clear();
	}

	@Test
	void aRequestUnderWayFinishesBeforeWhatItUsesEnds() {
		this.runner.run((context) -> {
			assertThat(EVENTS).containsExactly("made 1", "opened registry");
			int port = server(context.getSourceApplicationContext()).port();
			assertThat(get(port, "/name").block(LIMIT)).isEqualTo("web request in null: object 1, registry");
			CompletableFuture<String> late = get(port, "/late").toFuture();
			await().atMost(LIMIT).until(() -> EVENTS.contains("late begins"));
			CompletableFuture<Void> closed = CompletableFuture.runAsync(context.getSourceApplicationContext()::close);
			await().atMost(LIMIT)
				.untilAsserted(() -> assertThatExceptionOfType(ConnectException.class)
					.isThrownBy(() -> new Socket(InetAddress.getLoopbackAddress(), port).close()));
			ANSWER.tryEmitEmpty();
			assertThat(late.get(30, TimeUnit.SECONDS)).isEqualTo("web request in null: object 1, registry");
			closed.get(30, TimeUnit.SECONDS);
			assertThat(EVENTS).containsExactly("made 1", "opened registry", "late begins", "closed registry",
					"destroyed 1");
		});
	}

	@Test
	void aContextThatIsStoppedAndStartedServesAgain() {
		this.runner.run((context) -> {
			ConfigurableApplicationContext app = context.getSourceApplicationContext();
			int port = server(app).port();
			app.stop();
			assertThatExceptionOfType(ConnectException.class)
				.isThrownBy(() -> new Socket(InetAddress.getLoopbackAddress(), port).close());
			assertThat(EVENTS).containsExactly("made 1", "opened registry", "closed registry");
			app.start();
			assertThat(get(server(app).port(), "/name").block(LIMIT))
				.isEqualTo("web request in null: object 1, registry");
		});
		assertThat(EVENTS).containsExactly("made 1", "opened registry", "closed registry", "opened registry",
				"closed registry", "destroyed 1");
	}

	@SuppressWarnings("unchecked")
	private static Server server(ConfigurableApplicationContext context) {
		Server server = ((AsyncResource<Server>) context.getBean("web")).held().block(LIMIT);
		assertThat(server).isNotNull();
		return server;
	}

	private static Mono<String> get(int port, String path) {
		return HttpClient.newConnection()
			.get()
			.uri("http://127.0.0.1:" + port + path)
			.responseContent()
			.aggregate()
			.asString();
	}

	@Configuration(proxyBeanMethods = false)
	static class App {

		private int made;

		@Bean
		AsyncResource<String> objects() {
			return AsyncResource.of(() -> Mono.fromCallable(() -> {
				EVENTS.add("made " + ++this.made);
				return "object " + this.made;
			}), (value, exit) -> Mono.fromRunnable(() -> EVENTS.add("destroyed " + value.charAt(7))))
				.named("objects")
				.pooled((pool) -> pool.minSize(1).maxSize(1));
		}

		@Bean
		@Lifespan
		AsyncResource<String> registry() {
			return AsyncResource.of(() -> Mono.fromCallable(() -> {
				EVENTS.add("opened registry");
				return "registry";
			}), (value, exit) -> Mono.fromRunnable(() -> EVENTS.add("closed registry")));
		}

		@Bean
		@Lifespan
		ServerResource web(AsyncScopes scopes, AsyncResource<String> objects, AsyncResource<String> registry) {
			return ServerResource.http("web", scopes, HttpServer.create().host("127.0.0.1").port(0),
					(request, response) -> response.sendString(scopes.use(objects, (object) -> {
						if (!request.uri().equals("/late")) {
							return describe(object, registry);
						}
						EVENTS.add("late begins");
						return ANSWER.asMono().then(describe(object, registry));
					})))
				.build();
		}

		private static Mono<String> describe(String object, AsyncResource<String> registry) {
			return Mono.deferContextual((context) -> {
				Scope request = Objects.requireNonNull(context.get(Scope.class).parent());
				Scope around = request.parent();
				return registry.held()
					.map((held) -> request.name() + " in " + ((around != null) ? around.name() : null) + ": " + object
							+ ", " + held);
			});
		}

	}

}
