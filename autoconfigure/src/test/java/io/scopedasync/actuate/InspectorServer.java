package io.scopedasync.actuate;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import io.netty.handler.codec.http.HttpHeaderNames;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

/**
 * The inspector page, and beside it an endpoint that answers what the test wants, on a
 * free port of the loopback interface.
 */
final class InspectorServer implements AutoCloseable {

	static final String PAGE = page();

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final DisposableServer server;

	private final AtomicInteger answers = new AtomicInteger();

	private volatile int status = 200;

	private volatile String location = "";

	private volatile Supplier<String> body;

	InspectorServer(Supplier<String> body) {
		this.body = body;
		this.server = HttpServer.create()
			.host("127.0.0.1")
			.port(0)
			.maxKeepAliveRequests(1)
			.route((routes) -> routes
				.get("/actuator/scopes/ui",
						(request, response) -> response.header(HttpHeaderNames.CONTENT_TYPE, "text/html;charset=UTF-8")
							.sendString(Mono.just(PAGE)))
				.get("/actuator/scopes", this::answer))
			.bindNow(LIMIT);
	}

	private static String page() {
		try (InputStream page = InspectorServer.class.getResourceAsStream("inspector.html")) {
			if (page == null) {
				throw new IllegalStateException("There is no inspector.html beside " + InspectorServer.class);
			}
			return new String(page.readAllBytes(), StandardCharsets.UTF_8);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private Publisher<Void> answer(HttpServerRequest request, HttpServerResponse response) {
		this.answers.incrementAndGet();
		if (this.status != 200) {
			return response.status(this.status)
				.header(HttpHeaderNames.LOCATION, this.location)
				.sendString(Mono.just("no"));
		}
		return response.header(HttpHeaderNames.CONTENT_TYPE, "application/json")
			.sendString(Mono.fromSupplier(this.body));
	}

	String origin() {
		return "http://127.0.0.1:" + this.server.port();
	}

	/** How often the endpoint was asked. */
	int answers() {
		return this.answers.get();
	}

	void answerWith(Supplier<String> body) {
		this.body = body;
	}

	void answerWith(int status) {
		this.status = status;
	}

	void redirectTo(String location) {
		this.location = location;
		this.status = 302;
	}

	@Override
	public void close() {
		this.server.disposeNow(LIMIT);
	}

}
