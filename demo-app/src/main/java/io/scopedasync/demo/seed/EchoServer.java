package io.scopedasync.demo.seed;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.netty.handler.codec.LineBasedFrameDecoder;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.demo.Story;
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
		return Mono.defer(() -> {
			Clients clients = new Clients();
			return TcpServer.create()
				.host("127.0.0.1")
				.port(0)
				.doOnConnection((client) -> clients.add(client.addHandlerLast(new LineBasedFrameDecoder(LONGEST_LINE))))
				.handle((in, out) -> out.sendString(in.receive().asString().map((line) -> line + "\n")))
				.bind()
				.doOnNext((server) -> this.story.note("server", "listens"))
				.map((server) -> new Running(server, clients));
		});
	}

	@Override
	public Mono<Void> release(Running running, Exit exit) {
		this.story.note("server", "accepts nobody new");
		running.clients.closed = true;
		running.server.dispose();
		return running.server.onDispose()
			.then(running.clients.allGone().timeout(this.grace, Mono.defer(() -> sendAway(running.clients))))
			.doOnSuccess((closed) -> this.story.note("server", "closed"));
	}

	private Mono<Void> sendAway(Clients clients) {
		this.story.note("server", "the grace period is over, clients left: " + clients.connections.size());
		clients.connections.forEach(Connection::dispose);
		return clients.allGone();
	}

	@Override
	public String name() {
		return "echo-server";
	}

	/**
	 * A server that listens.
	 *
	 * @param server what listens
	 * @param clients who is connected
	 */
	record Running(DisposableServer server, Clients clients) {

		int port() {
			return this.server.port();
		}

	}

	/**
	 * Who is connected.
	 */
	private static final class Clients {

		private final Set<Connection> connections = ConcurrentHashMap.newKeySet();

		private volatile boolean closed;

		void add(Connection client) {
			this.connections.add(client);
			client.onDispose(() -> this.connections.remove(client));
			if (this.closed) {
				// Was accepted before the server closed, and came here after.
				client.dispose();
			}
		}

		Mono<Void> allGone() {
			return Mono.defer(() -> Flux.fromIterable(this.connections).flatMap(Connection::onDispose).then());
		}

	}

}
