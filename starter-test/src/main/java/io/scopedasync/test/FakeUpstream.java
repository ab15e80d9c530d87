package io.scopedasync.test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.ByteBufFlux;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

import org.springframework.test.context.DynamicPropertyRegistry;

/**
 * A real HTTP server on a free port of the loopback interface, for tests of sessions. It
 * answers as it is told, 404 to what it was told nothing of, and knows what it was asked.
 * In a test class it fits JUnit's {@code @AutoClose}:
 *
 * <pre class="code">
 * &#064;AutoClose
 * static FakeUpstream upstream = FakeUpstream.start().respond("/quotes/SPRG", Answer.text("42"));
 *
 * &#064;DynamicPropertySource
 * static void properties(DynamicPropertyRegistry registry) {
 * 	upstream.asSession("quotes", registry);
 * }
 * </pre>
 */
public final class FakeUpstream implements AutoCloseable {

	/** The first server of all loads much, on a busy machine for seconds. */
	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final Map<String, Answers> answers = new ConcurrentHashMap<>();

	private volatile Answers otherwise = new Answers(List.of(Answer.status(404)));

	private final List<Request> requests = new CopyOnWriteArrayList<>();

	private final Set<Channel> open = ConcurrentHashMap.newKeySet();

	private final AtomicInteger connections = new AtomicInteger();

	private final Set<Sinks.One<Answer>> hanging = ConcurrentHashMap.newKeySet();

	private final DisposableServer server = HttpServer.create()
		.host("127.0.0.1")
		.port(0)
		.doOnConnection((connection) -> connected(connection.channel()))
		.handle(this::handle)
		.bindNow(LIMIT);

	private FakeUpstream() {
	}

	/**
	 * Starts a server.
	 * @return the server, to be closed
	 */
	public static FakeUpstream start() {
		return new FakeUpstream();
	}

	/**
	 * What every request gets whose path has no answers of its own.
	 * @param first what the first one gets
	 * @param then what those after it get; the last answer stays
	 * @return this
	 */
	public FakeUpstream respond(Answer first, Answer... then) {
		this.otherwise = Answers.of(first, then);
		return this;
	}

	/**
	 * What requests for a path get, whatever their method.
	 * @param path the path, without query
	 * @param first what the first one gets
	 * @param then what those after it get; the last answer stays
	 * @return this
	 */
	public FakeUpstream respond(String path, Answer first, Answer... then) {
		this.answers.put(path, Answers.of(first, then));
		return this;
	}

	/**
	 * Where it listens.
	 * @return the URL, without a slash at its end
	 */
	public String url() {
		return "http://127.0.0.1:" + this.server.port();
	}

	/**
	 * Makes it the server of a session of the application.
	 * @param session the session's name
	 * @param registry where {@code scoped-async.sessions.<session>.base-url} is set
	 */
	public void asSession(String session, DynamicPropertyRegistry registry) {
		registry.add("scoped-async.sessions." + session + ".base-url", this::url);
	}

	/**
	 * What it was asked so far.
	 * @return a copy, in order of arrival
	 */
	public List<Request> requests() {
		return List.copyOf(this.requests);
	}

	/**
	 * What it was asked for a path.
	 * @param path the path, without query
	 * @return a copy, in order of arrival
	 */
	public List<Request> requests(String path) {
		return this.requests.stream().filter((request) -> request.path().equals(path)).toList();
	}

	/**
	 * How many requests {@linkplain Answer#hang() hang} whose clients still wait.
	 * @return the number now
	 */
	public int hanging() {
		return this.hanging.size();
	}

	/**
	 * Answers all requests that hang now.
	 * @param answer what they get
	 * @return this
	 */
	public FakeUpstream answerHanging(Answer answer) {
		this.hanging.forEach((request) -> request.tryEmitValue(answer));
		return this;
	}

	/**
	 * How many connections there have been.
	 * @return the number so far
	 */
	public int connections() {
		return this.connections.get();
	}

	/**
	 * How many connections are open.
	 * @return the number now
	 */
	public int openConnections() {
		return this.open.size();
	}

	/**
	 * Closes its port and all connections.
	 */
	@Override
	public void close() {
		this.open.forEach(Channel::close);
		this.server.disposeNow(LIMIT);
	}

	private void connected(Channel channel) {
		// Told of each request anew.
		if (this.open.add(channel)) {
			this.connections.incrementAndGet();
			channel.closeFuture().addListener((ignored) -> this.open.remove(channel));
		}
	}

	private Publisher<Void> handle(HttpServerRequest request, HttpServerResponse response) {
		return request.receive().aggregate().asString().defaultIfEmpty("").flatMap((body) -> {
			Request received = Request.of(request, body);
			this.requests.add(received);
			return send(this.answers.getOrDefault(received.path(), this.otherwise).next(), response);
		});
	}

	private Mono<Void> send(Answer answer, HttpServerResponse response) {
		if (answer.kind == Answer.Kind.HANG) {
			return hang(response);
		}
		response.status(answer.status);
		answer.headers.forEach(response::header);
		answer.cookies.forEach((name, value) -> response.addCookie(cookie(name, value)));
		return switch (answer.kind) {
			case HANG, WHOLE -> response.sendString(Mono.just(answer.body)).then();
			case HANG_MID_BODY -> sendPart(answer, response, Mono.never());
			case CLOSE_MID_BODY -> sendPart(answer, response, Mono.defer(() -> {
				// Behind what was written.
				response.withConnection(
						(connection) -> connection.channel().eventLoop().execute(() -> connection.channel().close()));
				return Mono.never();
			}));
		};
	}

	/** Cancelled when the client goes away. */
	private Mono<Void> hang(HttpServerResponse response) {
		Sinks.One<Answer> later = Sinks.one();
		this.hanging.add(later);
		return later.asMono()
			.doFinally((signal) -> this.hanging.remove(later))
			.flatMap((answer) -> send(answer, response));
	}

	private static Mono<Void> sendPart(Answer answer, HttpServerResponse response, Mono<String> rest) {
		response.header(HttpHeaderNames.CONTENT_LENGTH, Integer.toString(answer.promisedLength()));
		return response.send(ByteBufFlux.fromString(Flux.concat(Mono.just(answer.body), rest)), (part) -> true).then();
	}

	private static Cookie cookie(String name, String value) {
		Cookie cookie = new DefaultCookie(name, value);
		cookie.setPath("/");
		return cookie;
	}

	/**
	 * A request that arrived.
	 *
	 * @param method GET, POST and so on
	 * @param path its path
	 * @param query what follows the question mark, null if there is none
	 * @param headers its headers, by name in lower case; the first of each
	 * @param cookies values of its cookies, by name
	 * @param body its body, empty if there was none
	 */
	public record Request(String method, String path, @Nullable String query, Map<String, String> headers,
			Map<String, String> cookies, String body) {

		static Request of(HttpServerRequest request, String body) {
			String uri = request.uri();
			int mark = uri.indexOf('?');
			Map<String, String> headers = new HashMap<>();
			request.requestHeaders()
				.forEach((header) -> headers.putIfAbsent(header.getKey().toLowerCase(Locale.ROOT), header.getValue()));
			Map<String, String> cookies = new HashMap<>();
			request.allCookies()
				.forEach((name, values) -> values.forEach((cookie) -> cookies.put(name.toString(), cookie.value())));
			return new Request(request.method().name(), (mark < 0) ? uri : uri.substring(0, mark),
					(mark < 0) ? null : uri.substring(mark + 1), Map.copyOf(headers), Map.copyOf(cookies), body);
		}

	}

	/** Several for one path, each given once but the last. */
	private static final class Answers {

		private final List<Answer> all;

		private final AtomicInteger given = new AtomicInteger();

		Answers(List<Answer> all) {
			this.all = all;
		}

		static Answers of(Answer first, Answer... then) {
			List<Answer> all = new ArrayList<>();
			all.add(first);
			all.addAll(List.of(then));
			return new Answers(all);
		}

		Answer next() {
			int last = this.all.size() - 1;
			return this.all.get(this.given.getAndUpdate((given) -> Math.min(given + 1, last)));
		}

	}

}
