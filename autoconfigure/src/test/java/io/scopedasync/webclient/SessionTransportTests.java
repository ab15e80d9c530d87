package io.scopedasync.webclient;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

import io.netty.channel.Channel;
import io.netty.channel.socket.SocketChannel;
import io.scopedasync.AsyncScopes;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.transport.ProxyProvider;

import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Sessions over HTTP/2 and through a proxy, with a real server and a real proxy.
 */
class SessionTransportTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final byte[] CHUNK = new byte[16 * 1024];

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Set<Channel> open = ConcurrentHashMap.newKeySet();

	private final CountDownLatch asked = new CountDownLatch(1);

	private final AtomicInteger silenced = new AtomicInteger();

	private final DisposableServer server = HttpServer.create()
		.host("127.0.0.1")
		.port(0)
		.protocol(HttpProtocol.HTTP11, HttpProtocol.H2C)
		.doOnChannelInit((observer, channel, remote) -> {
			Channel connection = (channel.parent() instanceof SocketChannel socket) ? socket : channel;
			this.open.add(connection);
			connection.closeFuture().addListener((ignored) -> this.open.remove(connection));
		})
		.route((routes) -> routes
			.get("/protocol", (request, response) -> response.sendString(Mono.just(request.protocol())))
			.get("/login",
					(request, response) -> response.addHeader("Set-Cookie", "id=7; Path=/").sendString(Mono.just("in")))
			.get("/cookie",
					(request, response) -> response
						.sendString(Mono.just(String.valueOf(request.requestHeaders().get("cookie")))))
			.get("/silent", (request, response) -> {
				this.asked.countDown();
				return Mono.<Void>never().doOnCancel(this.silenced::incrementAndGet);
			})
			.get("/endless", (request, response) -> response.sendByteArray(Flux.generate((sink) -> sink.next(CHUNK)))))
		.bindNow(BOUND);

	private SessionResource session = session((client) -> client.protocol(HttpProtocol.H2C));

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.server.disposeNow(BOUND);
	}

	private SessionResource session(UnaryOperator<HttpClient> settings) {
		return SessionResource.builder("quotes")
			.webClient(WebClient.builder().baseUrl("http://127.0.0.1:" + this.server.port()))
			.transport((connections, session) -> new ReactorClientHttpConnector(
					session.apply(settings.apply(HttpClient.create(connections)))))
			.size(0, 1)
			.connections(2)
			.build();
	}

	@Test
	void sendsManyRequestsOverFewConnectionsOfHttp2() {
		Long answers = this.scopes.use(this.session,
				(session) -> Flux.range(0, 200).flatMap((i) -> get("/protocol"), 50).filter("HTTP/2.0"::equals).count())
			.block(BOUND);
		assertThat(answers).isEqualTo(200);
		assertThat(this.open).hasSizeLessThanOrEqualTo(2);
		assertWhole();
	}

	@Test
	void keepsCookiesOverHttp2() {
		this.scopes.use(this.session, (session) -> get("/login")).block(BOUND);
		assertThat(this.scopes.use(this.session, (session) -> get("/cookie")).block(BOUND)).isEqualTo("id=7");
	}

	@Test
	void endsStreamsAndKeepsTheConnectionOfHttp2() throws Exception {
		this.scopes.use(this.session, (session) -> get("/protocol")).block(BOUND);
		Set<Channel> before = Set.copyOf(this.open);
		Disposable call = this.scopes.use(this.session, (session) -> get("/silent")).subscribe();
		assertThat(this.asked.await(30, TimeUnit.SECONDS)).isTrue();
		call.dispose();
		Awaitility.await().atMost(BOUND).untilAsserted(() -> assertThat(this.silenced).hasValue(1));
		CountDownLatch reading = new CountDownLatch(1);
		Disposable endless = this.scopes
			.useMany(this.session,
					(session) -> this.session.client()
						.get()
						.uri("/endless")
						.retrieve()
						.bodyToFlux(byte[].class)
						.doOnNext((bytes) -> reading.countDown()))
			.subscribe();
		assertThat(reading.await(30, TimeUnit.SECONDS)).isTrue();
		endless.dispose();
		assertWhole();
		assertThat(this.open).containsAll(before);
	}

	@Test
	void goesThroughAProxy() throws Exception {
		try (ConnectProxy proxy = new ConnectProxy()) {
			this.session.close().block(BOUND);
			this.session = session((client) -> client
				.proxy((type) -> type.type(ProxyProvider.Proxy.HTTP).host("127.0.0.1").port(proxy.port())));
			assertThat(this.scopes.use(this.session, (session) -> get("/protocol")).block(BOUND)).isEqualTo("HTTP/1.1");
			assertThat(proxy.asked()).containsExactly("127.0.0.1:" + this.server.port());
			assertWhole();
			assertThat(proxy.asked()).as("the connection is used again").hasSize(1);
			Disposable call = this.scopes.use(this.session, (session) -> get("/silent")).subscribe();
			assertThat(this.asked.await(30, TimeUnit.SECONDS)).isTrue();
			call.dispose();
			assertWhole();
			Awaitility.await()
				.atMost(BOUND)
				.untilAsserted(() -> assertThat(this.silenced).as("requests given up").hasValue(1));
		}
	}

	private Mono<String> get(String path) {
		return this.session.client().get().uri(path).retrieve().bodyToMono(String.class);
	}

	private void assertWhole() {
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().active() == 0);
		assertThat(this.scopes.use(this.session, (session) -> get("/protocol")).block(BOUND)).startsWith("HTTP/");
		Awaitility.await().atMost(BOUND).untilAsserted(() -> assertThat(this.session.exchanges()).isEmpty());
		assertThat(this.session.statistics()).isEqualTo(new SessionResource.Statistics(1, 1, 0, 1, 0, 0));
	}

}
