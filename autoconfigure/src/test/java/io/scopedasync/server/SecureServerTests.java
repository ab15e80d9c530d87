package io.scopedasync.server;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import javax.net.ssl.KeyManagerFactory;

import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.http.Http11SslContextSpec;
import reactor.netty.http.Http2SslContextSpec;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.ConnectionProvider;
import reactor.netty.tcp.SslProvider.GenericSslContextSpec;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.webclient.SelfSigned;

import static io.scopedasync.server.Servers.LIMIT;
import static io.scopedasync.server.Servers.await;
import static io.scopedasync.server.Servers.awaitRefused;
import static io.scopedasync.server.Servers.enter;
import static io.scopedasync.server.Servers.get;
import static io.scopedasync.server.Servers.status;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Over TLS, with HTTP/1.1 and HTTP/2 as client and server agree on it, a server ends as
 * it does without.
 */
@Timeout(60)
class SecureServerTests {

	private static final Duration GRACE = Duration.ofSeconds(5);

	@TempDir
	private static Path directory;

	private static Path keyStore;

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Scope scope = this.scopes.open("test");

	private final Sinks.One<String> answer = Sinks.one();

	private final AtomicBoolean inside = new AtomicBoolean();

	private final AtomicReference<String> exit = new AtomicReference<>();

	private final ConnectionProvider connections = ConnectionProvider.create("secure-server-tests", 1);

	enum Protocol {

		HTTP11(HttpProtocol.HTTP11), HTTP2(HttpProtocol.H2);

		final HttpProtocol http;

		Protocol(HttpProtocol http) {
			this.http = http;
		}

	}

	@BeforeAll
	static void certificate() throws Exception {
		keyStore = SelfSigned.keyStore(directory);
	}

	@AfterEach
	void nothingIsLeftOpen() {
		this.connections.dispose();
		await().untilAsserted(() -> assertThat(this.scopes.openScopes()).isEmpty());
	}

	@ParameterizedTest
	@EnumSource
	@Case({ 155, 158 })
	void whatIsUnderWayIsFinishedAndWhatIsIdleIsClosed(Protocol protocol) throws Exception {
		Server server = enter(this.scope, resource(protocol).build());
		HttpClient client = client(protocol, server);
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

	@ParameterizedTest
	@EnumSource
	@Case(158)
	void anIdleConnectionIsClosedAtOnce(Protocol protocol) throws Exception {
		Server server = enter(this.scope, resource(protocol).build());
		assertThat(get(client(protocol, server), "/name").block(LIMIT)).isEqualTo("http request");
		// Virtual time stands still: nothing waits for a grace period.
		this.scope.close().block(LIMIT);
		assertThat(server.connections()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	@Case(159)
	void whatIsNotAnsweredWithinTheGracePeriodIsUnavailable(Protocol protocol) throws Exception {
		Server server = enter(this.scope, resource(protocol).grace(GRACE).build());
		Mono<Integer> status = status(client(protocol, server), "/later").cache();
		status.subscribe();
		await().until(this.inside::get);
		Mono<Void> closed = this.scope.close();
		awaitRefused(server);
		this.time.advanceTimeBy(GRACE);
		assertThat(status.block(LIMIT)).isEqualTo(503);
		closed.block(LIMIT);
		assertThat(this.exit).hasValue("cancelled: the grace period of server 'http' (5000 ms) is over");
	}

	private ServerBuilder resource(Protocol protocol) throws Exception {
		HttpServer server = HttpServer.create().host("127.0.0.1").port(0).runOn(Servers.LOOP);
		KeyManagerFactory keys = SelfSigned.keys(keyStore);
		GenericSslContextSpec<?> context = (protocol == Protocol.HTTP2) ? Http2SslContextSpec.forServer(keys)
				: Http11SslContextSpec.forServer(keys);
		HttpServer secure = server.protocol(protocol.http).secure((spec) -> spec.sslContext(context));
		return ServerResource.http("http", this.scopes, secure,
				(request, response) -> response.sendString(request.uri().equals("/later")
						? noting().then(this.answer.asMono()) : Scope.current().map(Scope::name)));
	}

	private Mono<Void> noting() {
		return Scope.current().doOnNext((own) -> {
			own.onExit((how) -> Mono.fromRunnable(() -> this.exit.set(how.toString())));
			this.inside.set(true);
		}).then();
	}

	private HttpClient client(Protocol protocol, Server server) {
		GenericSslContextSpec<?> context = (protocol == Protocol.HTTP2)
				? Http2SslContextSpec.forClient().configure(SecureServerTests::trust)
				: Http11SslContextSpec.forClient().configure(SecureServerTests::trust);
		return HttpClient.create(this.connections)
			.baseUrl("https://127.0.0.1:" + server.port())
			.protocol(protocol.http)
			.secure((spec) -> spec.sslContext(context));
	}

	private static void trust(SslContextBuilder client) {
		client.trustManager(InsecureTrustManagerFactory.INSTANCE);
	}

}
