package io.scopedasync.sync;

import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A hand-over that meets a cancel goes to the next one.
 */
@Timeout(300)
class WakeUpRaceTests {

	private static final int ROUNDS = Integer.getInteger("rounds", 2_000);

	private final AtomicReference<Runnable> atTheEnd = new AtomicReference<>(() -> {
	});

	private final AsyncScopes scopes = AsyncScopes.builder().recorder(new ScopeRecorder() {
		@Override
		public void closed(String scope, Exit exit, long nanos) {
			if (scope.contains("orders.changed")) {
				WakeUpRaceTests.this.atTheEnd.get().run();
			}
		}
	}).build();

	private final Scheduler threads = Schedulers.newBoundedElastic(3, Integer.MAX_VALUE, "caller");

	private final Scheduler hop = Schedulers.newParallel("hop", 2);

	private Lock lock = Lock.builder("orders").build();

	private Condition changed = this.lock.condition("changed");

	@AfterEach
	void dispose() {
		this.threads.dispose();
		this.hop.dispose();
	}

	// Conditions.

	static Stream<Named<Function<Condition, Mono<Void>>>> waits() {
		return Stream.of(Named.of("await", Condition::await), Named.of("await until", (changed) -> {
			AtomicInteger asked = new AtomicInteger();
			return changed.await(() -> asked.getAndIncrement() > 0);
		}));
	}

	@ParameterizedTest
	@MethodSource("waits")
	void aWakeUpThatMeetsACancelIsNotLost(Function<Condition, Mono<Void>> wait) {
		long seed = System.nanoTime();
		System.out.println("WakeUpRaceTests: seed " + seed);
		Random random = new Random(seed);
		for (int round = 0; round < ROUNDS; round++) {
			// A wake-up too many is no concern of the next round.
			this.lock = Lock.builder("orders").build();
			this.changed = this.lock.condition("changed");
			AtomicInteger woken = new AtomicInteger();
			Disposable first = waiting(wait, woken, 1);
			Disposable second = waiting(wait, woken, 2);
			int after = random.nextInt(3_000);
			this.threads.schedule(() -> {
				for (int i = 0; i < after; i++) {
					Thread.onSpinWait();
				}
				first.dispose();
			});
			Mono<Void> signal = this.scopes.use(this.lock, (hold) -> this.changed.signal());
			signal.subscribeOn(random.nextBoolean() ? this.hop : this.threads).block(Duration.ofSeconds(30));
			until(() -> woken.get() > 0, "seed " + seed + ", round " + round);
			second.dispose();
			until(() -> !this.lock.statistics().held() && this.lock.statistics().waiting() == 0
					&& this.changed.waiting() == 0, "seed " + seed + ", round " + round);
		}
	}

	private Disposable waiting(Function<Condition, Mono<Void>> wait, AtomicInteger woken, int number) {
		Disposable waiter = this.scopes
			.use(this.lock, (hold) -> wait.apply(this.changed).then(Mono.fromRunnable(woken::incrementAndGet)))
			.subscribe();
		until(() -> this.changed.waiting() == number && !this.lock.statistics().held(), "begins to wait");
		return waiter;
	}

	@Test
	void aCancelAsTheWaitIsSettledWakesTheNext() {
		AtomicInteger woken = new AtomicInteger();
		Disposable first = waiting(Condition::await, woken, 1);
		waiting(Condition::await, woken, 2);
		AtomicInteger times = new AtomicInteger();
		this.atTheEnd.set(() -> {
			// The lock is held again, and the caller does not know yet.
			if (times.getAndIncrement() == 0) {
				first.dispose();
			}
		});
		this.scopes.use(this.lock, (hold) -> this.changed.signal()).block(Duration.ofSeconds(30));
		until(() -> woken.get() == 1, "the second one");
		assertThat(first.isDisposed()).isTrue();
		until(() -> !this.lock.statistics().held(), "given back");
	}

	@Test
	void aCancelAsTheConditionIsAskedWakesTheNext() {
		AtomicInteger woken = new AtomicInteger();
		AtomicReference<Disposable> first = new AtomicReference<>();
		AtomicInteger asked = new AtomicInteger();
		first.set(waiting((changed) -> changed.await(() -> {
			if (asked.getAndIncrement() == 0) {
				return false;
			}
			first.get().dispose();
			return true;
		}), woken, 1));
		waiting(Condition::await, woken, 2);
		this.scopes.use(this.lock, (hold) -> this.changed.signal()).block(Duration.ofSeconds(30));
		until(() -> woken.get() == 1, "the second one");
		until(() -> !this.lock.statistics().held(), "given back");
	}

	@Test
	void aConditionThatFailsWakesTheNext() {
		AtomicInteger woken = new AtomicInteger();
		AtomicInteger asked = new AtomicInteger();
		CompletableFuture<Object> first = this.scopes.use(this.lock, (hold) -> this.changed.<Object>awaitValue(() -> {
			if (asked.getAndIncrement() == 0) {
				return null;
			}
			throw new IllegalStateException("expected");
		})).toFuture();
		until(() -> this.changed.waiting() == 1, "begins to wait");
		waiting(Condition::await, woken, 2);
		this.scopes.use(this.lock, (hold) -> this.changed.signal()).block(Duration.ofSeconds(30));
		until(() -> woken.get() == 1, "the second one");
		assertThat(first).isCompletedExceptionally();
	}

	// All others.

	static Stream<Named<Supplier<AsyncResource<?>[]>>> members() {
		return Stream.of(Named.of("limiter", () -> same(Limiter.builder("limiter").permits(1).build())),
				Named.of("lock", () -> same(Lock.builder("lock").build())), Named.of("readers behind a writer", () -> {
					ReadWriteLock lock = ReadWriteLock.builder("lock").build();
					return new AsyncResource<?>[] { lock.read(), lock.write(), lock.read() };
				}), Named.of("a writer behind readers", () -> {
					ReadWriteLock lock = ReadWriteLock.builder("lock").build();
					return new AsyncResource<?>[] { lock.write(), lock.read(), lock.write() };
				}),
				Named.of("pool",
						() -> same(AsyncResource.just(1)
							.pooled((settings) -> settings.maxSize(1).reuse((value, exit) -> true)))),
				Named.of("pool of new ones",
						() -> same(AsyncResource.just(1)
							.pooled((settings) -> settings.maxSize(1).reuse((value, exit) -> false)))),
				Named.of("shared",
						() -> same(AsyncResource
							.of(() -> Mono.delay(Duration.ofNanos(1_000)), (value, exit) -> Mono.empty())
							.shared(Duration.ZERO))));
	}

	private static AsyncResource<?>[] same(AsyncResource<?> resource) {
		return new AsyncResource<?>[] { resource, resource, resource };
	}

	@ParameterizedTest
	@MethodSource("members")
	void whatMeetsACancelGoesToTheNext(Supplier<AsyncResource<?>[]> member) throws Exception {
		long seed = System.nanoTime();
		System.out.println("WakeUpRaceTests: seed " + seed);
		Random random = new Random(seed);
		AsyncResource<?>[] resources = member.get();
		for (int round = 0; round < ROUNDS; round++) {
			Sinks.Empty<Void> end = Sinks.empty();
			CompletableFuture<Void> holder = use(resources[0], end.asMono()).toFuture();
			Disposable first = use(resources[1], Mono.empty()).subscribe();
			CompletableFuture<Void> second = use(resources[2], Mono.empty()).toFuture();
			int after = random.nextInt(2_000);
			this.threads.schedule(() -> {
				for (int i = 0; i < after; i++) {
					Thread.onSpinWait();
				}
				first.dispose();
			});
			(random.nextBoolean() ? this.hop : this.threads).schedule(end::tryEmitEmpty);
			assertThat(second).as("seed %d, round %d", seed, round).succeedsWithin(30, TimeUnit.SECONDS);
			holder.get(30, TimeUnit.SECONDS);
		}
	}

	private Mono<Void> use(AsyncResource<?> resource, Mono<Void> body) {
		return this.scopes.use(resource, (value) -> body);
	}

	private void until(BooleanSupplier condition, String description) {
		long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
		while (!condition.getAsBoolean()) {
			assertThat(System.nanoTime() - limit)
				.as(() -> description + " " + this.lock + " " + this.changed + " " + this.scopes.openScopes())
				.isNegative();
			Thread.onSpinWait();
		}
	}

}
