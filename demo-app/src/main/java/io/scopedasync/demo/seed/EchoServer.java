package io.scopedasync.demo.seed;

import java.time.Duration;

import io.netty.handler.codec.LineBasedFrameDecoder;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.demo.Story;
import io.scopedasync.server.Server;
import io.scopedasync.server.ServerResource;
import reactor.core.publisher.Mono;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.tcp.TcpServer;

/**
 * A server that answers each line with the same line. At the end of its scope it accepts
 * nobody new, serves who is connected for the length of a grace period, and then closes
 * what is left.
 *
 * @param scopes serve the connections
 * @param grace how long clients may stay
 * @param story where the server notes what it does
 */
record EchoServer(AsyncScopes scopes, Duration grace, Story story) {

	static final int LONGEST_LINE = 1024;

	private static final Duration ABORT = Duration.ofMillis(500);

	AsyncResource<Server> resource() {
		TcpServer transport = TcpServer.create()
			.host("127.0.0.1")
			.port(0)
			.doOnConnection((client) -> client.addHandlerLast(new LineBasedFrameDecoder(LONGEST_LINE)));
		ServerResource server = ServerResource.tcp("echo-server", this.scopes, transport, this::echo)
			.grace(this.grace)
			.abortAfter(ABORT)
			.build();
		// Released right before the server.
		return server.flatMap((bound) -> AsyncResource.of(() -> Mono.fromSupplier(() -> {
			this.story.note("server", "listens");
			return bound;
		}), (value, exit) -> Mono.fromRunnable(() -> this.story.note("server", "accepts nobody new"))));
	}

	private Mono<Void> echo(NettyInbound in, NettyOutbound out) {
		return Scope.current()
			.doOnNext((connection) -> connection
				.onExit((exit) -> Mono.fromRunnable(() -> this.story.note("connection", exit.toString()))))
			.thenMany(out.sendString(in.receive().asString().map((line) -> line + "\n")))
			.then();
	}

}
