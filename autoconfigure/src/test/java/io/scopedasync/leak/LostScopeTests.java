package io.scopedasync.leak;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.Limiter;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Scopes that nobody can reach any more, and those that are merely quiet.
 */
class LostScopeTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private static final Duration SWEEP = Duration.ofSeconds(10);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final List<String> events = Collections.synchronizedList(new ArrayList<>());

	private final Leaks leaks = new Leaks(List.of());

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(this.clock)
		.tracked(true)
		.watcher(new LeakWatcher(this.leaks))
		.build();

	private final LeakDetector detector = new LeakDetector(this.scopes, this.leaks, this.clock, Duration.ofHours(1),
			SWEEP);

	@AfterEach
	void stop() {
		this.detector.stop();
		this.time.dispose();
	}

	/** How a scope is begun and forgotten. */
	enum Way {

		MONO, FLUX, FUTURE, BY_HAND, FUTURE_OF_A_MONO, DISPOSABLE

	}

	private void forget(Way way, AsyncResource<?> resource) {
		switch (way) {
			case MONO -> this.scopes.use(resource, (value) -> Mono.never()).subscribe();
			case FLUX -> this.scopes.useMany(resource, (value) -> Flux.just(1).concatWith(Flux.never())).subscribe();
			case FUTURE -> this.scopes.useFuture(resource, (value) -> new CompletableFuture<>());
			case BY_HAND -> this.scopes.open("by hand").enter(resource).block(BOUND);
			case FUTURE_OF_A_MONO -> this.scopes.use(resource, (value) -> Mono.create((sink) -> {
			})).toFuture();
			case DISPOSABLE -> {
				Disposable forgotten = this.scopes.use(resource, (value) -> Mono.never()).subscribe();
				assertThat(forgotten.isDisposed()).isFalse();
			}
		}
	}

	private void collect() {
		System.gc();
		this.time.advanceTimeBy(SWEEP);
	}

	private AsyncResource<String> resource(String name) {
		return AsyncResource.<String>of(() -> Mono.just(name), (value, exit) -> {
			this.events.add(value + " " + exit.getClass().getSimpleName());
			return Mono.empty();
		}).named(name);
	}

	@ParameterizedTest
	@EnumSource
	@Case({ 174, 175 })
	void releasesAThousandThatWereForgotten(Way way) {
		Limiter limiter = Limiter.builder("limiter").permits(1000).build();
		this.detector.start();
		for (int i = 0; i < 1000; i++) {
			forget(way, limiter);
		}
		assertThat(limiter.statistics().borrowed()).isEqualTo(1000);
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1000;
		});
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1000, 0, 0));
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.leaks.recovered()).isZero();
		collect();
		assertThat(this.leaks.count(LeakReason.LOST)).isEqualTo(1000);
	}

	@Test
	void releasesAllThatALostScopeHeldInReverse() {
		this.detector.start();
		forgetWithAStack();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1;
		});
		assertThat(this.events).containsExactly("early Cancelled", "handler", "entered Cancelled", "second Cancelled",
				"first Cancelled");
	}

	private void forgetWithAStack() {
		this.scopes.with(ScopeSpec.of("stack").entering(resource("first"), resource("second")), (scope) -> {
			List<String> events = this.events;
			Disposable early = scope.enter(slow(resource("early"))).subscribe();
			Mono<?> entered = scope.enter(resource("entered"));
			return entered.then(Mono.fromRunnable(() -> {
				early.dispose();
				this.time.advanceTimeBy(Duration.ofSeconds(1));
				scope.push((exit) -> {
					events.add("handler");
					return Mono.empty();
				});
			})).then(Mono.never());
		}).subscribe();
	}

	/** Brings its value a second later, when nobody wants it. */
	private AsyncResource<String> slow(AsyncResource<String> resource) {
		return AsyncResource
			.<String>of(() -> Mono.delay(Duration.ofSeconds(1), this.time).then(resource.acquire()), resource::release)
			.named(resource.name());
	}

	@Test
	void releasesTheInnerOfTwoLostScopesFirst() {
		this.detector.start();
		this.scopes.use(resource("outer"), (outer) -> this.scopes.use(resource("inner"), (inner) -> Mono.never()))
			.subscribe();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 2;
		});
		assertThat(this.events).containsExactly("inner Cancelled", "outer Cancelled");
		// Each is reported with what it held, although the one around it took it along.
		assertThat(this.leaks.sites()).hasSize(2)
			.allSatisfy((site) -> assertThat(site.latest()).singleElement()
				.extracting(Leak::resources)
				.isEqualTo(List.of(site.name())));
	}

	@Test
	void releasesAThousandLostScopesInsideEachOther() {
		this.detector.start();
		endless(1_000).subscribe();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1_000;
		});
		assertThat(this.events).hasSize(1_000).startsWith("1 Cancelled", "2 Cancelled").endsWith("1000 Cancelled");
	}

	private Mono<Integer> endless(int depth) {
		return this.scopes.use(resource(Integer.toString(depth)),
				(value) -> (depth > 1) ? endless(depth - 1) : Mono.never());
	}

	@Test
	void aScopeThatMovedOnToAnotherIsNotReleasedTwice() {
		this.detector.start();
		List<Scope> owner = new ArrayList<>();
		this.scopes.with(ScopeSpec.of("moved").entering(resource("first")), (scope) -> {
			owner.add(scope.transfer());
			return Mono.never();
		}).subscribe();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1;
		});
		assertThat(this.events).isEmpty();
		owner.get(0).close().block(BOUND);
		assertThat(this.events).containsExactly("first Completed");
	}

	@Test
	void aLostScopeThatWasOverdueDoesNotCountAsRecovered() {
		this.detector.start();
		List<Scope> kept = new ArrayList<>();
		this.scopes.with(ScopeSpec.of("both").leakThreshold(SWEEP), (scope) -> {
			kept.add(scope);
			return Mono.never();
		}).subscribe();
		this.time.advanceTimeBy(SWEEP.multipliedBy(2));
		assertThat(this.leaks.count(LeakReason.OVERDUE)).isEqualTo(1);
		assertThat(this.leaks.open()).isEqualTo(1);
		kept.clear();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1;
		});
		assertThat(this.leaks.open()).isZero();
		assertThat(this.leaks.recovered()).isZero();
	}

	@Test
	void releasesThePartsAndTheShareOfALostScope() {
		this.detector.start();
		AsyncResource<String> shared = resource("shared").shared(Duration.ZERO);
		this.scopes.use(AsyncResource.all(resource("a"), resource("b"), shared), (values) -> Mono.never()).subscribe();
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1;
		});
		assertThat(this.events).containsExactlyInAnyOrder("a Cancelled", "b Cancelled", "shared Completed");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void releasesAtCloseWhatWasLostBefore() {
		List<WeakReference<Scope>> lost = new ArrayList<>();
		this.scopes.with(ScopeSpec.of("lost").entering(resource("lost")), (scope) -> {
			lost.add(new WeakReference<>(scope));
			return Mono.never();
		}).subscribe();
		Awaitility.await().atMost(BOUND).until(() -> {
			System.gc();
			return lost.get(0).get() == null;
		});
		CompletableFuture<Void> closed = this.scopes.close().toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(20));
		assertThat(closed).isDone();
		assertThat(this.events).containsExactly("lost Cancelled");
	}

	@Test
	void saysNothingOfScopesThatAreMerelyQuiet() throws Exception {
		CountDownLatch end = new CountDownLatch(1);
		AtomicInteger ended = new AtomicInteger();
		this.detector.start();
		// A delayed Mono that nobody keeps.
		quiet((value) -> Mono.delay(Duration.ofMinutes(11), this.time)).subscribe((ignored) -> ended.incrementAndGet());
		// A Disposable that somebody keeps.
		Disposable held = quiet((value) -> Mono.never()).subscribe();
		// A future that somebody keeps.
		CompletableFuture<Object> future = quiet((value) -> Mono.never()).toFuture();
		// A thread that waits.
		Thread blocked = new Thread(() -> {
			quiet((value) -> Mono.fromRunnable(() -> await(end)).subscribeOn(Schedulers.immediate())).block();
			ended.incrementAndGet();
		});
		blocked.start();
		// A worker that is busy.
		quiet((value) -> Mono.fromCallable(() -> await(end)).subscribeOn(Schedulers.boundedElastic()))
			.subscribe((ignored) -> ended.incrementAndGet());
		// A stream without end, whose resource says so.
		Disposable endless = this.scopes.useMany(new Endless(), (value) -> Flux.interval(SWEEP, this.time)).subscribe();
		// A body that blocks its caller.
		Thread blocking = new Thread(() -> {
			try {
				this.scopes.useBlocking(resource("blocking"), (value) -> await(end));
				ended.incrementAndGet();
			}
			catch (Exception ex) {
				this.events.add(ex.toString());
			}
		});
		blocking.start();
		Awaitility.await().atMost(BOUND).until(() -> this.scopes.openScopes().size() == 7);
		for (int i = 0; i < 60; i++) {
			pressure();
			this.time.advanceTimeBy(SWEEP);
		}
		for (LeakReason reason : LeakReason.values()) {
			assertThat(this.leaks.count(reason)).as(reason.tag()).isZero();
		}
		assertThat(this.scopes.openScopes()).hasSize(7);
		assertThat(this.events).isEmpty();
		held.dispose();
		future.cancel(true);
		endless.dispose();
		end.countDown();
		this.time.advanceTimeBy(Duration.ofMinutes(2));
		blocked.join(BOUND.toMillis());
		blocking.join(BOUND.toMillis());
		Awaitility.await().atMost(BOUND).until(() -> this.scopes.openScopes().isEmpty());
		// A caller hears after its scope has gone.
		Awaitility.await().atMost(BOUND).untilAsserted(() -> assertThat(ended).hasValue(4));
	}

	private <R> Mono<R> quiet(java.util.function.Function<String, Mono<R>> body) {
		return this.scopes.use(resource("quiet"), body);
	}

	/** For longer than sixty garbage collections may take. */
	private static boolean await(CountDownLatch latch) {
		try {
			return latch.await(10, TimeUnit.MINUTES);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void pressure() {
		for (int i = 0; i < 8; i++) {
			assertThat(new byte[4 << 20]).hasSize(4 << 20);
		}
		System.gc();
	}

	/** Held without end. */
	private static final class Endless implements AsyncResource<String> {

		@Override
		public Mono<String> acquire() {
			return Mono.just("endless");
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return Mono.empty();
		}

		@Override
		public Duration leakThreshold() {
			return ChronoUnit.FOREVER.getDuration();
		}

	}

	@ParameterizedTest
	@EnumSource
	void releasesWhatWasComposedOneByOne(Way way) {
		this.detector.start();
		forget(way, resource("first").flatMap((first) -> resource("second").map(String::length)));
		Awaitility.await().atMost(BOUND).until(() -> {
			collect();
			return this.leaks.count(LeakReason.LOST) == 1;
		});
		assertThat(this.events).containsExactly("second Cancelled", "first Cancelled");
	}

}
