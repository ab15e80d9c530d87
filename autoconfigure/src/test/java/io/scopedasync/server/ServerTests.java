package io.scopedasync.server;

import java.net.ConnectException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Measured.Usage;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.ChannelBindException;
import reactor.test.scheduler.VirtualTimeScheduler;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.awaitRefused;
import static io.scopedasync.server.Servers.echo;
import static io.scopedasync.server.Servers.enter;
import static io.scopedasync.server.Servers.handling;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * How a server is bound, serves, and is released.
 */
@Timeout(60)
class ServerTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	@AfterEach
	void nothingIsLeftOpen() {
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
	}

	@Test
	@Case(154)
	void boundServerAcceptsNothingUntilItIsStarted() throws Exception {
		Scope scope = this.scopes.open("test");
		Server server = enter(scope, echo(this.scopes).bindOnly().build());
		try (Caller early = new Caller(server.port())) {
			early.say("early");
			Servers.awaitAcceptLoop();
			assertThat(server.connections()).isEmpty();
			assertThat(early.socket.getInputStream().available()).isZero();
			server.start();
			assertThat(early.hear()).isEqualTo("early");
			assertThat(server.connections()).singleElement()
				.satisfies((connection) -> assertThat(connection.remoteAddress())
					.isEqualTo(early.socket.getLocalSocketAddress()));
		}
		scope.close().block(LIMIT);
	}

	@Test
	@Case(154)
	void serverAcceptsAsSoonAsItIsAcquiredUnlessToldOtherwise() throws Exception {
		Scope scope = this.scopes.open("test");
		Server server = enter(scope, echo(this.scopes).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("hello")).isEqualTo("hello");
			assertThat(server.connections()).hasSize(1);
		}
		scope.close().block(LIMIT);
	}

	@Test
	@Case(155)
	void cancelledServerStopsAcceptingAndEndsAfterItsLastConnection() throws Exception {
		Running running = serveForever(echo(this.scopes).bindOnly().build());
		Server server = running.server;
		Caller caller = new Caller(server.port());
		assertThat(caller.ask("one")).isEqualTo("one");
		running.subscription.dispose();
		awaitRefused(server);
		assertThat(caller.ask("two")).isEqualTo("two");
		assertThat(state("echo")).isEqualTo(Scope.State.RELEASING);
		assertThat(state("echo connection")).isEqualTo(Scope.State.RUNNING);
		caller.close();
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
		await().untilAsserted(() -> assertThat(server.connections()).isEmpty());
	}

	@Test
	@Case(155)
	void bodyThatEndsByItselfWaitsForConnectionsAsWell() throws Exception {
		AtomicReference<Caller> caller = new AtomicReference<>();
		CountDownLatch ended = new CountDownLatch(1);
		this.scopes.use(echo(this.scopes).build(), (server) -> Mono.fromCallable(() -> {
			Caller connected = new Caller(server.port());
			caller.set(connected);
			return connected.ask("one");
		}).subscribeOn(Schedulers.boundedElastic())).subscribe((one) -> ended.countDown());
		await().untilAsserted(() -> assertThat(state("echo")).isEqualTo(Scope.State.RELEASING));
		assertThat(caller.get().ask("two")).isEqualTo("two");
		assertThat(ended.getCount()).isOne();
		caller.get().close();
		assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
	}

	@Test
	@Case(156)
	void servingTwiceAtOnceIsAnError() {
		Running running = serveForever(echo(this.scopes).build());
		assertThatIllegalStateException().isThrownBy(() -> running.server.serveForever().block(LIMIT))
			.withMessageContaining("'echo' is serving already");
		assertThat(running.subscription.isDisposed()).isFalse();
		running.subscription.dispose();
	}

	@Test
	@Case(156)
	void servingOnAClosedServerIsAnError() {
		Scope scope = this.scopes.open("test");
		Server server = enter(scope, echo(this.scopes).build());
		scope.close().block(LIMIT);
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> server.serveForever().block(LIMIT))
			.withMessageContaining("'echo' is closed");
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(server::start);
	}

	@Test
	void servingEndsWhenTheServerIsStopped() throws Exception {
		AtomicReference<Server> bound = new AtomicReference<>();
		Mono<Void> served = this.scopes.use(echo(this.scopes).build(), (server) -> serving(server, bound));
		CountDownLatch ended = new CountDownLatch(1);
		served.subscribe(null, null, ended::countDown);
		await().until(() -> bound.get() != null);
		bound.get().stop();
		assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
	}

	@Test
	void connectionIsAScopeThatIsReleasedBeforeItIsClosed() throws Exception {
		AtomicReference<String> released = new AtomicReference<>();
		AsyncResource<String> resource = AsyncResource.<String>of(() -> Mono.just("held"), (value, exit) -> {
			released.set(exit.toString());
			return Mono.empty();
		}).named("held");
		ServerResource echo = handling(this.scopes,
				(in, out) -> Scope.current()
					.flatMap((scope) -> scope.enter(resource))
					.then(Mono.fromDirect(out.sendString(Mono.just("done\n")))))
			.build();
		Scope scope = this.scopes.open("test");
		try (Caller caller = new Caller(enter(scope, echo).port())) {
			assertThat(caller.hear()).isEqualTo("done");
			assertThat(caller.hear()).isNull();
			assertThat(released).hasValue("completed");
		}
		scope.close().block(LIMIT);
	}

	@Test
	void handlerIsCancelledWhenItsClientHasGone() throws Exception {
		AtomicReference<String> exit = new AtomicReference<>();
		Scope scope = this.scopes.open("test");
		Server server = enter(scope, handling(this.scopes, (in, out) -> Scope.current().flatMap((own) -> {
			own.onExit((how) -> Mono.fromRunnable(() -> exit.set(how.toString())));
			exit.set("none yet");
			return Mono.never();
		})).build());
		Caller caller = new Caller(server.port());
		await().until(() -> exit.get() != null);
		caller.close();
		await().untilAsserted(() -> assertThat(exit).hasValue("cancelled: its client has gone"));
		await().untilAsserted(() -> assertThat(server.connections()).isEmpty());
		scope.close().block(LIMIT);
	}

	@Test
	void clientsBeyondTheLimitWaitUntilThereIsRoom() throws Exception {
		Scope scope = this.scopes.open("test");
		ServerResource echo = echo(this.scopes).maxConnections(2).build();
		Server server = enter(scope, echo);
		Caller first = new Caller(server.port());
		try (Caller second = new Caller(server.port())) {
			assertThat(first.ask("first")).isEqualTo("first");
			assertThat(second.ask("second")).isEqualTo("second");
			try (Caller third = new Caller(server.port())) {
				third.say("third");
				Servers.awaitAcceptLoop();
				assertThat(server.connections()).hasSize(2);
				assertThat(echo.usage()).isEqualTo(new Usage(2, 0, 2, 0));
				first.close();
				assertThat(third.hear()).isEqualTo("third");
				assertThat(server.connections()).hasSize(2);
			}
		}
		scope.close().block(LIMIT);
		assertThat(echo.usage()).isEqualTo(new Usage(0, 0, 2, 2));
	}

	@Test
	@Case(162)
	void ifOneOfSeveralCannotBindThoseBeforeItAreClosed() {
		Scope other = this.scopes.open("other");
		int taken = enter(other, echo(this.scopes).build()).port();
		ServerResource free = echo(this.scopes).build();
		ServerResource refused = ServerResource
			.tcp("refused", this.scopes, Servers.tcp().port(taken), (in, out) -> Mono.never())
			.build();
		AtomicInteger port = new AtomicInteger();
		AtomicInteger started = new AtomicInteger();
		Mono<Void> all = this.scopes.with((scope) -> scope.enter(free)
			.doOnNext((server) -> port.set(server.port()))
			.then(scope.enter(refused))
			.doOnNext((server) -> started.incrementAndGet())
			.then());
		assertThatExceptionOfType(ChannelBindException.class).isThrownBy(() -> all.block(LIMIT))
			.satisfies((error) -> assertThat(error.localPort()).isEqualTo(taken));
		assertThat(started).hasValue(0);
		assertThat(free.usage().active()).isZero();
		assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> new Caller(port.get()));
		other.close().block(LIMIT);
	}

	@Test
	@Case(162)
	void severalBindAtTheSameTimeAllOrNone() throws Exception {
		ServerResource first = echo(this.scopes).build();
		ServerResource second = echo(this.scopes).build();
		List<Integer> ports = this.scopes.useBlocking(AsyncResource.all(first, second), (servers) -> {
			for (Server server : servers) {
				new Caller(server.port()).close();
			}
			return servers.stream().map(Server::port).toList();
		});
		assertThat(ports).hasSize(2)
			.allSatisfy((port) -> assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> new Caller(port)));

		Scope other = this.scopes.open("other");
		int taken = enter(other, echo(this.scopes).build()).port();
		ServerResource refused = ServerResource
			.tcp("refused", this.scopes, Servers.tcp().port(taken), (in, out) -> Mono.never())
			.build();
		Mono<Void> none = this.scopes.use(AsyncResource.all(first, refused, second), (servers) -> Mono.empty());
		assertThatExceptionOfType(ChannelBindException.class).isThrownBy(() -> none.block(LIMIT));
		other.close().block(LIMIT);
	}

	@Test
	void closedResourceStopsItsServersAndBindsNoMore() {
		ServerResource echo = echo(this.scopes).build();
		Running running = serveForever(echo);
		echo.close().block(LIMIT);
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
		assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> new Caller(running.server.port()));
		assertThatExceptionOfType(ScopeClosedException.class)
			.isThrownBy(() -> this.scopes.use(echo, Server::serveForever).block(LIMIT));
	}

	@Test
	void endThatTakesLongerThanAReleaseIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> echo(this.scopes).grace(Duration.ofSeconds(8)).build())
			.withMessageContaining("'echo'")
			.withMessageContaining("8000 ms")
			.withMessageContaining("10000 ms")
			.withMessageContaining("scoped-async.release-timeout");
		assertThatIllegalArgumentException().isThrownBy(() -> echo(this.scopes).grace(Duration.ofSeconds(-1)));
		assertThatIllegalArgumentException().isThrownBy(() -> echo(this.scopes).abortAfter(Duration.ofSeconds(-1)));
		assertThatIllegalArgumentException().isThrownBy(() -> echo(this.scopes).maxConnections(0))
			.withMessageContaining("0");
	}

	@Test
	void serverIsHeldWithoutEndAndMayBeConnectedTo() throws Exception {
		Running running = serveForever(echo(this.scopes).build());
		try (Caller caller = new Caller(running.server.port())) {
			assertThat(caller.ask("hello")).isEqualTo("hello");
			assertThat(this.scopes.openScopes()).hasSize(2)
				.allSatisfy((scope) -> assertThat(scope.leakThreshold()).isEqualTo(ChronoUnit.FOREVER.getDuration()));
		}
		running.subscription.dispose();
	}

	@Test
	void serverWhoseSubscriptionNobodyKeepsIsNotLost() throws Exception {
		Server server = serveForever(echo(this.scopes).build()).server;
		System.gc();
		assertThat(this.scopes.takeLost()).isEmpty();
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("still there")).isEqualTo("still there");
			System.gc();
			assertThat(this.scopes.takeLost()).isEmpty();
			assertThat(caller.ask("still there")).isEqualTo("still there");
		}
		server.stop().block(LIMIT);
	}

	private Running serveForever(ServerResource resource) {
		AtomicReference<Server> bound = new AtomicReference<>();
		Disposable subscription = this.scopes.use(resource, (server) -> serving(server, bound)).subscribe();
		await().until(() -> bound.get() != null);
		return new Running(bound.get(), subscription);
	}

	/** Shows the server once it serves: others might stop or serve it before. */
	private static Mono<Void> serving(Server server, AtomicReference<Server> bound) {
		return server.serveForever().doOnSubscribe((subscription) -> bound.set(server));
	}

	private Scope.State state(String name) {
		List<Scope> found = this.scopes.openScopes().stream().filter((scope) -> scope.name().equals(name)).toList();
		assertThat(found).hasSize(1);
		return found.get(0).state();
	}

	private record Running(Server server, Disposable subscription) {
	}

}
