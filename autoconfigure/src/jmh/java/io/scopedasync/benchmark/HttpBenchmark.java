package io.scopedasync.benchmark;

import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import io.scopedasync.AsyncScopes;
import io.scopedasync.webclient.SessionResource;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.ConnectionProvider;

import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Requests to a server on this machine, a fixed number per shot. The variants take turns
 * inside one shot, so that they meet the same noise; {@link PerformanceReport} divides
 * the counters.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class HttpBenchmark {

	private static final int CONCURRENCY = 32;

	private static final int BATCH = 400;

	private static final int ROUNDS = 5;

	private static final int VARIANTS = 3;

	private final DisposableServer server = HttpServer.create()
		.host("127.0.0.1")
		.port(0)
		.route((routes) -> routes.get("/", (request, response) -> response.sendString(Mono.just("ok"))))
		.bindNow();

	private final String url = "http://127.0.0.1:" + this.server.port();

	private final ConnectionProvider connections = ConnectionProvider.create("benchmark", CONCURRENCY);

	/** As Spring Boot makes it, and as sessions do: with compression. */
	private final WebClient plain = WebClient.builder()
		.baseUrl(this.url)
		.clientConnector(new ReactorClientHttpConnector(HttpClient.create(this.connections).compress(true)))
		.build();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final SessionResource sessions = SessionResource.builder("session")
		.webClient(WebClient.builder().baseUrl(this.url))
		.size(CONCURRENCY, CONCURRENCY)
		.build();

	private final SessionResource oneSession = SessionResource.builder("one")
		.webClient(WebClient.builder().baseUrl(this.url))
		.size(1, 1)
		.connections(CONCURRENCY)
		.build();

	/** The one that is injected. */
	private final WebClient ofSession = this.sessions.client();

	private final WebClient ofOneSession = this.oneSession.client();

	@TearDown
	public void stop() {
		this.sessions.close().block(Peers.LIMIT);
		this.oneSession.close().block(Peers.LIMIT);
		this.connections.dispose();
		this.server.disposeNow();
	}

	private static Mono<String> get(WebClient client) {
		return client.get().uri("/").retrieve().bodyToMono(String.class);
	}

	private static Mono<Void> batch(Supplier<Publisher<String>> call) {
		return Flux.range(0, BATCH).flatMap((i) -> call.get(), CONCURRENCY).then();
	}

	private static long time(Mono<Void> batch) {
		long time = System.nanoTime();
		batch.block(Peers.LIMIT);
		return System.nanoTime() - time;
	}

	@Benchmark
	@OperationsPerInvocation(BATCH * ROUNDS * VARIANTS)
	public void requests(Count count) {
		for (int i = 0; i < ROUNDS; i++) {
			count.plain += time(batch(() -> get(this.plain)));
			count.ours += time(batch(() -> this.scopes.use(this.sessions, (session) -> get(this.ofSession))));
			count.oneScope += time(this.scopes.use(this.oneSession, (session) -> batch(() -> get(this.ofOneSession))));
			count.requests += BATCH;
		}
	}

	/**
	 * What a shot adds up.
	 */
	@AuxCounters(AuxCounters.Type.EVENTS)
	@State(Scope.Thread)
	public static class Count {

		public long requests;

		public long plain;

		public long ours;

		public long oneScope;

	}

}
