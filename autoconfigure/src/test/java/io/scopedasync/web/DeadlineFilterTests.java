package io.scopedasync.web;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Mono;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.tomcat.autoconfigure.actuate.web.server.TomcatReactiveManagementContextAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.reactive.TomcatReactiveWebServerAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.Scope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

/**
 * The deadline of a caller in a running application, on both stacks.
 */
class DeadlineFilterTests {

	private static final String HEADER = "X-Wait-Ms";

	/** In milliseconds, for a server that answers for the second time. */
	private static final String ENOUGH_TO_BEGIN = "4000";

	enum Stack {

		REACTIVE, SERVLET

	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void theScopesOfARequestInheritTheDeadline(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			// The first request of an application may take its time.
			assertThat(server.get("/left", "300000").body()).isBetween("200000", "300000");
			assertThat(server.get("/left").body()).isEqualTo("none");
			assertNothingIsOpen(server);
		}
	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void whatTakesTooLongIsCancelledReleasedAndAnswered(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			server.get("/left");
			String slow = (stack == Stack.SERVLET) ? "/blocks" : "/never";
			HttpResponse<String> answer = server.get(slow, ENOUGH_TO_BEGIN);
			assertThat(answer.statusCode()).isEqualTo(504);
			assertThat(server.controller().exits).singleElement()
				.asString()
				.startsWith("cancelled: the ")
				.contains("scope around it, 'request', ");
			assertThat(server.get(slow, "0").statusCode()).isEqualTo(504);
			assertThat(server.controller().exits).hasSize(1);
			assertNothingIsOpen(server);
		}
	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void anAsynchronousAnswerThatTakesTooLongIsReleasedAsWell(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			server.get("/left");
			assertThat(server.get("/never", ENOUGH_TO_BEGIN).statusCode()).isEqualTo(504);
			assertNothingIsOpen(server);
			assertThat(server.controller().exits).hasSize(1);
		}
	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void aLimitOfZeroOrLessIsAnsweredAndAcquiresNothing(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			for (String passed : List.of("0", "-0", "-1", "-9223372036854", "-9223372036855", "-9999999999999",
					"-9223372036854775808", "-9223372036854775809", "-" + "9".repeat(200))) {
				assertThat(server.get("/never", passed).statusCode()).as(passed).isEqualTo(504);
			}
			assertThat(server.controller().exits).isEmpty();
			assertNothingIsOpen(server);
		}
	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void aLimitBeyondTheRangeIsALongOne(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			for (String far : List.of("+300000", "0000000000000000000000300000", "4611686018427", "9223372036855",
					"9223372036854775807", "9223372036854775808", "9".repeat(200))) {
				HttpResponse<String> answer = server.get("/left", far);
				assertThat(answer.statusCode()).as(far).isEqualTo(200);
				assertThat(answer.body()).as(far).matches("none|[0-9]{6,}");
			}
			assertNothingIsOpen(server);
		}
	}

	@ParameterizedTest
	@EnumSource(Stack.class)
	void aValueThatIsNoNumberAndSeveralValuesAreTheCallersFault(Stack stack) throws Exception {
		try (Server server = new Server(stack)) {
			for (String wrong : List.of("soon", "", "-", "+", "1.5", "1,2", "0x10", "1e3", "--1", "1 2", "PT1S")) {
				assertThat(server.get("/never", wrong).statusCode()).as(wrong).isEqualTo(400);
			}
			assertThat(server.get("/never", "300000", "300000").statusCode()).isEqualTo(400);
			assertThat(server.get("/never", "-1", "300000").statusCode()).isEqualTo(400);
			assertThat(server.controller().exits).isEmpty();
			assertNothingIsOpen(server);
		}
	}

	@Test
	void anErrorThatAServletThrowsEndsTheScope() {
		AsyncScopes scopes = AsyncScopes.create();
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.addHeader(HEADER, "300000");
		AssertionError broken = new AssertionError("broken");
		assertThatThrownBy(() -> new DeadlineServletFilter(scopes, HEADER).doFilter(request,
				new MockHttpServletResponse(), (req, res) -> {
					throw broken;
				}))
			.isSameAs(broken);
		assertThat(scopes.openScopes()).isEmpty();
	}

	private static void assertNothingIsOpen(Server server) {
		await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(server.scopes().openScopes()).isEmpty());
	}

	private static final class Server implements AutoCloseable {

		private final HttpClient client = HttpClient.newHttpClient();

		private final ConfigurableApplicationContext context;

		Server(Stack stack) {
			this.context = new SpringApplicationBuilder(Beans.class).web(WebApplicationType.valueOf(stack.name()))
				.run("--server.port=0", "--server.address=127.0.0.1", "--scoped-async.web.deadline-header=" + HEADER);
		}

		AsyncScopes scopes() {
			return this.context.getBean(AsyncScopes.class);
		}

		Controller controller() {
			return this.context.getBean(Controller.class);
		}

		HttpResponse<String> get(String path, String... deadlines) throws Exception {
			HttpRequest.Builder request = HttpRequest
				.newBuilder(URI.create(
						"http://127.0.0.1:" + this.context.getEnvironment().getProperty("local.server.port") + path))
				.timeout(Duration.ofSeconds(60));
			for (String deadline : deadlines) {
				request.header(HEADER, deadline);
			}
			return this.client.send(request.build(), HttpResponse.BodyHandlers.ofString());
		}

		@Override
		public void close() {
			this.context.close();
		}

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

		final Queue<Exit> exits = new ConcurrentLinkedQueue<>();

		private final AsyncScopes scopes;

		private final AsyncResource<String> resource = AsyncResource.of(() -> Mono.just("held"),
				(value, exit) -> Mono.fromRunnable(() -> this.exits.add(exit)));

		Controller(AsyncScopes scopes) {
			this.scopes = scopes;
		}

		@GetMapping("/left")
		Mono<String> left() {
			return Scope.current().map(Controller::left).defaultIfEmpty("none");
		}

		@GetMapping("/blocks")
		String blocks() throws Exception {
			return this.scopes.useBlocking(this.resource, (value) -> {
				new CountDownLatch(1).await();
				return value;
			});
		}

		@GetMapping("/never")
		Mono<String> never() {
			return this.scopes.use(this.resource, (value) -> Mono.never());
		}

		private static String left(Scope scope) {
			return scope.remaining().map((left) -> Long.toString(left.toMillis())).orElse("none");
		}

	}

}
