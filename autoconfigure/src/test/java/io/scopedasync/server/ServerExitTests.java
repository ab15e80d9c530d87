package io.scopedasync.server;

import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.ReleaseTimeoutException;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.reactivestreams.Publisher;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;
import reactor.test.scheduler.VirtualTimeScheduler;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.awaitRefused;
import static io.scopedasync.server.Servers.echo;
import static io.scopedasync.server.Servers.enter;
import static io.scopedasync.server.Servers.handling;
import static io.scopedasync.server.Servers.isRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What becomes of those who are connected when a server ends, and when something fails.
 */
@Timeout(60)
@ExtendWith(OutputCaptureExtension.class)
class ServerExitTests {

	private static final Duration GRACE = Duration.ofSeconds(5);

	private static final Duration ABORT = Duration.ofSeconds(2);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Scope scope = this.scopes.open("test");

	@AfterEach
	void nothingIsLeftOpen() {
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
	}

	@Test
	@Case(159)
	void handlersAreCancelledAfterTheGracePeriod(CapturedOutput output) throws Exception {
		AtomicReference<String> exit = new AtomicReference<>();
		Server server = enter(this.scope, noting(exit).grace(GRACE).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("one")).isEqualTo("one");
			Mono<Void> closed = this.scope.close();
			awaitRefused(server);
			this.time.advanceTimeBy(GRACE.minusMillis(1));
			assertThat(caller.ask("two")).isEqualTo("two");
			assertThat(exit).hasNullValue();
			this.time.advanceTimeBy(Duration.ofMillis(1));
			closed.block(LIMIT);
			assertThat(exit).hasValue("cancelled: the grace period of server 'echo' (5000 ms) is over");
			assertThat(caller.hear()).isNull();
		}
		assertThat(output).contains("The grace period of server 'echo', 5000 ms, is over")
			.doesNotContain("had not ended");
	}

	@Test
	@Case({ 71, 159 })
	void whatDoesNotEndAfterItsCancelIsResetAndListed(CapturedOutput output) throws Exception {
		List<ServerConnection> aborted = new CopyOnWriteArrayList<>();
		Sinks.Empty<Void> stuck = Sinks.empty();
		AsyncResource<String> resource = AsyncResource
			.<String>of(() -> Mono.just("held"), (value, exit) -> stuck.asMono())
			.named("stuck");
		Server server = enter(this.scope, handling(this.scopes, (in,
				out) -> Scope.current().flatMap((own) -> own.enter(resource)).thenMany(Servers.echo(in, out)).then())
			.grace(GRACE)
			.abortAfter(ABORT)
			.onAbort(aborted::addAll)
			.build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("one")).isEqualTo("one");
			Mono<Void> closed = this.scope.close();
			awaitRefused(server);
			this.time.advanceTimeBy(GRACE);
			this.time.advanceTimeBy(ABORT.minusMillis(1));
			Servers.awaitAcceptLoop();
			assertThat(aborted).isEmpty();
			this.time.advanceTimeBy(Duration.ofMillis(1));
			closed.block(LIMIT);
			assertThat(aborted).singleElement().satisfies((connection) -> {
				assertThat(connection.remoteAddress()).isEqualTo(caller.socket.getLocalSocketAddress());
				assertThat(connection.age()).isEqualTo(GRACE.plus(ABORT));
			});
			assertThatExceptionOfType(SocketException.class).isThrownBy(caller::hear)
				.withMessageContaining("Connection reset");
			assertThat(output).contains("Server 'echo' resets 1 that had not ended")
				.contains(caller.socket.getLocalSocketAddress() + " (7000 ms old)");
		}
		// Its scope, which nobody waits for any more, is still in the list.
		assertThat(this.scopes.openScopes()).extracting(Scope::name).containsExactly("echo connection");
		stuck.tryEmitEmpty();
	}

	@Test
	@Case(159)
	void aRequestThatIsCancelledBeforeItsScopeIsThereIsRefused() {
		AtomicReference<Runnable> begins = new AtomicReference<>(() -> {
		});
		AsyncScopes observed = AsyncScopes.builder()
			.clock(ScopeClock.of(this.time))
			.observer((name, caller, around) -> {
				if (name.equals("gateway request")) {
					begins.get().run();
				}
				return null;
			})
			.build();
		AtomicBoolean called = new AtomicBoolean();
		// One thread accepts, serves and ends, so that the end is not only asked for.
		LoopResources one = LoopResources.create("one", 1, true);
		HttpServer http = HttpServer.create().host("127.0.0.1").port(0).runOn(one);
		ServerResource resource = ServerResource.http("gateway", observed, http, (request, response) -> {
			called.set(true);
			return response.sendString(Mono.just("hello"));
		}).grace(Duration.ZERO).build();
		Scope around = observed.open("around");
		Server server = enter(around, resource);
		begins.set(() -> {
			around.close().subscribe();
			this.time.advanceTimeBy(Duration.ofMillis(1));
		});
		HttpClient client = HttpClient.newConnection().baseUrl("http://127.0.0.1:" + server.port());
		assertThat(Servers.status(client, "/").block(LIMIT)).isEqualTo(503);
		assertThat(called).isFalse();
		around.close().block(LIMIT);
		one.disposeLater().block(LIMIT);
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(158)
	void gracefulEndDeliversWhatIsUnderWay() throws Exception {
		Server server = enter(this.scope, flooding().grace(Duration.ZERO).build());
		try (Caller lingering = new Caller(server.port())) {
			awaitFullBuffers(lingering);
			Mono<Void> closed = this.scope.close();
			await().until(() -> server.connections().isEmpty() || !advance());
			closed.block(LIMIT);
			assertThat(readToTheEnd(lingering.socket.getInputStream())).isPositive();
		}
	}

	@Test
	@Case(158)
	void abortResetsWithUnsentData() throws Exception {
		Server server = enter(this.scope, flooding().build());
		try (Caller lingering = new Caller(server.port())) {
			awaitFullBuffers(lingering);
			server.abort().block(LIMIT);
			assertThatExceptionOfType(SocketException.class)
				.isThrownBy(() -> readToTheEnd(lingering.socket.getInputStream()))
				.withMessageContaining("Connection reset");
		}
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case({ 71, 158 })
	void releaseThatIsCutShortAbortsTheServer() throws Exception {
		AsyncScopes hasty = AsyncScopes.builder()
			.clock(ScopeClock.of(this.time))
			.releaseTimeout(Duration.ofSeconds(1))
			.build();
		Scope impatient = hasty.open("hasty");
		// Configured for scopes that wait longer.
		Server server = enter(impatient, echo(this.scopes).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("one")).isEqualTo("one");
			Mono<Void> closed = impatient.close();
			awaitRefused(server);
			this.time.advanceTimeBy(Duration.ofSeconds(1));
			assertThatExceptionOfType(ReleaseTimeoutException.class).isThrownBy(() -> closed.block(LIMIT));
			assertThatExceptionOfType(SocketException.class).isThrownBy(caller::hear);
		}
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(160)
	void handlerThatFailsEndsItsConnectionAndNothingElse(CapturedOutput output) throws Exception {
		Server server = enter(this.scope, failingOn("fail").build());
		try (Caller good = new Caller(server.port()); Caller bad = new Caller(server.port())) {
			assertThat(good.ask("hello")).isEqualTo("hello");
			assertThat(bad.ask("fail")).isNull();
			assertThat(good.ask("still there")).isEqualTo("still there");
			try (Caller next = new Caller(server.port())) {
				assertThat(next.ask("next")).isEqualTo("next");
			}
		}
		assertThat(output).contains("A connection of server 'echo' is closed after an error of its handler")
			.contains("as asked");
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(160)
	void handlerThatThrowsOrEndsWithoutClosingEndsItsConnection() throws Exception {
		Server throwing = enter(this.scope, handling(this.scopes, (in, out) -> {
			throw new IllegalStateException("at once");
		}).build());
		Server forgetful = enter(this.scope, handling(this.scopes, (in, out) -> {
			in.withConnection((connection) -> connection.markPersistent(true));
			return Mono.empty();
		}).build());
		try (Caller caller = new Caller(throwing.port())) {
			assertThat(caller.hear()).isNull();
		}
		try (Caller caller = new Caller(forgetful.port())) {
			assertThat(caller.hear()).isNull();
		}
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(160)
	void handlerThatFailsStopsTheServerIfSoConfigured() throws Exception {
		ServerResource echo = failingOn("fail").stopOn(IllegalStateException.class::isInstance).build();
		AtomicReference<Server> bound = new AtomicReference<>();
		AtomicReference<Throwable> error = new AtomicReference<>();
		this.scopes.use(echo, (server) -> {
			bound.set(server);
			return server.serveForever();
		}).subscribe(null, error::set);
		await().until(() -> bound.get() != null);
		try (Caller good = new Caller(bound.get().port()); Caller bad = new Caller(bound.get().port())) {
			assertThat(good.ask("hello")).isEqualTo("hello");
			bad.say("fail");
			assertThat(bad.hear()).isNull();
			awaitRefused(bound.get());
			assertThat(good.ask("still there")).isEqualTo("still there");
			assertThat(error).hasNullValue();
		}
		await().untilAsserted(
				() -> assertThat(error.get()).isInstanceOf(IllegalStateException.class).hasMessage("as asked"));
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(161)
	void overloadPausesAcceptingAndIsSaidOnce(CapturedOutput output) throws Exception {
		Server server = enter(this.scope, echo(this.scopes).build());
		Channel accepting = server.channel();
		accepting.pipeline().fireExceptionCaught(new IOException("Too many open files"));
		accepting.pipeline().fireExceptionCaught(new IOException("Too many open files"));
		Servers.awaitAcceptLoop();
		try (Caller caller = new Caller(server.port())) {
			caller.say("patient");
			Servers.awaitAcceptLoop();
			assertThat(server.connections()).isEmpty();
			this.time.advanceTimeBy(Acceptor.PAUSE.minusMillis(1));
			Servers.awaitAcceptLoop();
			assertThat(server.connections()).isEmpty();
			this.time.advanceTimeBy(Duration.ofMillis(1));
			assertThat(caller.hear()).isEqualTo("patient");
		}
		assertThat(output).containsOnlyOnce("Server 'echo' could not accept a connection")
			.contains("Server 'echo' accepts connections again");
		this.scope.close().block(LIMIT);
	}

	@Test
	@Case(161)
	void anyOtherErrorOfTheAcceptingSocketEndsTheServer(CapturedOutput output) throws Exception {
		AtomicReference<Server> bound = new AtomicReference<>();
		Mono<Void> served = this.scopes.use(echo(this.scopes).build(), (server) -> {
			bound.set(server);
			return server.serveForever();
		});
		CountDownLatch ended = new CountDownLatch(1);
		AtomicReference<Throwable> error = new AtomicReference<>();
		served.doFinally((signal) -> ended.countDown()).subscribe(null, error::set);
		await().until(() -> bound.get() != null);
		IllegalStateException broken = new IllegalStateException("broken");
		bound.get().channel().pipeline().fireExceptionCaught(broken);
		assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(error).hasValue(broken);
		assertThat(isRefused(bound.get())).isTrue();
		assertThat(output).contains("Server 'echo' stops after an error");
		this.scope.close().block(LIMIT);
	}

	@Test
	void socketThatIsClosedFromOutsideEndsTheServer() throws Exception {
		Server server = enter(this.scope, echo(this.scopes).build());
		try (Caller caller = new Caller(server.port())) {
			assertThat(caller.ask("hello")).isEqualTo("hello");
			Mono<Void> served = server.serveForever();
			CountDownLatch ended = new CountDownLatch(1);
			AtomicReference<Throwable> error = new AtomicReference<>();
			served.doFinally((signal) -> ended.countDown()).subscribe(null, error::set);
			server.channel().close();
			awaitRefused(server);
			assertThat(caller.ask("still there")).isEqualTo("still there");
			caller.close();
			assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
			assertThat(error.get()).isInstanceOf(IOException.class).hasMessageContaining("closed from outside");
		}
		this.scope.close().block(LIMIT);
	}

	private ServerBuilder noting(AtomicReference<String> exit) {
		return handling(this.scopes, (in, out) -> Scope.current().flatMap((own) -> {
			own.onExit((how) -> Mono.fromRunnable(() -> exit.set(how.toString())));
			return Mono.fromDirect(Servers.echo(in, out));
		}));
	}

	private ServerBuilder failingOn(String line) {
		return handling(this.scopes, (in, out) -> failing(in, out, line));
	}

	private static Publisher<Void> failing(NettyInbound in, NettyOutbound out, String line) {
		return out.sendString(in.receive().asString().map((said) -> {
			if (said.equals(line)) {
				throw new IllegalStateException("as asked");
			}
			return said + "\n";
		}));
	}

	/** Sends more than any buffer holds. */
	private ServerBuilder flooding() {
		byte[] chunk = new byte[64 * 1024];
		return handling(this.scopes, (in, out) -> out
			.send(Flux.range(0, 10_000).map((number) -> Unpooled.wrappedBuffer(chunk)), (buffer) -> true));
	}

	private static void awaitFullBuffers(Caller caller) {
		int[] before = { -1 };
		await().pollInterval(Duration.ofMillis(50)).until(() -> {
			int now = caller.socket.getInputStream().available();
			boolean full = now > 0 && now == before[0];
			before[0] = now;
			return full;
		});
	}

	private boolean advance() {
		this.time.advanceTimeBy(Duration.ofMillis(1));
		return true;
	}

	private static long readToTheEnd(InputStream in) throws IOException {
		long bytes = 0;
		byte[] buffer = new byte[64 * 1024];
		for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
			bytes += read;
		}
		return bytes;
	}

}
