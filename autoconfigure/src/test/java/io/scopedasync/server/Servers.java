package io.scopedasync.server;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;

import io.netty.handler.codec.LineBasedFrameDecoder;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.LoopResources;
import reactor.netty.tcp.TcpServer;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the tests of servers have in common.
 */
final class Servers {

	/** The first server of all loads much, on a busy machine for seconds. */
	static final Duration LIMIT = Duration.ofSeconds(30);

	/** Of one thread that accepts, so that a test can wait until that has looked. */
	static final LoopResources LOOP = LoopResources.create("server-tests", 1, 2, true);

	private Servers() {
	}

	static TcpServer tcp() {
		return TcpServer.create()
			.host("127.0.0.1")
			.port(0)
			.runOn(LOOP)
			.doOnConnection((connection) -> connection.addHandlerLast(new LineBasedFrameDecoder(1024)));
	}

	static Publisher<Void> echo(NettyInbound in, NettyOutbound out) {
		return out.sendString(in.receive().asString().map((line) -> line + "\n"));
	}

	static ServerBuilder echo(AsyncScopes scopes) {
		return handling(scopes, Servers::echo);
	}

	static ServerBuilder handling(AsyncScopes scopes,
			BiFunction<? super NettyInbound, ? super NettyOutbound, ? extends Publisher<Void>> handler) {
		return ServerResource.tcp("echo", scopes, tcp(), handler);
	}

	static Server enter(Scope scope, ServerResource resource) {
		Server server = scope.enter(resource).block(LIMIT);
		if (server == null) {
			throw new IllegalStateException("no server");
		}
		return server;
	}

	/** Twice: what is ready when it is asked for is accepted before it answers. */
	static void awaitAcceptLoop() throws Exception {
		for (int i = 0; i < 2; i++) {
			LOOP.onServerSelect(true).next().submit(() -> {
			}).get(30, TimeUnit.SECONDS);
		}
	}

	/**
	 * Does not call to find out: who calls just before the end is a connection like any
	 * other. The port is closed before the connections are told.
	 */
	static void awaitRefused(Server server) throws Exception {
		await().until(() -> !server.channel().isOpen());
		awaitAcceptLoop();
		assertThat(isRefused(server)).isTrue();
	}

	static boolean isRefused(Server server) {
		try (Caller caller = new Caller(server.port())) {
			return false;
		}
		catch (IOException ex) {
			return true;
		}
	}

	static Mono<String> get(HttpClient client, String path) {
		return client.get().uri(path).responseContent().aggregate().asString();
	}

	static Mono<Integer> status(HttpClient client, String path) {
		return client.get().uri(path).response().map((response) -> response.status().code());
	}

	static ConditionFactory await() {
		return Awaitility.await().atMost(LIMIT).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(5));
	}

}
