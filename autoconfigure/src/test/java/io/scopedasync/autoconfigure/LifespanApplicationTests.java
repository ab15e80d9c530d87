package io.scopedasync.autoconfigure;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.annotation.Lifespan;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.webclient.SessionResource;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.tomcat.autoconfigure.actuate.web.server.TomcatReactiveManagementContextAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.reactive.TomcatReactiveWebServerAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.EventListener;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Lifespans of a real application, with a web server of each kind.
 */
@Timeout(120)
class LifespanApplicationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final List<String> EVENTS = new CopyOnWriteArrayList<>();

	private static final CountDownLatch[] SLOW = new CountDownLatch[2];

	private final HttpClient http = HttpClient.newHttpClient();

	@ParameterizedTest
	@EnumSource(value = WebApplicationType.class, names = { "SERVLET", "REACTIVE" })
	@Case(163)
	void isThereBeforeTheFirstRequestAndUntilAfterTheLast(WebApplicationType type) throws Exception {
		EVENTS.clear();
		SLOW[0] = new CountDownLatch(1);
		SLOW[1] = new CountDownLatch(1);
		DisposableServer upstream = HttpServer.create()
			.host("127.0.0.1")
			.port(0)
			.handle((request, response) -> response.sendString(Mono.just("bye from " + request.uri())))
			.bindNow(LIMIT);
		try {
			ConfigurableApplicationContext context = start(type, upstream.port());
			String origin = "http://127.0.0.1:" + context.getEnvironment().getProperty("local.server.port");
			assertThat(EVENTS).containsExactly("acquire connection", "acquire login", "server accepts");
			assertThat(get(origin + "/held")).isEqualTo("connection");
			assertThat(get(origin + "/joined")).isEqualTo("connection");
			if (type == WebApplicationType.SERVLET) {
				assertThat(get(origin + "/blocking")).isEqualTo("connection");
			}
			CompletableFuture<HttpResponse<String>> last = this.http
				.sendAsync(HttpRequest.newBuilder(URI.create(origin + "/slow")).build(), BodyHandlers.ofString());
			assertThat(SLOW[0].await(30, TimeUnit.SECONDS)).isTrue();
			CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close,
					(task) -> new Thread(task).start());
			while (accepts(URI.create(origin).getPort())) {
				Thread.onSpinWait();
			}
			SLOW[1].countDown();
			assertThat(last.get(30, TimeUnit.SECONDS).body()).isEqualTo("connection");
			closing.get(30, TimeUnit.SECONDS);
		}
		finally {
			upstream.disposeNow(LIMIT);
		}
		assertThat(EVENTS).containsExactly("acquire connection", "acquire login", "server accepts",
				"release login, server accepts false, bye from /logout",
				"release connection, server accepts false, nothing to say");
	}

	private static ConfigurableApplicationContext start(WebApplicationType type, int upstream) {
		return new SpringApplicationBuilder(Beans.class).web(type)
			.run("--server.port=0", "--server.address=127.0.0.1", "--server.shutdown=graceful",
					"--scoped-async.sessions.upstream.base-url=http://127.0.0.1:" + upstream);
	}

	private String get(String uri) throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(URI.create(uri)).timeout(LIMIT).build();
		return this.http.send(request, BodyHandlers.ofString()).body();
	}

	private static boolean accepts(int port) {
		try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
			return socket.isConnected();
		}
		catch (IOException ex) {
			return false;
		}
	}

	/** Both servers are on the class path here, and Netty is the one for WebFlux. */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = { TomcatReactiveWebServerAutoConfiguration.class,
			TomcatReactiveManagementContextAutoConfiguration.class })
	static class Beans {

		private volatile int port;

		@EventListener
		void accepts(WebServerInitializedEvent event) {
			this.port = event.getWebServer().getPort();
			EVENTS.add("server accepts");
		}

		@Bean
		@Lifespan
		AsyncResource<String> connection() {
			return AsyncResource.of(() -> Mono.fromCallable(() -> {
				EVENTS.add("acquire connection");
				return "connection";
			}), (value, exit) -> released("connection", "nothing to say"));
		}

		private Mono<Void> released(String name, String said) {
			return Mono
				.<Void>fromRunnable(() -> EVENTS.add("release " + name + ", server accepts "
						+ LifespanApplicationTests.accepts(this.port) + ", " + said))
				.subscribeOn(Schedulers.boundedElastic());
		}

		/**
		 * Logs out over a session, which is there until the last lifespan is released.
		 */
		@Bean
		@Lifespan
		AsyncResource<String> login(AsyncResource<String> connection, AsyncScopes scopes, SessionResource upstream,
				@Qualifier("upstream") WebClient client) {
			return AsyncResource.of(
					() -> connection.held().doOnNext((value) -> EVENTS.add("acquire login")).map("login over "::concat),
					(login, exit) -> scopes
						.use(upstream, (session) -> client.get().uri("/logout").retrieve().bodyToMono(String.class))
						.flatMap((bye) -> released("login", bye)));
		}

		@Bean
		Controller controller(AsyncResource<String> connection) {
			return new Controller(connection);
		}

	}

	@RestController
	static class Controller {

		private final AsyncResource<String> connection;

		Controller(AsyncResource<String> connection) {
			this.connection = connection;
		}

		@GetMapping("/held")
		Mono<String> held() {
			return this.connection.held();
		}

		@GetMapping("/joined")
		@ScopedAsync("connection")
		public Mono<String> joined() {
			return this.connection.held();
		}

		@GetMapping("/blocking")
		String blocking() {
			return String.valueOf(this.connection.held().block(LIMIT));
		}

		@GetMapping("/slow")
		Mono<String> slow() {
			return Mono.fromCallable(() -> {
				SLOW[0].countDown();
				return SLOW[1].await(30, TimeUnit.SECONDS);
			}).subscribeOn(Schedulers.boundedElastic()).then(this.connection.held());
		}

	}

}
