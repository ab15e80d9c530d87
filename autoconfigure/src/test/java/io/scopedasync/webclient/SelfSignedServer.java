package io.scopedasync.webclient;

import java.nio.file.Path;
import java.time.Duration;

import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;

/**
 * An HTTPS server whose certificate nobody trusts who does not know its key store.
 */
public final class SelfSignedServer implements AutoCloseable {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final Path keyStore;

	/** Its own, because an application context that is closed ends the shared ones. */
	private final LoopResources threads;

	private final DisposableServer server;

	private SelfSignedServer(Path keyStore, LoopResources threads, DisposableServer server) {
		this.threads = threads;
		this.keyStore = keyStore;
		this.server = server;
	}

	public static SelfSignedServer start(Path directory) throws Exception {
		Path keyStore = SelfSigned.keyStore(directory);
		SslContext context = SslContextBuilder.forServer(SelfSigned.keys(keyStore)).build();
		LoopResources threads = LoopResources.create("self-signed", 1, true);
		return new SelfSignedServer(keyStore, threads,
				HttpServer.create()
					.runOn(threads)
					.host("127.0.0.1")
					.port(0)
					.secure((spec) -> spec.sslContext(context))
					.handle((request, response) -> response.sendString(Mono.just("secret")))
					.bindNow(BOUND));
	}

	public String url() {
		return "https://127.0.0.1:" + this.server.port();
	}

	public Path keyStore() {
		return this.keyStore;
	}

	public String password() {
		return SelfSigned.PASSWORD;
	}

	@Override
	public void close() {
		this.server.disposeNow(BOUND);
		this.threads.disposeLater(Duration.ZERO, BOUND).block(BOUND);
	}

}
