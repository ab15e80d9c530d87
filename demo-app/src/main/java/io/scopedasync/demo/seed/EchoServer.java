package io.scopedasync.demo.seed;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.netty.handler.codec.LineBasedFrameDecoder;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.DisposableServer;
import reactor.netty.tcp.TcpServer;

/**
 * A server that answers each line with the same line. Its release accepts nobody new,
 * serves who is connected for the length of a grace period, and then closes what is left.
 *
 * @param grace how long clients may stay
 * @param story where the server notes what it does
 */
record EchoServer(Duration grace, Story story) implements AsyncResource<EchoServer.Running> {

	static final int LONGEST_LINE = 1024;

	@Override
	public Mono<Running> acquire() {
		Set<Connection> clients = ConcurrentHashMap.newKeySet();
		return TcpServer.create().host("127.0.0.1").port(0).doOnConnection((client) -> {
			client.addHandlerLast(new LineBasedFrameDecoder(LONGEST_LINE));
			clients.add(client);
			client.onDispose(() -> clients.remove(client));
		})
			.handle((in, out) -> out.sendString(in.receive().asString().map((line) -> line + "\n")))
			.bind()
			.doOnNext((server) -> this.story.note("server", "listens"))
			.map((server) -> new Running(server, clients));
	}

	@Override
	public Mono<Void> release(Running running, Exit exit) {
		this.story.note("server", "accepts nobody new");
		running.server().dispose();
		return running.server()
			.onDispose()
			.then(Mono.defer(running::allLeft).timeout(this.grace, Mono.defer(() -> sendAway(running))))
			.doOnSuccess((closed) -> this.story.note("server", "closed"));
	}

	private Mono<Void> sendAway(Running running) {
		this.story.note("server", "the grace period is over, clients left: " + running.clients().size());
		running.clients().forEach(Connection::dispose);
		return running.allLeft();
	}

	/**
	 * A server that listens.
	 *
	 * @param server what listens
	 * @param clients who is connected
	 */
	record Running(DisposableServer server, Set<Connection> clients) {

		int port() {
			return this.server.port();
		}

		Mono<Void> allLeft() {
			return Flux.fromIterable(this.clients).flatMap(Connection::onDispose).then();
		}

	}

}
