package io.scopedasync.webclient;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Who is lent a session, and when.
 */
class SessionPoolTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final HttpUpstream upstream = new HttpUpstream(
			(routes) -> routes.get("/hello", (request, response) -> response.sendString(Mono.just("hello")))
				.get("/silent", (request, response) -> Mono.never()));

	private SessionResource session = build(1);

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	@Test
	@Case(172)
	void nestedScopesJoinTheSession() {
		List<Session> seen = new ArrayList<>();
		this.scopes.use(this.session, (outer) -> {
			seen.add(outer);
			return this.scopes.use(this.session, (inner) -> {
				seen.add(inner);
				return hello();
			}).then(Mono.defer(this::hello));
		}).block(BOUND);
		assertThat(seen.get(0)).isSameAs(seen.get(1));
		assertThat(this.session.statistics().allocated()).isEqualTo(1);
	}

	@Test
	@Case(172)
	void aFreshSessionShadowsTheOuterOne() {
		this.session = build(2);
		List<Session> seen = new ArrayList<>();
		this.scopes.use(this.session, (outer) -> {
			seen.add(outer);
			Mono<Session> held = this.session.held().doOnNext(seen::add);
			return this.scopes.use(this.session.fresh(), (inner) -> {
				seen.add(inner);
				return this.session.held().doOnNext(seen::add);
			}).then(held);
		}).block(BOUND);
		assertThat(seen).hasSize(4);
		assertThat(seen.get(1)).isNotSameAs(seen.get(0)).isSameAs(seen.get(2));
		assertThat(seen.get(3)).as("afterwards the outer one is back").isSameAs(seen.get(0));
	}

	@Test
	void rejectsWhoCannotEvenWait() {
		this.session = this.upstream.session("quotes").size(0, 1).maxWaiting(1).build();
		Disposable holder = hold();
		Disposable waiter = this.scopes.use(this.session, (session) -> hello()).subscribe();
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> hello()).block(BOUND))
			.withMessageContaining("'quotes'")
			.withMessageContaining("1 callers wait already")
			.satisfies((error) -> assertThat(error.getMaxWaiting()).isEqualTo(1));
		waiter.dispose();
		holder.dispose();
		assertWhole(1);
	}

	@Test
	void letsNobodyWaitIfToldSo() {
		this.session = this.upstream.session("quotes").size(0, 1).maxWaiting(0).build();
		assertWhole(1);
		Disposable holder = hold();
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> hello()).block(BOUND));
		holder.dispose();
		assertWhole(1);
	}

	@Test
	void givesUpWaitingAfterTheAcquireTimeout() {
		this.session = this.upstream.session("quotes").size(0, 1).acquireTimeout(Duration.ofMillis(100)).build();
		Disposable holder = hold();
		assertThatExceptionOfType(AcquireTimeoutException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> hello()).block(BOUND))
			.withMessageContaining("acquire-timeout of 100 ms")
			.withMessageContaining("max-size");
		holder.dispose();
		assertWhole(1);
	}

	@Test
	@Case(58)
	void stopsWaitingAtOnceWhenCancelled() {
		Disposable holder = hold();
		Disposable waiter = this.scopes.use(this.session, (session) -> hello()).subscribe();
		assertThat(this.session.statistics().pending()).isEqualTo(1);
		waiter.dispose();
		assertThat(this.session.statistics().pending()).isZero();
		holder.dispose();
		assertWhole(1);
	}

	@Test
	void finishesALoginWhoseBorrowerHasGone() {
		CountDownLatch begun = new CountDownLatch(1);
		CompletableFuture<Void> gate = new CompletableFuture<>();
		AtomicInteger logins = new AtomicInteger();
		this.session = this.upstream.session("quotes").size(0, 1).login((client) -> {
			logins.incrementAndGet();
			begun.countDown();
			return Mono.fromFuture(gate);
		}).build();
		Disposable borrower = this.scopes.use(this.session, (session) -> hello()).subscribe();
		Mono.fromCallable(() -> begun.await(30, TimeUnit.SECONDS))
			.subscribeOn(Schedulers.boundedElastic())
			.block(BOUND);
		borrower.dispose();
		gate.complete(null);
		assertWhole(1);
		assertThat(logins).hasValue(1);
	}

	@Test
	@Case(177)
	void losesNoSessionToThousandsOfCancelledBorrowers() {
		long seed = System.nanoTime();
		Random random = new Random(seed);
		int sessions = 4;
		this.session = this.upstream.session("quotes")
			.size(0, sessions)
			.maxWaiting(Integer.MAX_VALUE)
			.login((client) -> Mono.delay(Duration.ofMillis(1)).then())
			.build();
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		// Those that nobody cancels; of the others a slow machine may serve none.
		AtomicInteger patient = new AtomicInteger();
		AtomicInteger served = new AtomicInteger();
		Flux.range(0, 5_000).flatMap((i) -> {
			long cancelAfter = random.nextInt(200_000);
			long work = random.nextInt(300);
			int fate = random.nextInt(10);
			Mono<Long> body = this.scopes.use(this.session, (session) -> {
				most.accumulateAndGet(inside.incrementAndGet(), Math::max);
				served.addAndGet((fate == 2) ? 1 : 0);
				AtomicBoolean left = new AtomicBoolean();
				// Before the scope hears of it; doFinally would come after the next
				// borrower.
				Runnable leave = () -> {
					if (left.compareAndSet(false, true)) {
						inside.decrementAndGet();
					}
				};
				if (fate == 0) {
					session.invalidate();
				}
				Mono<Long> slow = Mono.delay(Duration.ofNanos(work * 1000L));
				return ((fate == 1) ? slow.then(Mono.<Long>error(new IllegalStateException("body"))) : slow)
					.doOnTerminate(leave)
					.doOnCancel(leave);
			});
			Mono<Long> caller = body;
			if (fate == 2) {
				patient.incrementAndGet();
			}
			else {
				caller = body.takeUntilOther(Mono.delay(Duration.ofNanos(cancelAfter * 1000L)));
			}
			return caller.subscribeOn(Schedulers.parallel())
				.onErrorResume(IllegalStateException.class, (error) -> Mono.empty());
		}, 400).then().block(Duration.ofSeconds(60));
		assertThat(most.get()).as("seed %d", seed).isBetween(1, sessions);
		assertThat(served.get()).as("seed %d", seed).isEqualTo(patient.get()).isPositive();
		assertWhole(sessions);
	}

	@Test
	@Case(177)
	void losesNoConnectionToThousandsOfCancelledRequests() {
		long seed = System.nanoTime();
		Random random = new Random(seed);
		AtomicInteger logins = new AtomicInteger();
		AtomicInteger answers = new AtomicInteger();
		this.session = this.upstream.session("quotes")
			.size(0, 4)
			.maxWaiting(Integer.MAX_VALUE)
			.login((client) -> Mono.fromRunnable(logins::incrementAndGet))
			.drainTimeout(Duration.ofSeconds(2))
			.build();
		assertWhole(4);
		Flux.range(0, 1_500).flatMap((i) -> {
			Duration cancelAfter = Duration.ofNanos(random.nextInt(60_000) * 1000L);
			Mono<?> body = this.scopes.use(this.session, (session) -> switch (i % 4) {
				case 0 -> this.session.client().get().uri("/hello").retrieve().toEntityFlux(String.class);
				case 1 -> Mono.when(hello(), hello()).thenReturn("both");
				default -> hello();
			});
			return body.doOnNext((answer) -> answers.incrementAndGet())
				.takeUntilOther((i % 5 == 0) ? Mono.never() : Mono.delay(cancelAfter))
				.subscribeOn(Schedulers.parallel());
		}, 16).then().block(Duration.ofSeconds(60));
		assertThat(answers.get()).as("seed %d", seed).isPositive();
		assertWhole(4);
		assertThat(logins.get()).as("no session was given up, seed %d", seed).isEqualTo(4);
		// One that a cancel met on its way to the wire ends there, a step later, and the
		// server hears of a closed connection later still.
		Awaitility.await().atMost(BOUND).untilAsserted(() -> {
			assertThat(this.upstream.open()).as("seed %d", seed).isLessThanOrEqualTo(4 * 8);
			assertThat(this.session.exchanges()).as("seed %d", seed).isEmpty();
		});
	}

	@Test
	void discardsAnIdleSession() {
		this.session = this.upstream.session("quotes").idleTime(Duration.ofMillis(100)).build();
		this.scopes.use(this.session, (session) -> hello()).block(BOUND);
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().allocated() == 0);
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() == 0);
	}

	@Test
	void discardsASessionThatIsTooOld() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		this.session = this.upstream.session("quotes")
			.clock(ScopeClock.of(time))
			.lifeTime(Duration.ofHours(1))
			.idleTime(Duration.ofHours(9))
			.build();
		this.scopes.use(this.session, (session) -> hello()).block(BOUND);
		time.advanceTimeBy(Duration.ofMinutes(59));
		this.scopes.use(this.session, (session) -> hello()).block(BOUND);
		assertThat(this.upstream.connections()).isEqualTo(1);
		time.advanceTimeBy(Duration.ofMinutes(1));
		this.scopes.use(this.session, (session) -> hello()).block(BOUND);
		assertThat(this.upstream.connections()).isEqualTo(2);
	}

	@Test
	@Case(168)
	void refusesAfterClose() {
		this.session.close().block(BOUND);
		assertThatExceptionOfType(ScopeClosedException.class)
			.isThrownBy(() -> this.scopes.use(this.session, (session) -> hello()).block(BOUND))
			.withMessageContaining("'quotes'");
	}

	@Test
	@Case(168)
	void closesIdleSessionsAtOnceAndLentOnesWhenTheyComeBack() {
		CompletableFuture<Void> gate = new CompletableFuture<>();
		CompletableFuture<Void> holder = this.scopes.use(this.session, (session) -> Mono.fromFuture(gate)).toFuture();
		// Not lent while it is being made.
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().active() == 1);
		CompletableFuture<String> waiter = this.scopes.use(this.session, (session) -> hello()).toFuture();
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().pending() == 1);
		CompletableFuture<Void> one = this.session.close().toFuture();
		CompletableFuture<Void> two = this.session.close().toFuture();
		assertThat(waiter).failsWithin(BOUND).withThrowableThat().withCauseInstanceOf(ScopeClosedException.class);
		assertThat(one).isNotDone();
		assertThat(two).isNotDone();
		gate.complete(null);
		assertThat(holder).succeedsWithin(BOUND);
		assertThat(one).succeedsWithin(BOUND);
		assertThat(two).succeedsWithin(BOUND);
		assertThat(this.session.statistics().allocated()).isZero();
	}

	@Test
	void closesSessionsThatNobodyGivesBack() {
		CompletableFuture<Void> never = new CompletableFuture<>();
		CompletableFuture<Void> holder = this.scopes
			.use(this.session, (session) -> hello().then(Mono.fromFuture(never)))
			.toFuture();
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() == 1);
		this.session.close().block(BOUND);
		Awaitility.await().atMost(BOUND).until(() -> this.upstream.open() == 0);
		holder.cancel(true);
	}

	private Disposable hold() {
		Disposable holder = this.scopes.use(this.session, (session) -> Mono.never()).subscribe();
		Awaitility.await().atMost(BOUND).until(() -> this.session.statistics().active() == 1);
		return holder;
	}

	private void assertWhole(int sessions) {
		Awaitility.await()
			.atMost(BOUND)
			.until(() -> this.session.statistics().active() == 0
					&& this.session.statistics().idle() == this.session.statistics().allocated());
		CountDownLatch all = new CountDownLatch(sessions);
		Flux.range(0, sessions).flatMap((i) -> this.scopes.use(this.session, (session) -> {
			all.countDown();
			return Mono.fromCallable(() -> all.await(30, TimeUnit.SECONDS))
				.subscribeOn(Schedulers.boundedElastic())
				.then(hello());
		}), sessions).then().block(BOUND);
		assertThat(all.getCount()).as("all can be lent at once").isZero();
		assertThat(this.session.statistics()).isEqualTo(new SessionResource.Statistics(sessions, sessions, 0, sessions,
				0, this.session.statistics().unreadBodies()));
	}

	private SessionResource build(int max) {
		return this.upstream.session("quotes").size(0, max).build();
	}

	private Mono<String> hello() {
		return this.session.client().get().uri("/hello").retrieve().bodyToMono(String.class);
	}

}
