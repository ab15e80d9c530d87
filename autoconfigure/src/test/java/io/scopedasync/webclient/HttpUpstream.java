package io.scopedasync.webclient;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.netty.channel.Channel;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRoutes;

import org.springframework.web.reactive.function.client.WebClient;

/**
 * A real HTTP server on a free port of the loopback interface, which knows the
 * connections that are open to it.
 */
final class HttpUpstream implements AutoCloseable {

	private final Set<Channel> open = ConcurrentHashMap.newKeySet();

	private final AtomicInteger connections = new AtomicInteger();

	private final DisposableServer server;

	HttpUpstream(Consumer<HttpServerRoutes> routes) {
		this.server = HttpServer.create().host("127.0.0.1").port(0).doOnConnection((connection) -> {
			Channel channel = connection.channel();
			if (this.open.add(channel)) {
				this.connections.incrementAndGet();
				channel.closeFuture().addListener((ignored) -> this.open.remove(channel));
			}
		}).route(routes).bindNow(Duration.ofSeconds(20));
	}

	String url() {
		return "http://127.0.0.1:" + this.server.port();
	}

	int port() {
		return this.server.port();
	}

	/** How many connections are open now. */
	int open() {
		return this.open.size();
	}

	/** How many connections there have been. */
	int connections() {
		return this.connections.get();
	}

	SessionBuilder session(String name) {
		return SessionResource.builder(name).webClient(WebClient.builder().baseUrl(url()));
	}

	@Override
	public void close() {
		this.server.disposeNow(Duration.ofSeconds(20));
	}

}
