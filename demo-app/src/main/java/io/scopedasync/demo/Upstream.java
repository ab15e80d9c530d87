package io.scopedasync.demo;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Pattern;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

import org.springframework.context.SmartLifecycle;

/**
 * The server whose quotes the gateway hands on, strict as upstreams are: it wants a
 * login, serves ten requests at once, refuses more with 429, and takes its time. Runs
 * from construction and is the last to stop.
 */
final class Upstream implements SmartLifecycle {

	private static final int CAPACITY = 10;

	private static final Duration WORK = Duration.ofMillis(100);

	private static final String COOKIE = "login";

	private static final Pattern SYMBOL = Pattern.compile("[A-Z0-9.]{1,10}");

	private final Set<String> valid = ConcurrentHashMap.newKeySet();

	private final AtomicInteger present = new AtomicInteger();

	private final AtomicInteger mostAtOnce = new AtomicInteger();

	private final LongAdder requests = new LongAdder();

	private final LongAdder refused = new LongAdder();

	private final LongAdder logins = new LongAdder();

	private final DisposableServer server = HttpServer.create()
		.host("127.0.0.1")
		.port(0)
		.route((routes) -> routes.post("/login", this::login)
			.post("/logout", this::logout)
			.get("/quotes/{symbol}", this::quote))
		.bindNow();

	String url() {
		return "http://127.0.0.1:" + this.server.port();
	}

	Statistics statistics() {
		return new Statistics(CAPACITY, Math.min(CAPACITY, this.present.get()), this.mostAtOnce.get(),
				this.requests.sum(), this.refused.sum(), this.logins.sum());
	}

	private Publisher<Void> login(HttpServerRequest request, HttpServerResponse response) {
		String id = UUID.randomUUID().toString();
		this.valid.add(id);
		this.logins.increment();
		Cookie cookie = new DefaultCookie(COOKIE, id);
		cookie.setPath("/");
		return response.status(HttpResponseStatus.NO_CONTENT).addCookie(cookie).send();
	}

	private Publisher<Void> logout(HttpServerRequest request, HttpServerResponse response) {
		request.allCookies().getOrDefault(COOKIE, List.of()).forEach((cookie) -> this.valid.remove(cookie.value()));
		return response.status(HttpResponseStatus.NO_CONTENT).send();
	}

	private Publisher<Void> quote(HttpServerRequest request, HttpServerResponse response) {
		this.requests.increment();
		if (!isLoggedIn(request)) {
			return response.status(HttpResponseStatus.UNAUTHORIZED).send();
		}
		String symbol = request.param("symbol");
		if (symbol == null || !SYMBOL.matcher(symbol).matches()) {
			return response.sendNotFound();
		}
		// The place is free again before the answer leaves: whoever has the answer may
		// ask again.
		return Mono.using(this.present::incrementAndGet, this::work, (place) -> this.present.decrementAndGet())
			.flatMap((served) -> Mono.from(
					served ? answer(response, symbol) : response.status(HttpResponseStatus.TOO_MANY_REQUESTS).send()));
	}

	private Mono<Boolean> work(int place) {
		if (place > CAPACITY) {
			this.refused.increment();
			return Mono.just(false);
		}
		this.mostAtOnce.accumulateAndGet(place, Math::max);
		return Mono.delay(WORK).thenReturn(true);
	}

	private static Publisher<Void> answer(HttpServerResponse response, String symbol) {
		double price = 10 + Math.floorMod(symbol.hashCode(), 49_000) / 100.0;
		return response.header(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON)
			.sendString(Mono.just(String.format(Locale.ROOT, "{\"symbol\":\"%s\",\"price\":%.2f}", symbol, price)));
	}

	private boolean isLoggedIn(HttpServerRequest request) {
		return request.allCookies()
			.getOrDefault(COOKIE, List.of())
			.stream()
			.anyMatch((cookie) -> this.valid.contains(cookie.value()));
	}

	@Override
	public void start() {
		// Was started with the environment, which needs to know the port.
	}

	@Override
	public void stop() {
		this.server.disposeNow();
	}

	@Override
	public boolean isRunning() {
		return !this.server.isDisposed();
	}

	@Override
	public boolean isPauseable() {
		// Its port would be another one afterwards.
		return false;
	}

	@Override
	public int getPhase() {
		return Integer.MIN_VALUE;
	}

	/**
	 * What the upstream has seen.
	 *
	 * @param capacity how many requests it serves at once
	 * @param atOnce how many it serves now
	 * @param mostAtOnce how many it ever served at once
	 * @param requests all requests for quotes
	 * @param refused how many of them were answered 429
	 * @param logins how often somebody logged in
	 */
	record Statistics(int capacity, int atOnce, int mostAtOnce, long requests, long refused, long logins) {
	}

}
