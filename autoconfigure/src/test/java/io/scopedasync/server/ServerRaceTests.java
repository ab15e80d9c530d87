package io.scopedasync.server;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.enter;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Real sockets opened, used, closed and dropped at random around the ends of their
 * servers.
 */
@Timeout(360)
class ServerRaceTests {

	private static final int SERVERS = 110;

	private static final int CLIENTS = 10;

	private static final int CONNECTIONS = 2_000;

	private final AsyncScopes scopes = AsyncScopes.builder().tracked(true).build();

	private final AtomicInteger acquired = new AtomicInteger();

	private final AtomicInteger released = new AtomicInteger();

	private final AtomicInteger servedAfterEnd = new AtomicInteger();

	private final AtomicInteger answered = new AtomicInteger();

	private final AtomicInteger hung = new AtomicInteger();

	@Test
	void nobodyIsServedAfterTheEndAndNobodyIsLost() throws Exception {
		long seed = System.nanoTime();
		System.out.println("ServerRaceTests: seed " + seed);
		SplittableRandom random = new SplittableRandom(seed);
		ExecutorService threads = Executors.newFixedThreadPool(CLIENTS);
		AtomicInteger opened = new AtomicInteger();
		// On a busy machine more, until there were enough connections.
		for (int i = 0; i < SERVERS || opened.get() < CONNECTIONS; i++) {
			run(random.split(), threads, opened);
		}
		threads.shutdown();
		System.out.println("ServerRaceTests: " + opened + " connections, " + this.answered + " lines answered");
		assertThat(this.hung).hasValue(0);
		assertThat(this.servedAfterEnd).hasValue(0);
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
		assertThat(this.released).hasValue(this.acquired.get());
		// Else the races were none.
		assertThat(this.answered).hasPositiveValue();
	}

	private void run(SplittableRandom random, ExecutorService threads, AtomicInteger opened) throws Exception {
		AtomicBoolean ended = new AtomicBoolean();
		SplittableRandom handlers = random.split();
		ServerResource resource = ServerResource
			.tcp("race", this.scopes, Servers.tcp(), (in, out) -> handle(in, out, ended, next(handlers, 12)))
			.maxConnections(1 + random.nextInt(CLIENTS + 2))
			.grace(Duration.ofMillis(random.nextInt(15)))
			.abortAfter(Duration.ofMillis(random.nextInt(15)))
			.build();
		Scope scope = this.scopes.open("server");
		Server server = enter(scope, resource);
		List<Future<?>> clients = new ArrayList<>();
		for (int i = 0; i < CLIENTS; i++) {
			SplittableRandom own = random.split();
			clients.add(threads.submit((Callable<Void>) () -> {
				call(server.port(), own, opened);
				return null;
			}));
		}
		int enough = opened.get() + 10 + random.nextInt(30);
		long limit = System.nanoTime() + Duration.ofMillis(100).toNanos();
		while (opened.get() < enough && System.nanoTime() < limit) {
			Thread.onSpinWait();
		}
		if (random.nextInt(4) == 0) {
			server.abort();
		}
		scope.close().block(LIMIT);
		ended.set(true);
		assertThat(server.connections()).isEmpty();
		assertThat(resource.usage().active()).isZero();
		for (Future<?> client : clients) {
			client.get(300, TimeUnit.SECONDS);
		}
	}

	private Publisher<Void> handle(NettyInbound in, NettyOutbound out, AtomicBoolean ended, int kind) {
		if (ended.get()) {
			this.servedAfterEnd.incrementAndGet();
		}
		Mono<Void> body = switch (kind) {
			case 0 -> Mono.error(new IOException("as asked"));
			case 1 -> Mono.never();
			case 2 -> Mono.empty();
			case 3 -> Mono.fromDirect(Servers.echo(in, out)).subscribeOn(Schedulers.parallel());
			default -> Mono.fromDirect(Servers.echo(in, out));
		};
		AsyncResource<Integer> held = AsyncResource.of(() -> Mono.fromSupplier(this.acquired::incrementAndGet),
				(value, exit) -> Mono.delay(Duration.ofMillis((kind == 4) ? 10 : 0))
					.doOnNext((done) -> this.released.incrementAndGet())
					.then());
		return Scope.current().flatMap((own) -> own.enter(held)).then(body);
	}

	private void call(int port, SplittableRandom random, AtomicInteger opened) {
		for (int i = 0; i < 8; i++) {
			try (Caller caller = new Caller(port)) {
				opened.incrementAndGet();
				if (random.nextInt(6) == 0) {
					caller.socket.setSoLinger(true, 0);
				}
				for (int lines = random.nextInt(4); lines > 0; lines--) {
					String line = "line " + lines;
					if (line.equals(caller.ask(line))) {
						this.answered.incrementAndGet();
					}
				}
			}
			catch (SocketTimeoutException ex) {
				this.hung.incrementAndGet();
			}
			catch (ConnectException ex) {
				return;
			}
			catch (IOException ex) {
				// Reset or closed in the middle: the server has ended.
			}
		}
	}

	private static int next(SplittableRandom random, int bound) {
		synchronized (random) {
			return random.nextInt(bound);
		}
	}

}
