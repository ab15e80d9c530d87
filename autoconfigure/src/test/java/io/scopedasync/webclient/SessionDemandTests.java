package io.scopedasync.webclient;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Patience;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.Limiter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * A limit ends a request, its scope and what that holds, whether or not somebody reads
 * the answer.
 */
@ExtendWith(Patience.class)
class SessionDemandTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final Duration LIMIT = Duration.ofSeconds(5);

	private static final int CLIENTS = 20;

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final HttpUpstream upstream = new HttpUpstream((routes) -> routes
		.get("/text",
				(request, response) -> response.header(HttpHeaderNames.CONTENT_TYPE, "text/plain")
					.sendString(Flux.range(0, 2000).map((i) -> "line " + i + "\n").concatWith(Mono.never()),
							StandardCharsets.UTF_8))
		.get("/json",
				(request, response) -> response.header(HttpHeaderNames.CONTENT_TYPE, "application/x-ndjson")
					.sendString(Flux.range(0, 2000).map((i) -> "{\"number\":" + i + "}\n").concatWith(Mono.never())))
		.get("/sse", (request, response) -> response.sse()
			.sendString(Flux.range(0, 2000).map((i) -> "data: " + i + "\n\n").concatWith(Mono.never()))));

	private final Limiter limiter = Limiter.builder("limit").permits(CLIENTS).build();

	private final SessionResource session = this.upstream.session("quotes")
		.size(0, CLIENTS)
		.totalTimeout(LIMIT)
		.clock(ScopeClock.of(this.time))
		.build();

	private final List<Caller> callers = new ArrayList<>();

	@AfterEach
	void close() {
		this.callers.forEach(BaseSubscriber::cancel);
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	static Stream<Arguments> bodies() {
		return Stream.of(body("lines", (client) -> client.get().uri("/text").retrieve().bodyToFlux(String.class)),
				body("buffers", (client) -> client.get().uri("/text").retrieve().bodyToFlux(DataBuffer.class)),
				body("values", SessionDemandTests::values),
				body("events", (client) -> client.get().uri("/sse").retrieve().bodyToFlux(ServerSentEvent.class)),
				body("exchange",
						(client) -> client.get()
							.uri("/json")
							.exchangeToFlux((answer) -> answer.bodyToFlux(Object.class))),
				body("entity",
						(client) -> client.get()
							.uri("/json")
							.retrieve()
							.toEntityFlux(Object.class)
							.flatMapMany((entity) -> entity.getBody())),
				body("values on another thread", (client) -> values(client).publishOn(Schedulers.parallel())),
				body("values, each with a source",
						(client) -> values(client).concatMapDelayError((value) -> Mono.just(value))));
	}

	private static Flux<?> values(WebClient client) {
		return client.get().uri("/json").retrieve().bodyToFlux(Object.class);
	}

	private static Arguments body(String name, Function<WebClient, Flux<?>> body) {
		return Arguments.of(name, body);
	}

	@ParameterizedTest(name = "{0}")
	@MethodSource("bodies")
	void totalTimeoutFreesWhatClientsHoldThatReadNothing(String name, Function<WebClient, Flux<?>> body) {
		for (int i = 0; i < CLIENTS; i++) {
			call(body, i % 2);
		}
		answersAreBegun();
		this.time.advanceTimeBy(LIMIT);
		await().untilAsserted(() -> assertThat(this.limiter.usage().active()).isZero());
		await().untilAsserted(() -> assertThat(this.session.usage().active()).isZero());
		assertThat(this.scopes.openScopes()).isEmpty();
		for (Caller caller : this.callers) {
			Throwable error = caller.end.orTimeout(30, TimeUnit.SECONDS).join();
			assertThat(error).isNotNull();
			assertThat((error instanceof SessionTimeoutException) ? error : error.getCause())
				.isInstanceOf(SessionTimeoutException.class)
				.hasMessageContaining("its total-timeout of 5000 ms");
		}
	}

	@Test
	void bodyThatGoesOnAfterTheTimeoutBringsItsValuesWhenTheyAreAskedFor() {
		Caller caller = call(
				(client) -> values(client).cast(Object.class).onErrorResume((error) -> Flux.just("from", "memory")), 0);
		answersAreBegun();
		this.time.advanceTimeBy(LIMIT);
		await().untilAsserted(() -> assertThat(this.limiter.usage().active()).isZero());
		assertThat(caller.end).isNotDone();
		caller.request(Long.MAX_VALUE);
		assertThat(caller.end.orTimeout(30, TimeUnit.SECONDS).join()).isNull();
		assertThat(caller.values).endsWith("from", "memory");
	}

	@Test
	void bodyThatIsReadOnlyAfterTheTimeoutFailsWithoutDemand() {
		Caller caller = call((client) -> client.get().uri("/json").exchangeToFlux((answer) -> {
			this.time.advanceTimeBy(LIMIT);
			return answer.bodyToFlux(Object.class);
		}), 0);
		assertThat(caller.end.orTimeout(30, TimeUnit.SECONDS).join()).isInstanceOf(SessionTimeoutException.class);
		await().untilAsserted(() -> assertThat(this.limiter.usage().active()).isZero());
	}

	@Test
	void limitOfTheScopeFreesWhatClientsHoldThatReadNothing() {
		AsyncScopes timed = AsyncScopes.builder().clock(ScopeClock.of(this.time)).build();
		ScopeSpec spec = ScopeSpec.of("call").entering(this.limiter, this.session).timeout(Duration.ofSeconds(1));
		for (int i = 0; i < CLIENTS; i++) {
			Caller caller = new Caller(i % 2);
			this.callers.add(caller);
			timed.<Object>withMany(spec, (scope) -> values(this.session.client())).subscribe(caller);
		}
		answersAreBegun();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		await().untilAsserted(() -> assertThat(this.limiter.usage().active()).isZero());
		await().untilAsserted(() -> assertThat(this.session.usage().active()).isZero());
		this.callers.forEach((caller) -> assertThat(caller.end.orTimeout(30, TimeUnit.SECONDS).join()).isNotNull());
	}

	private Caller call(Function<WebClient, Flux<?>> body, int demand) {
		Caller caller = new Caller(demand);
		this.callers.add(caller);
		this.scopes
			.<Object>withMany(ScopeSpec.of("call").entering(this.limiter, this.session),
					(scope) -> body.apply(this.session.client()))
			.subscribe(caller);
		return caller;
	}

	/** Each client has its connection: its limit has begun. */
	private void answersAreBegun() {
		await().untilAsserted(() -> assertThat(this.upstream.open()).isEqualTo(this.callers.size()));
	}

	/** Reads as much as it is told to. */
	private static final class Caller extends BaseSubscriber<Object> {

		final List<Object> values = new ArrayList<>();

		final CompletableFuture<Throwable> end = new CompletableFuture<>();

		private final int demand;

		Caller(int demand) {
			this.demand = demand;
		}

		@Override
		protected void hookOnSubscribe(Subscription subscription) {
			if (this.demand > 0) {
				request(this.demand);
			}
		}

		@Override
		protected void hookOnNext(Object value) {
			if (value instanceof DataBuffer buffer) {
				DataBufferUtils.release(buffer);
			}
			this.values.add(value);
		}

		@Override
		protected void hookOnComplete() {
			this.end.complete(null);
		}

		@Override
		protected void hookOnError(Throwable error) {
			this.end.complete(error);
		}

	}

}
