package io.scopedasync.server;

import java.net.SocketAddress;
import java.net.SocketException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.ByteBufFlux;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.client.PrematureCloseException;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.server.HttpServerRoutes;
import reactor.netty.resources.ConnectionProvider;
import reactor.test.scheduler.VirtualTimeScheduler;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.awaitRefused;
import static io.scopedasync.server.Servers.enter;
import static io.scopedasync.server.Servers.get;
import static io.scopedasync.server.Servers.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What is different where connections stay open between requests.
 */
@Timeout(60)
class HttpServerTests {

	private static final Duration GRACE = Duration.ofSeconds(5);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Scope scope = this.scopes.open("test");

	private final Sinks.One<String> answer = Sinks.one();

	private final AtomicReference<String> exit = new AtomicReference<>();

	/** Whether the handler of {@code /later} was called, and has noted. */
	private final AtomicBoolean inside = new AtomicBoolean();

	private final ConnectionProvider connections = ConnectionProvider.create("http-server-tests", 1);

	@AfterEach
	void nothingIsLeftOpen() {
		this.connections.dispose();
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
	}

	@Test
	void requestIsAScopeAndItsConnectionStaysOpen() {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		HttpClient client = client(server);
		assertThat(get(client, "/name").block(LIMIT)).isEqualTo("http request");
		SocketAddress first = server.connections().get(0).remoteAddress();
		assertThat(get(client, "/name").block(LIMIT)).isEqualTo("http request");
		assertThat(server.connections()).extracting(ServerConnection::remoteAddress).containsExactly(first);
		// The client may hear the answer before the request's scope has ended.
		await()
			.untilAsserted(() -> assertThat(this.scopes.openScopes()).extracting(Scope::name).containsExactly("test"));
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(158)
	void idleConnectionIsClosedAtOnce() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		try (Caller idle = new Caller(server.port()); Caller silent = new Caller(server.port())) {
			assertThat(idle.ask("GET /name HTTP/1.1\r\nHost: localhost\r\n\r")).isEqualTo("HTTP/1.1 200 OK");
			await().until(() -> server.connections().size() == 2);
			// Virtual time stands still: nothing waits for a grace period.
			this.scope.close().block(LIMIT);
			assertThat(silent.hear()).isNull();
			String last = "";
			for (String line = idle.hear(); line != null; line = idle.hear()) {
				last = line;
			}
			assertThat(last).isEqualTo("http request");
		}
	}

	@Test
	@Case({ 155, 159 })
	void responseUnderWayIsFinishedAndSaysThatItIsTheLast() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		AtomicReference<String> connection = new AtomicReference<>();
		Mono<String> answered = client(server).get().uri("/later").responseSingle((response, body) -> {
			connection.set(response.responseHeaders().get(HttpHeaderNames.CONNECTION));
			return body.asString();
		}).cache();
		answered.subscribe();
		await().until(this.inside::get);
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.answer.tryEmitValue("at last");
		assertThat(answered.block(LIMIT)).isEqualTo("at last");
		assertThat(connection).hasValue("close");
		closed.block(LIMIT);
	}

	@Test
	void responseThatWasBegunBeforeIsFinishedAndItsConnectionClosed() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r")).isEqualTo("HTTP/1.1 200 OK");
			Mono<Void> closed = this.scope.close();
			awaitRefused(server);
			this.answer.tryEmitValue("the end");
			String all = "";
			for (String line = caller.hear(); line != null; line = caller.hear()) {
				all += line + "|";
			}
			assertThat(all).contains("begun").contains("the end").endsWith("0||");
			closed.block(LIMIT);
		}
	}

	@Test
	@Case(159)
	void requestThatIsNotAnsweredWithinTheGracePeriodIsUnavailable() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).grace(GRACE).build());
		Mono<Integer> status = status(client(server), "/later").cache();
		status.subscribe();
		await().until(this.inside::get);
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.time.advanceTimeBy(GRACE);
		assertThat(status.block(LIMIT)).isEqualTo(503);
		closed.block(LIMIT);
		assertThat(this.exit).hasValue("cancelled: the grace period of server 'http' (5000 ms) is over");
	}

	@Test
	@Case(159)
	void responseThatIsNotFinishedWithinTheGracePeriodBreaksOff() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).grace(GRACE).build());
		AtomicInteger status = new AtomicInteger();
		Mono<String> answered = client(server).get().uri("/stream").responseSingle((response, body) -> {
			status.set(response.status().code());
			return body.asString();
		}).cache();
		answered.subscribe(null, (error) -> {
		});
		await().until(() -> status.get() == 200);
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.time.advanceTimeBy(GRACE);
		assertThatExceptionOfType(Exception.class).isThrownBy(() -> answered.block(LIMIT))
			.withCauseInstanceOf(PrematureCloseException.class);
		closed.block(LIMIT);
	}

	@Test
	@Case(160)
	void handlerThatFailsEndsItsRequestAndNothingElse() {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		assertThat(status(client(server), "/fail").block(LIMIT)).isEqualTo(500);
		assertThat(get(client(server), "/name").block(LIMIT)).isEqualTo("http request");
		this.scope.close().block(LIMIT);
	}

	@Test
	void handlerIsCancelledWhenItsClientHasGone() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		try (Caller caller = new Caller(server.port())) {
			caller.say("GET /later HTTP/1.1\r\nHost: localhost\r\n\r");
			await().until(this.inside::get);
		}
		await().untilAsserted(() -> assertThat(this.exit).hasValue("cancelled: its client has gone"));
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(163)
	void requestIsRefusedOnceTheApplicationShutsDown() {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		HttpClient client = client(server);
		assertThat(get(client, "/name").block(LIMIT)).isEqualTo("http request");
		Mono<Void> closed = this.scopes.close();
		assertThat(status(client, "/name").block(LIMIT)).isEqualTo(503);
		this.scope.close().block(LIMIT);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		closed.block(LIMIT);
	}

	@Test
	void streamsOfHttp2AreFinishedToo() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create().protocol(HttpProtocol.H2C)).build());
		HttpClient client = client(server).protocol(HttpProtocol.H2C);
		assertThat(get(client, "/name").block(LIMIT)).isEqualTo("http request");
		Mono<String> answered = get(client, "/later").cache();
		answered.subscribe();
		await().until(this.inside::get);
		assertThat(server.connections()).hasSize(1);
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.answer.tryEmitValue("at last");
		assertThat(answered.block(LIMIT)).isEqualTo("at last");
		closed.block(LIMIT);
	}

	@Test
	@Case(158)
	void abortResetsAllThatIsUnderWay() throws Exception {
		Server server = enter(this.scope, resource(HttpServer.create()).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r")).isEqualTo("HTTP/1.1 200 OK");
			server.abort().block(LIMIT);
			assertThatExceptionOfType(SocketException.class).isThrownBy(() -> {
				while (caller.hear() != null) {
					Thread.onSpinWait();
				}
			});
		}
		this.scope.close().block(LIMIT);
	}

	private ServerBuilder resource(HttpServer server) {
		HttpServerRoutes routes = HttpServerRoutes.newRoutes()
			.get("/name", (request, response) -> response.sendString(Scope.current().map(Scope::name)))
			.get("/later",
					(request, response) -> noting().then(Mono.defer(
							() -> this.answer.asMono().flatMap((text) -> response.sendString(Mono.just(text)).then()))))
			.get("/stream", this::stream)
			.get("/fail", (request, response) -> Mono.error(new IllegalStateException("as asked")));
		return ServerResource.http("http", this.scopes, server.host("127.0.0.1").port(0).runOn(Servers.LOOP), routes);
	}

	private Mono<Void> stream(HttpServerRequest request, HttpServerResponse response) {
		Flux<String> parts = Flux.concat(Mono.just("begun"), this.answer.asMono());
		return Mono.fromDirect(response.send(ByteBufFlux.fromString(parts), (buffer) -> true));
	}

	private Mono<Void> noting() {
		return Scope.current()
			.doOnNext((own) -> own.onExit((how) -> Mono.fromRunnable(() -> this.exit.set(how.toString()))))
			.doOnNext((own) -> this.inside.set(true))
			.then();
	}

	private HttpClient client(Server server) {
		return HttpClient.create(this.connections).baseUrl("http://127.0.0.1:" + server.port());
	}

}
