package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeSpec;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.ByteBufFlux;
import reactor.test.StepVerifier;
import reactor.test.scheduler.VirtualTimeScheduler;

import org.springframework.http.ResponseEntity;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the end of a scope does to the exchanges of its session.
 */
class SessionExitTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final byte[] CHUNK = new byte[16 * 1024];

	private final AsyncScopes scopes = AsyncScopes.create();

	private final CountDownLatch asked = new CountDownLatch(1);

	private final HttpUpstream upstream = new HttpUpstream(
			(routes) -> routes.get("/hello", (request, response) -> response.sendString(Mono.just("hello")))
				.get("/empty", (request, response) -> response.status(204).send())
				.get("/silent", (request, response) -> {
					this.asked.countDown();
					return Mono.never();
				})
				.get("/endless",
						(request, response) -> response.sendByteArray(Flux.generate((sink) -> sink.next(CHUNK))))
				.get("/stalled", (request, response) -> response
					.send(ByteBufFlux.fromString(Flux.concat(Mono.just("begin"), Mono.never())), (chunk) -> true)));

	private SessionResource session = this.upstream.session("quotes").size(0, 1).build();

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	@Test
	void closesTheConnectionOfARequestWithoutAnAnswer() throws Exception {
		Disposable call = this.scopes.use(this.session, (session) -> get("/silent")).subscribe();
		assertThat(this.asked.await(30, TimeUnit.SECONDS)).isTrue();
		call.dispose();
		assertWholeAndNothingOpen();
	}

	@Test
	void closesTheConnectionOfABodyThatIsBeingRead() throws Exception {
		CountDownLatch reading = new CountDownLatch(1);
		Disposable call = this.scopes
			.useMany(this.session,
					(session) -> this.session.client()
						.get()
						.uri("/endless")
						.retrieve()
						.bodyToFlux(byte[].class)
						.doOnNext((bytes) -> reading.countDown()))
			.subscribe();
		assertThat(reading.await(30, TimeUnit.SECONDS)).isTrue();
		call.dispose();
		assertWholeAndNothingOpen();
	}

	@Test
	void failsAReaderLeftBehindInsteadOfGivingItHalfABody() {
		CompletableFuture<byte[]> leftBehind = new CompletableFuture<>();
		CountDownLatch reading = new CountDownLatch(1);
		this.scopes.use(this.session, (session) -> {
			session.client()
				.get()
				.uri("/stalled")
				.retrieve()
				.bodyToFlux(byte[].class)
				.doOnNext((bytes) -> reading.countDown())
				.last()
				.subscribe(leftBehind::complete, leftBehind::completeExceptionally);
			return awaited(reading);
		}).block(BOUND);
		assertThat(leftBehind).failsWithin(BOUND)
			.withThrowableThat()
			.havingRootCause()
			.isInstanceOf(ScopeClosedException.class)
			.withMessageContaining("GET " + this.upstream.url() + "/stalled")
			.withMessageContaining("'quotes'");
		assertWholeAndNothingOpen();
	}

	@Test
	void failsACallerLeftBehindWithoutAnAnswer() {
		CompletableFuture<String> leftBehind = new CompletableFuture<>();
		this.scopes.use(this.session, (session) -> {
			session.client()
				.get()
				.uri("/silent")
				.retrieve()
				.bodyToMono(String.class)
				.subscribe(leftBehind::complete, leftBehind::completeExceptionally);
			return awaited(this.asked);
		}).block(BOUND);
		assertThat(leftBehind).failsWithin(BOUND)
			.withThrowableThat()
			.withCauseInstanceOf(ScopeClosedException.class)
			.withMessageContaining("/silent");
		assertWholeAndNothingOpen();
	}

	@Test
	void drainsAndCountsABodyThatNobodyRead() {
		this.session = patient();
		this.scopes.use(this.session, (session) -> exchange("/hello")).block(BOUND);
		assertThat(this.session.statistics().unreadBodies()).isEqualTo(1);
		assertWhole();
		assertThat(this.upstream.connections()).as("the connection was kept").isEqualTo(1);
	}

	@Test
	void closesTheConnectionOfAnEndlessBodyThatNobodyRead() {
		this.scopes.use(this.session, (session) -> exchange("/endless")).block(BOUND);
		assertThat(this.session.statistics().unreadBodies()).isEqualTo(1);
		assertWholeAndNothingOpen();
	}

	@Test
	void closesTheConnectionOfAStalledBodyThatNobodyRead() {
		this.scopes.use(this.session, (session) -> exchange("/stalled")).block(BOUND);
		assertThat(this.session.statistics().unreadBodies()).isEqualTo(1);
		assertWholeAndNothingOpen();
	}

	@Test
	void doesNotCountAnAnswerWithoutABody() {
		this.session = patient();
		this.scopes.use(this.session, (session) -> exchange("/empty")).block(BOUND);
		this.scopes
			.use(this.session, (session) -> this.session.client().get().uri("/hello").retrieve().toBodilessEntity())
			.block(BOUND);
		assertThat(this.session.statistics().unreadBodies()).isZero();
		assertThat(this.upstream.connections()).isEqualTo(1);
	}

	@Test
	void refusesABodyAfterTheScope() {
		ResponseEntity<Flux<String>> response = this.scopes.use(this.session, (session) -> exchange("/hello"))
			.block(BOUND);
		StepVerifier.create(response.getBody())
			.expectErrorSatisfies((error) -> assertThat(error).hasRootCauseInstanceOf(ScopeClosedException.class))
			.verify(BOUND);
	}

	@Test
	@Case(176)
	void refusesASessionAfterItsScope() {
		AtomicReference<Session> escaped = new AtomicReference<>();
		this.scopes.use(this.session, (session) -> Mono.fromRunnable(() -> escaped.set(session))).block(BOUND);
		StepVerifier.create(escaped.get().client().get().uri("/hello").retrieve().bodyToMono(String.class))
			.expectErrorSatisfies((error) -> assertThat(error).isInstanceOf(ScopeClosedException.class)
				.hasMessageContaining("/hello")
				.hasMessageContaining("'quotes'"))
			.verify(BOUND);
	}

	@Test
	void endsARequestWithTheDeadlineOfItsScope() throws Exception {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		AsyncScopes timed = AsyncScopes.builder().clock(ScopeClock.of(time)).build();
		// Else a slow connect alone is too long for what the scope has left.
		this.session = this.upstream.session("quotes")
			.size(0, 1)
			.clock(ScopeClock.of(time))
			.drainTimeout(Duration.ofMillis(200))
			.build();
		// The scope joins the session of the outer one, which goes on.
		ScopeSpec inner = ScopeSpec.of("inner").entering(this.session).timeout(Duration.ofMillis(300));
		CompletableFuture<String> request = new CompletableFuture<>();
		CompletableFuture<Throwable> outermost = timed.useFuture(this.session,
				(outer) -> timed.withFuture(inner, (scope) -> {
					get("/silent").subscribe(request::complete, request::completeExceptionally);
					return new CompletableFuture<>();
				}).handle((value, error) -> request).thenCompose((failing) -> failing.handle((value, error) -> error)));
		assertThat(this.asked.await(30, TimeUnit.SECONDS)).isTrue();
		time.advanceTimeBy(Duration.ofMillis(300));
		assertThat(request).isNotDone();
		time.advanceTimeBy(Duration.ofMillis(200));
		assertThat(outermost).succeedsWithin(BOUND);
		assertThat(request).failsWithin(BOUND)
			.withThrowableThat()
			.withCauseInstanceOf(SessionTimeoutException.class)
			.withMessageContaining("the rest that its scope had left of");
		assertWholeAndNothingOpen();
	}

	@Test
	void endsManyExchangesAtOnce() {
		List<Mono<String>> requests = List.of(get("/silent"), get("/stalled"), get("/hello"), get("/silent"));
		Disposable call = this.scopes.use(this.session, (session) -> Mono.when(requests)).subscribe();
		// The fourth may go on the connection of the one that is answered.
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() >= 3);
		call.dispose();
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() <= 1);
		assertWhole();
	}

	/** Closes no connection of an answer that only a busy machine holds up. */
	private SessionResource patient() {
		return this.upstream.session("quotes").size(0, 1).drainTimeout(BOUND).build();
	}

	private static Mono<Boolean> awaited(CountDownLatch latch) {
		return Mono.fromCallable(() -> latch.await(30, TimeUnit.SECONDS)).subscribeOn(Schedulers.boundedElastic());
	}

	private void assertWholeAndNothingOpen() {
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() == 0);
		assertWhole();
	}

	private void assertWhole() {
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().active() == 0);
		assertThat(this.scopes.use(this.session, (session) -> get("/hello")).block(BOUND)).isEqualTo("hello");
		assertThat(this.session.statistics())
			.extracting(SessionResource.Statistics::allocated, SessionResource.Statistics::idle,
					SessionResource.Statistics::pending)
			.containsExactly(1, 1, 0);
	}

	private Mono<String> get(String uri) {
		return this.session.client().get().uri(uri).retrieve().bodyToMono(String.class);
	}

	/** An answer whose body is not read. */
	private Mono<ResponseEntity<Flux<String>>> exchange(String uri) {
		return this.session.client().get().uri(uri).retrieve().toEntityFlux(String.class);
	}

}
