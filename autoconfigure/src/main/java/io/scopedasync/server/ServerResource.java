package io.scopedasync.server;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.Measured;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.tcp.TcpServer;

/**
 * A server of Reactor Netty as a resource: bound and accepting once acquired, and
 * released once its last connection has gone; {@link Server} says how. Each acquisition
 * binds one. Each connection, of HTTP each request, is served in a scope of its own,
 * which is seen among the open ones and released before its connection is closed.
 * <p>
 * Several servers of one scope are all bound or none: if one cannot be, those before it
 * are closed again.
 */
public final class ServerResource implements AsyncResource<Server>, Measured {

	private final ServerOptions options;

	private final Set<Server> running = ConcurrentHashMap.newKeySet();

	private volatile boolean closed;

	ServerResource(ServerOptions options) {
		this.options = options;
	}

	/**
	 * Configures a TCP server.
	 * @param name name in metrics, logs and errors; a bean should be given its bean name
	 * @param scopes opens a scope per connection, named {@code name} and "connection"
	 * @param server where to bind, and everything else but its handler; give it none
	 * @param handler serves a connection, which is closed when the handler ends, in
	 * whatever way; it is cancelled when the client has gone. Called on the connection's
	 * event loop
	 * @return a builder
	 */
	public static ServerBuilder tcp(String name, AsyncScopes scopes, TcpServer server,
			BiFunction<? super NettyInbound, ? super NettyOutbound, ? extends Publisher<Void>> handler) {
		return new ServerBuilder(name, scopes, Handlers.of(server, handler)::bind, false);
	}

	/**
	 * Configures an HTTP server.
	 * @param name name in metrics, logs and errors; a bean should be given its bean name
	 * @param scopes opens a scope per request, named {@code name} and "request"
	 * @param server where to bind, and everything else but its handler; give it none
	 * @param handler answers a request, {@code HttpServerRoutes} for instance; it is
	 * cancelled when the client has gone. One that is cancelled by the server answers 503
	 * if nothing was sent yet, and breaks off if something was. A web socket is served in
	 * the scope of its request until it is closed, by the server with 1001; what its
	 * handler does beside reading and writing is up to Reactor Netty, which neither
	 * cancels it then nor waits for it. Called on the connection's event loop
	 * @return a builder
	 */
	public static ServerBuilder http(String name, AsyncScopes scopes, HttpServer server,
			BiFunction<? super HttpServerRequest, ? super HttpServerResponse, ? extends Publisher<Void>> handler) {
		return new ServerBuilder(name, scopes, Handlers.of(server, handler)::bind, true);
	}

	/**
	 * Binds.
	 * @return the server, on the event loop that accepts; the error of a port that is not
	 * free is a {@code ChannelBindException}
	 */
	@Override
	public Mono<Server> acquire() {
		return Mono.defer(() -> {
			if (this.closed) {
				throw this.options.refusal();
			}
			return this.options.bind().get().map((bound) -> {
				Server server = new Server(this.options, bound, this.running::remove);
				this.running.add(server);
				server.begin();
				if (this.closed) {
					server.stop();
				}
				return server;
			});
		});
	}

	@Override
	public Mono<Void> release(Server server, Exit exit) {
		return server.stop();
	}

	@Override
	public Mono<Void> abort(Server server) {
		return server.abort();
	}

	@Override
	public String name() {
		return this.options.name();
	}

	@Override
	public Nesting nesting() {
		return Nesting.JOIN;
	}

	/** A server is held without end. */
	@Override
	public Duration leakThreshold() {
		return ChronoUnit.FOREVER.getDuration();
	}

	@Override
	public String type() {
		return "server";
	}

	@Override
	public Usage usage() {
		int active = this.running.stream().mapToInt(Server::active).sum();
		int max = this.options.maxConnections();
		return new Usage(active, 0, max, Math.max(0, max - active));
	}

	/**
	 * Stops every server of this resource that is running, gracefully, and binds no other
	 * one. A bean is closed with the application, before its scopes. Eager, and the same
	 * end for every caller.
	 * @return completes when the last connection has gone
	 */
	public Mono<Void> close() {
		this.closed = true;
		return Mono.when(this.running.stream().map(Server::stop).toList());
	}

}
