package io.scopedasync.server;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.Connection;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.ConnectionProvider;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.awaitRefused;
import static io.scopedasync.server.Servers.enter;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A conversation over a web socket is a request that goes on until one of the two hangs
 * up.
 */
@Timeout(60)
class WebSocketServerTests {

	private static final Duration GRACE = Duration.ofSeconds(5);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Scope scope = this.scopes.open("test");

	private final AtomicReference<String> exit = new AtomicReference<>();

	private final AtomicReference<Connection> client = new AtomicReference<>();

	/** Where handlers are called. */
	private Scheduler handlers = Schedulers.immediate();

	private final Sinks.Many<String> said = Sinks.many().unicast().onBackpressureBuffer();

	private final List<String> heard = new CopyOnWriteArrayList<>();

	private final ConnectionProvider connections = ConnectionProvider.create("web-socket-server-tests", 1);

	@AfterEach
	void nothingIsLeftOpen() {
		this.connections.dispose();
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
	}

	@Test
	void itIsAScopeUntilTheClientHangsUp() {
		Server server = enter(this.scope, resource().build());
		Disposable client = talk(server);
		say("one");
		assertThat(this.heard).containsExactly("http request: one");
		assertThat(this.exit).hasNullValue();
		assertThat(server.connections()).hasSize(1);
		this.said.tryEmitComplete();
		await().untilAsserted(() -> assertThat(this.exit).hasValue("completed"));
		await().until(client::isDisposed);
		await().untilAsserted(() -> assertThat(server.connections()).isEmpty());
		this.scope.close().block(LIMIT);
	}

	@Test
	void itIsCancelledWhenTheClientHasGone() {
		Server server = enter(this.scope, resource().build());
		talk(server);
		say("one");
		// Without a word.
		this.client.get().channel().close();
		await().untilAsserted(() -> assertThat(this.exit).hasValue("cancelled: its client has gone"));
		await().untilAsserted(() -> assertThat(server.connections()).isEmpty());
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case({ 155, 159 })
	void itGoesOnForTheGracePeriodAndIsThenCancelled() throws Exception {
		Server server = enter(this.scope, resource().grace(GRACE).build());
		Disposable client = talk(server);
		say("one");
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		say("two");
		assertThat(this.exit).hasNullValue();
		this.time.advanceTimeBy(GRACE);
		closed.block(LIMIT);
		assertThat(this.exit).hasValue("cancelled: the grace period of server 'http' (5000 ms) is over");
		await().until(client::isDisposed);
	}

	@Test
	@Case(159)
	void itIsCancelledWithAHandlerThatGoesOnBesideIt() throws Exception {
		Server server = enter(this.scope, resource(Mono.never()).grace(GRACE).build());
		Disposable client = talk(server);
		say("one");
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.time.advanceTimeBy(GRACE);
		await().until(client::isDisposed);
		closed.block(LIMIT);
		assertThat(this.exit).hasValue("cancelled: the grace period of server 'http' (5000 ms) is over");
	}

	@Test
	void itIsHungUpIfItsHandlerIsRefusedAnotherScope() {
		AsyncScopes closed = AsyncScopes.create();
		closed.close().block(LIMIT);
		Server server = enter(this.scope, resource(closed.with((scope) -> Mono.empty())).build());
		Disposable client = talk(server);
		await().until(client::isDisposed);
		await().untilAsserted(() -> assertThat(this.exit.get()).startsWith("failed"));
		await().untilAsserted(() -> assertThat(server.connections()).isEmpty());
		this.scope.close().block(LIMIT);
	}

	@Test
	void itsHandshakeMayBeMadeOnAnotherThread() {
		this.handlers = Schedulers.boundedElastic();
		Server server = enter(this.scope, resource().build());
		Disposable client = talk(server);
		say("one");
		assertThat(this.exit).hasNullValue();
		this.said.tryEmitComplete();
		await().untilAsserted(() -> assertThat(this.exit).hasValue("completed"));
		await().until(client::isDisposed);
		this.scope.close().block(LIMIT);
	}

	@Test
	void itIsHeldByTheScopeForAsLongAsItLikes() {
		Server server = enter(this.scope, resource().build());
		talk(server);
		say("one");
		await().untilAsserted(
				() -> assertThat(this.scopes.openScopes()).filteredOn((open) -> open.name().equals("http request"))
					.singleElement()
					.satisfies((open) -> assertThat(open.resources()).containsExactly("web socket"))
					.satisfies((open) -> assertThat(open.leakThreshold()).isEqualTo(ChronoUnit.FOREVER.getDuration())));
		this.said.tryEmitComplete();
		this.scope.close().block(LIMIT);
	}

	private void say(String text) {
		int before = this.heard.size();
		assertThat(this.said.tryEmitNext(text).isSuccess()).isTrue();
		await().until(() -> this.heard.size() > before);
	}

	private ServerBuilder resource() {
		return resource(Mono.empty());
	}

	private ServerBuilder resource(Mono<Void> afterTheHandshake) {
		HttpServer server = HttpServer.create().host("127.0.0.1").port(0).runOn(Servers.LOOP);
		return ServerResource.http("http", this.scopes, server,
				(request, response) -> Scope.current().publishOn(this.handlers).flatMap((own) -> {
					own.onExit((how) -> Mono.fromRunnable(() -> this.exit.set(how.toString())));
					return response
						.sendWebsocket((in,
								out) -> out.sendString(in.receive()
									.asString()
									.concatMap((text) -> Scope.current().map((inside) -> inside.name() + ": " + text))))
						.then(afterTheHandshake);
				}));
	}

	private Disposable talk(Server server) {
		return HttpClient.create(this.connections)
			.doOnConnected(this.client::set)
			.websocket()
			.uri("ws://127.0.0.1:" + server.port() + "/")
			.handle((in, out) -> Flux.merge(out.sendString(this.said.asFlux()).then().then(out.sendClose()),
					in.receive().asString().doOnNext(this.heard::add)))
			.onErrorResume((error) -> Mono.empty())
			.subscribe();
	}

}
