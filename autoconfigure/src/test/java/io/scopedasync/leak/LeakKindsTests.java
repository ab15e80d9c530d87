package io.scopedasync.leak;

import java.io.IOException;
import java.lang.ref.Reference;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.DeadlockException;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeSpec;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.scopedasync.webclient.SessionResource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Every kind of leak, made for real in a running application, and found in its log, its
 * meters and its endpoint.
 */
@ExtendWith(OutputCaptureExtension.class)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class LeakKindsTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final DisposableServer upstream = HttpServer.create()
		.host("127.0.0.1")
		.port(0)
		.route((routes) -> routes.get("/hello", (request, response) -> response.sendString(Mono.just("hello"))))
		.bindNow(BOUND);

	private static final ConfigurableApplicationContext application = run();

	private final Service service = application.getBean(Service.class);

	private final AsyncScopes scopes = application.getBean(AsyncScopes.class);

	private final Limiter limit = application.getBean("limit", Limiter.class);

	private final Leaks leaks = application.getBean(Leaks.class);

	private final Map<LeakReason, Long> before = new EnumMap<>(LeakReason.class);

	private static ConfigurableApplicationContext run() {
		return new SpringApplicationBuilder(Application.class).run("--server.port=0", "--server.address=127.0.0.1",
				"--spring.main.banner-mode=off", "--management.endpoints.web.exposure.include=prometheus,scopes,health",
				"--management.endpoint.health.show-details=always", "--scoped-async.limiters.limit.permits=3",
				"--scoped-async.limiters.left.permits=1", "--scoped-async.limiters.right.permits=1",
				"--scoped-async.sessions.quotes.base-url=http://127.0.0.1:" + upstream.port(),
				"--scoped-async.shutdown-timeout=200ms", "--scoped-async.leak-detection.sweep-interval=50ms",
				"--scoped-async.leak-detection.level=paranoid");
	}

	@BeforeEach
	void count() {
		for (LeakReason reason : LeakReason.values()) {
			this.before.put(reason, this.leaks.count(reason));
		}
	}

	@AfterAll
	static void stop() {
		application.close();
		upstream.disposeNow(BOUND);
	}

	private long found(LeakReason reason) {
		return this.leaks.count(reason) - this.before.getOrDefault(reason, 0L);
	}

	@Test
	@Case(173)
	void overdue(CapturedOutput output) throws Exception {
		Sinks.Empty<Void> end = Sinks.empty();
		CompletableFuture<Void> call = this.service.overdue(end.asMono()).toFuture();
		found(LeakReason.OVERDUE, output, "'Service.overdue'", "running, holding [limit]", "Its body has not ended");
		assertThat(scrape()).contains("scoped_async_leaked 1.0");
		assertThat(get("/actuator/scopes?name=overdue")).contains("\"suspect\":true")
			.contains("LeakKindsTests.overdue(LeakKindsTests.java");
		assertThat(get("/actuator/health")).contains("\"scopedAsync\"").contains("Service.overdue");
		end.tryEmitEmpty();
		assertThat(call).succeedsWithin(BOUND);
		Awaitility.await().atMost(BOUND).until(() -> this.leaks.recovered() == 1);
		// Logged after it is counted.
		Awaitility.await()
			.atMost(BOUND)
			.untilAsserted(() -> assertThat(output).contains("Recovered: scope 'Service.overdue'"));
		assertThat(scrape()).contains("scoped_async_leaked 0.0").contains("scoped_async_leaks_recovered_total 1.0");
	}

	@Test
	@Case(174)
	void lost(CapturedOutput output) throws Exception {
		forget();
		Awaitility.await().atMost(BOUND).until(() -> {
			System.gc();
			return found(LeakReason.LOST) == 1;
		});
		found(LeakReason.LOST, output, "'Service.lost'", "holding [limit]", "gave back what it held");
		Awaitility.await().atMost(BOUND).until(() -> this.limit.statistics().borrowed() == 0);
	}

	private void forget() {
		CompletableFuture<String> call = this.service.lost();
		assertThat(this.limit.statistics().borrowed()).isEqualTo(1);
		// Not lost any sooner.
		Reference.reachabilityFence(call);
	}

	@Test
	void releaseStuck(CapturedOutput output) throws Exception {
		StuckResource stuck = application.getBean(StuckResource.class);
		assertThat(this.service.releaseStuck().toFuture()).failsWithin(BOUND);
		found(LeakReason.RELEASE_STUCK, output, "'Service.releaseStuck'", "given up on 'stuck'",
				"look what the release of 'stuck' waits for");
		assertThat(stuck.aborted.asMono().toFuture()).as("closed by force").succeedsWithin(BOUND);
	}

	@Test
	void late(CapturedOutput output) throws Exception {
		Sinks.One<String> arrives = Sinks.one();
		CompletableFuture<Exit> released = new CompletableFuture<>();
		AsyncResource<String> slow = AsyncResource.<String>of(arrives::asMono, (value, exit) -> {
			released.complete(exit);
			return Mono.empty();
		}).named("slow");
		CompletableFuture<?> call = this.scopes
			.with(ScopeSpec.of("late")
				.entering(slow)
				.timeout(Duration.ofMillis(50))
				.releaseTimeout(Duration.ofMillis(200)), (scope) -> Mono.just("x"))
			.toFuture();
		assertThat(call).failsWithin(BOUND);
		arrives.tryEmitValue("value");
		assertThat(released).succeedsWithin(BOUND);
		found(LeakReason.LATE, output, "'late'", "'slow' came too late and was released");
	}

	@Test
	void doubleRelease(CapturedOutput output) throws Exception {
		Permit permit = this.limit.tryAcquire();
		assertThat(permit).isNotNull();
		permit.close();
		assertThatIllegalStateException().isThrownBy(permit::close).withMessageContaining("given back already");
		found(LeakReason.DOUBLE_RELEASE, output, "'limit', given back twice");
		assertThat(this.limit.statistics().borrowed()).isZero();
	}

	@Test
	@Case(176)
	void afterClose(CapturedOutput output) throws Exception {
		WebClient client = this.service.escaped().block(BOUND);
		assertThat(client).isNotNull();
		assertThat(client.get().uri("/hello").retrieve().bodyToMono(String.class).toFuture()).failsWithin(BOUND);
		found(LeakReason.AFTER_CLOSE, output,
				"'quotes', GET http://127.0.0.1:" + upstream.port() + "/hello was used after the end");
	}

	@Test
	@Case(176)
	void enteredAfterClose(CapturedOutput output) throws Exception {
		Scope closed = this.scopes.with(ScopeSpec.of("closed"), (scope) -> Mono.just(scope)).block(BOUND);
		assertThat(closed).isNotNull();
		assertThat(closed.enter(AsyncResource.just("x").named("late")).toFuture()).failsWithin(BOUND);
		found(LeakReason.AFTER_CLOSE, output, "'closed', the scope, for 'late', was used after the end");
	}

	@Test
	void outlivedParent(CapturedOutput output) throws Exception {
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.with(ScopeSpec.of("outer"), (outer) -> {
			this.scopes.with(ScopeSpec.of("inner"), (inner) -> end.asMono())
				.contextWrite((context) -> context.put(Scope.class, outer))
				.subscribe();
			return Mono.just("done");
		}).block(BOUND);
		found(LeakReason.OUTLIVED_PARENT, output, "'inner'", "in 'outer'", "have the outer body wait for it");
		end.tryEmitEmpty();
	}

	@Test
	void outlivedParentIsCancelledWhereThatIsForbidden() {
		AsyncScopes strict = AsyncScopes.builder()
			.tracked(true)
			.watcher(new LeakWatcher(this.leaks))
			.cancelOutliving(true)
			.build();
		CompletableFuture<Void> inner = new CompletableFuture<>();
		strict.with(ScopeSpec.of("outer"), (outer) -> {
			strict.with(ScopeSpec.of("inner"), (scope) -> Mono.never())
				.contextWrite((context) -> context.put(Scope.class, outer))
				.subscribe((value) -> {
				}, inner::completeExceptionally);
			return Mono.just("done");
		}).block(BOUND);
		assertThat(inner).isCompletedExceptionally();
		assertThat(strict.openScopes()).isEmpty();
		assertThat(found(LeakReason.OUTLIVED_PARENT)).isEqualTo(1);
	}

	@Test
	void deadlock(CapturedOutput output) throws Exception {
		Sinks.Empty<Void> bothHold = Sinks.empty();
		CompletableFuture<String> first = this.service.leftThenRight(bothHold.asMono()).toFuture();
		CompletableFuture<String> second = this.service.rightThenLeft(bothHold.asMono()).toFuture();
		bothHold.tryEmitEmpty();
		assertThat(second).failsWithin(BOUND)
			.withThrowableOfType(ExecutionException.class)
			.withCauseInstanceOf(DeadlockException.class)
			.withMessageContaining("holds 'left' and waits for the scope inside it, 'Service.right' #")
			.withMessageContaining("holds 'right' and waits for the scope inside it, 'Service.left' #");
		assertThat(first).succeedsWithin(BOUND).isEqualTo("both");
		found(LeakReason.DEADLOCK, output, "'Service.left'", "waits for 'left', held by 'Service.leftThenRight' #",
				"waits for 'right', held by 'Service.rightThenLeft' #", "opened on", "acquire in the same order");
		assertThat(output).contains("Scopes that waited for each other")
			.contains("Scope 'Service.leftThenRight' was opened here");
		assertThat(get("/actuator/scopes")).contains("\"deadlock\":[{\"id\":")
			.contains("\"holds\":[\"'left'\"]")
			.contains("LeakKindsTests.deadlock(LeakKindsTests.java");
		// What an earlier test lost may be about to end.
		Awaitility.await().atMost(BOUND).until(() -> this.scopes.openScopes().isEmpty());
	}

	@Test
	void unreadBody(CapturedOutput output) throws Exception {
		this.service.unread().block(BOUND);
		found(LeakReason.UNREAD_BODY, output, "'quotes', nobody read the body of GET",
				"Read it, or release it with toBodilessEntity()");
	}

	/** The last one: it closes the application. */
	@Test
	@Order(Integer.MAX_VALUE)
	@Case(175)
	void atClose(CapturedOutput output) {
		Scope open = this.scopes.open("import");
		open.enter(this.limit).block(BOUND);
		application.close();
		// Or else it could be lost before.
		Reference.reachabilityFence(open);
		assertThat(found(LeakReason.AT_CLOSE)).isEqualTo(1);
		assertThat(output).contains("Leak (at-close): 1 scope was still open")
			.contains("- 'import' open for")
			.contains("holding [limit]");
	}

	private void found(LeakReason reason, CapturedOutput output, String... words) throws Exception {
		Awaitility.await().atMost(BOUND).until(() -> found(reason) == 1);
		Awaitility.await().atMost(BOUND).untilAsserted(() -> assertThat(output).contains("Leak (" + reason + ")"));
		String line = output.getAll()
			.lines()
			.filter((text) -> text.contains("Leak (" + reason + ")"))
			.findFirst()
			.orElseThrow();
		assertThat(line).contains("WARN").contains(words);
		assertThat(scrape())
			.contains("scoped_async_leaks_total{reason=\"" + reason.tag() + "\"} " + (double) this.leaks.count(reason));
		assertThat(get("/actuator/scopes")).contains("\"" + reason.tag() + "\":" + this.leaks.count(reason))
			.contains("\"reason\":\"" + reason.tag() + "\"");
	}

	private String scrape() throws IOException, InterruptedException {
		return get("/actuator/prometheus");
	}

	private String get(String path) throws IOException, InterruptedException {
		int port = application.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
		HttpResponse<String> response = HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).timeout(BOUND).build(),
					HttpResponse.BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(200);
		return response.body();
	}

	static class Service {

		private final WebClient quotes;

		private final SessionResource session;

		private final ObjectProvider<Service> self;

		Service(@Qualifier("quotes") WebClient quotes, SessionResource session, ObjectProvider<Service> self) {
			this.quotes = quotes;
			this.session = session;
			this.self = self;
		}

		@ScopedAsync(value = "limit", leakThreshold = "100ms")
		Mono<Void> overdue(Mono<Void> body) {
			return body;
		}

		@ScopedAsync("limit")
		CompletableFuture<String> lost() {
			return new CompletableFuture<>();
		}

		@ScopedAsync(value = "stuck", releaseTimeout = "200ms")
		Mono<String> releaseStuck() {
			return Mono.just("x");
		}

		@ScopedAsync("left")
		Mono<String> leftThenRight(Mono<Void> bothHold) {
			return bothHold.then(Mono.defer(() -> this.self.getObject().right()));
		}

		@ScopedAsync("right")
		Mono<String> rightThenLeft(Mono<Void> bothHold) {
			return bothHold.then(Mono.defer(() -> this.self.getObject().left()));
		}

		@ScopedAsync("left")
		Mono<String> left() {
			return Mono.just("both");
		}

		@ScopedAsync("right")
		Mono<String> right() {
			return Mono.just("both");
		}

		@ScopedAsync("quotes")
		Mono<WebClient> escaped() {
			return this.session.held().map((session) -> session.client());
		}

		@ScopedAsync("quotes")
		Mono<Integer> unread() {
			return this.quotes.get()
				.uri("/hello")
				.retrieve()
				.toEntityFlux(String.class)
				.map((entity) -> entity.getStatusCode().value());
		}

	}

	/** Its release never ends. */
	static class StuckResource implements AsyncResource<String> {

		private final Sinks.Empty<Void> aborted = Sinks.empty();

		@Override
		public Mono<String> acquire() {
			return Mono.just("stuck");
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return Mono.never();
		}

		@Override
		public Mono<Void> abort(String value) {
			this.aborted.tryEmitEmpty();
			return Mono.empty();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

		@Bean
		Service service(@Qualifier("quotes") WebClient quotes, SessionResource session, ObjectProvider<Service> self) {
			return new Service(quotes, session, self);
		}

		@Bean
		StuckResource stuck() {
			return new StuckResource();
		}

	}

}
