package io.scopedasync.webclient;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.tcp.TcpServer;
import reactor.test.scheduler.VirtualTimeScheduler;

import org.springframework.web.reactive.function.client.WebClientException;
import org.springframework.web.reactive.function.client.WebClientRequestException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Servers that are broken: each ends in a clear error within a bound, and afterwards the
 * pool is whole.
 */
class SessionFailureTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	/** Long enough for an answer that comes at once, on a busy machine too. */
	private static final Duration SHORT = Duration.ofSeconds(1);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final HttpUpstream upstream = new HttpUpstream(
			(routes) -> routes.get("/hello", (request, response) -> response.sendString(Mono.just("hello")))
				.get("/silent", (request, response) -> {
					this.time.advanceTimeBy(SHORT);
					return Mono.never();
				})
				.get("/endless", (request, response) -> response.sendByteArray(
						Flux.interval(Duration.ofMillis(10)).onBackpressureDrop().map((tick) -> new byte[100]))));

	private final AtomicReference<DisposableServer> broken = new AtomicReference<>();

	private SessionResource session = build((builder) -> builder);

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		DisposableServer server = this.broken.get();
		if (server != null) {
			server.disposeNow(BOUND);
		}
		this.upstream.close();
	}

	@Test
	void headersThatNeverCome() {
		this.session = build((builder) -> builder.responseTimeout(SHORT));
		assertThatExceptionOfType(SessionTimeoutException.class).isThrownBy(() -> get(this.upstream.url() + "/silent"))
			.withMessageContaining("GET " + this.upstream.url() + "/silent")
			.withMessageContaining("'quotes'")
			.withMessageContaining("response-timeout of 1000 ms");
		assertWhole();
	}

	@Test
	void totalTimeoutBeforeTheAnswer() {
		this.session = build((builder) -> builder.totalTimeout(SHORT).clock(ScopeClock.of(this.time)));
		assertThatExceptionOfType(SessionTimeoutException.class).isThrownBy(() -> get(this.upstream.url() + "/silent"))
			.withMessageContaining("its total-timeout of 1000 ms")
			.satisfies((error) -> assertThat(error.getTimeout()).isEqualTo(SHORT));
		assertWhole();
	}

	@Test
	void endlessBody() {
		this.session = build((builder) -> builder.totalTimeout(SHORT).clock(ScopeClock.of(this.time)));
		assertThatExceptionOfType(WebClientException.class)
			.isThrownBy(() -> this.scopes.use(this.session,
					(session) -> this.session.client()
						.get()
						.uri("/endless")
						.retrieve()
						.bodyToFlux(byte[].class)
						.doOnNext((bytes) -> this.time.advanceTimeBy(SHORT))
						.then())
				.block(BOUND))
			.havingRootCause()
			.isInstanceOf(SessionTimeoutException.class)
			.withMessageContaining("its total-timeout of 1000 ms");
		assertWhole();
	}

	@Test
	void endlessBodyUnderADeadline() {
		ScopeSpec spec = ScopeSpec.of("call").entering(this.session).timeout(SHORT);
		assertThatExceptionOfType(DeadlineExceededException.class).isThrownBy(() -> this.scopes
			.with(spec, (scope) -> this.session.client().get().uri("/endless").retrieve().bodyToMono(String.class))
			.block(BOUND));
		assertWhole();
	}

	@Test
	void serverThatClosesMidBody() {
		serve("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
		failsWith(WebClientException.class).havingRootCause()
			.withMessageContaining("Connection prematurely closed DURING response");
		assertWhole();
	}

	@Test
	void serverThatClosesWithoutAnAnswer() {
		serve("");
		failsWith(WebClientRequestException.class)
			.withMessageContaining("Connection prematurely closed BEFORE response");
		assertWhole();
	}

	@Test
	void serverThatDoesNotSpeakHttp() {
		serve("SSH-2.0-OpenSSH_9.6\r\n");
		failsWith(WebClientRequestException.class).withMessageContaining("SSH-2.0");
		assertWhole();
	}

	@Test
	void tlsToAPlainServer() {
		assertThatExceptionOfType(WebClientRequestException.class)
			.isThrownBy(() -> get("https://127.0.0.1:" + this.upstream.port() + "/hello"))
			.withMessageContaining("not an SSL/TLS record");
		assertWhole();
	}

	@Test
	void tlsToAServerThatNobodyTrusts(@TempDir Path directory) throws Exception {
		try (SelfSignedServer server = SelfSignedServer.start(directory)) {
			assertThatExceptionOfType(WebClientRequestException.class).isThrownBy(() -> get(server.url()))
				.withMessageContaining("PKIX path building failed");
			assertWhole();
		}
	}

	@Test
	void connectionRefused() throws IOException {
		// Bound, so that nobody else gets it, and not listening.
		try (Socket taken = new Socket()) {
			taken.bind(new InetSocketAddress("127.0.0.1", 0));
			int port = taken.getLocalPort();
			assertThatExceptionOfType(WebClientRequestException.class)
				.isThrownBy(() -> get("http://127.0.0.1:" + port + "/"))
				.withMessageContaining("Connection refused")
				.withMessageContaining(String.valueOf(port));
		}
		assertWhole();
	}

	@Test
	void unknownHost() {
		assertThatExceptionOfType(WebClientRequestException.class).isThrownBy(() -> get("http://nowhere.invalid/"))
			.withMessageContaining("nowhere.invalid")
			.withCauseInstanceOf(UnknownHostException.class);
		assertWhole();
	}

	@Test
	void tooFewConnections() {
		this.session = build((builder) -> builder.connections(1).acquireTimeout(SHORT));
		assertThatExceptionOfType(SessionTimeoutException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> {
				Mono<String> silent = session.client().get().uri("/silent").retrieve().bodyToMono(String.class);
				return Mono.when(silent, silent);
			}).block(BOUND))
			.withMessageContaining("acquire-timeout of 1000 ms")
			.withMessageContaining("1 connections of session 'quotes'");
		assertWhole();
	}

	@Test
	void tooManyRequestsForTheConnections() {
		this.session = build((builder) -> builder.connections(1).maxWaiting(1));
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> {
				Mono<String> silent = session.client().get().uri("/silent").retrieve().bodyToMono(String.class);
				return Mono.when(silent, silent, silent);
			}).block(BOUND))
			.withMessageContaining("all 1 connections of session 'quotes' in use and 1 requests waiting");
		// Cancelled while it connects, a connection is free only once it has connected.
		Awaitility.await()
			.atMost(BOUND)
			.ignoreExceptionsInstanceOf(AcquireRejectedException.class)
			.untilAsserted(this::assertWhole);
	}

	@Test
	void requestBodyThatFails() {
		assertThatExceptionOfType(WebClientException.class)
			.isThrownBy(() -> this.scopes.use(this.session,
					(session) -> session.client()
						.post()
						.uri("/hello")
						.body(Mono.delay(BOUND).thenReturn("late").timeout(SHORT), String.class)
						.retrieve()
						.bodyToMono(String.class))
				.block(BOUND))
			.withCauseInstanceOf(TimeoutException.class);
		assertWhole();
	}

	private void serve(String answer) {
		this.broken.set(TcpServer.create()
			.host("127.0.0.1")
			.port(0)
			.handle((in, out) -> in.receive()
				.next()
				.then(out.sendString(Mono.just(answer), StandardCharsets.ISO_8859_1).then()))
			.bindNow(BOUND));
	}

	private <T extends Throwable> ThrowableAssertAlternative<T> failsWith(Class<T> type) {
		return assertThatExceptionOfType(type)
			.isThrownBy(() -> get("http://127.0.0.1:" + this.broken.get().port() + "/"));
	}

	private String get(String url) {
		return this.scopes
			.use(this.session, (session) -> this.session.client().get().uri(url).retrieve().bodyToMono(String.class))
			.block(BOUND);
	}

	private void assertWhole() {
		assertThat(get(this.upstream.url() + "/hello")).isEqualTo("hello");
		assertThat(this.session.statistics())
			.extracting(SessionResource.Statistics::allocated, SessionResource.Statistics::active,
					SessionResource.Statistics::idle)
			.containsExactly(1, 0, 1);
	}

	private SessionResource build(UnaryOperator<SessionBuilder> settings) {
		return settings.apply(this.upstream.session("quotes").size(0, 1)).build();
	}

}
