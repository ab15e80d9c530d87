package io.scopedasync.webclient;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.KeyManagerFactory;

import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * An HTTPS server whose certificate nobody trusts who does not know its key store.
 */
public final class SelfSignedServer implements AutoCloseable {

	private static final Duration BOUND = Duration.ofSeconds(20);

	private static final String PASSWORD = "changeit";

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
		Path keyStore = directory.resolve("self-signed.p12");
		Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
				"-genkeypair", "-alias", "server", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext",
				"SAN=IP:127.0.0.1", "-storetype", "PKCS12", "-keystore", keyStore.toString(), "-storepass", PASSWORD)
			.redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.DISCARD)
			.start();
		assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
		SslContext context = context(keyStore);
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

	private static SslContext context(Path keyStore) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(keyStore)) {
			keys.load(in, PASSWORD.toCharArray());
		}
		KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		managers.init(keys, PASSWORD.toCharArray());
		return SslContextBuilder.forServer(managers).build();
	}

	public String url() {
		return "https://127.0.0.1:" + this.server.port();
	}

	public Path keyStore() {
		return this.keyStore;
	}

	public String password() {
		return PASSWORD;
	}

	@Override
	public void close() {
		this.server.disposeNow(BOUND);
		this.threads.disposeLater(Duration.ZERO, BOUND).block(BOUND);
	}

}
