package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.reactivestreams.Subscription;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A million scopes over all fronts, with cancels, errors, limits and thread hops at
 * random points: what was acquired is released, no more are inside than may be, and
 * everybody hears an end. Run again with {@code -Dscopedasync.seed=} what was printed.
 */
@ExtendWith(QuietScopes.class)
class MillionScopesTests {

	private static final int SCOPES = Integer.getInteger("scopedasync.scopes", 1_000_000);

	private static final long SEED = Long.getLong("scopedasync.seed", System.nanoTime());

	private static final int STARTERS = 3;

	private static final int AT_ONCE = 200;

	private static final int BLOCKING_AT_ONCE = 6;

	private static final Duration END = Duration.ofSeconds(60);

	private static final IllegalStateException EXPECTED = new IllegalStateException("expected", null) {
		private static final long serialVersionUID = 1L;

		@Override
		public synchronized Throwable fillInStackTrace() {
			return this;
		}
	};

	private final LongAdder acquired = new LongAdder();

	private final LongAdder released = new LongAdder();

	private final LongAdder bodies = new LongAdder();

	private final LongAdder ends = new LongAdder();

	private final Queue<String> wrong = new ConcurrentLinkedQueue<>();

	private final AsyncScopes untracked = AsyncScopes.create();

	private final AsyncScopes tracked = AsyncScopes.builder()
		.tracked(true)
		.callSites((scope) -> ThreadLocalRandom.current().nextInt(64) == 0)
		.build();

	private final Leaks leaks = new Leaks(List.of());

	/** Nothing here is lost or late: it must find nothing. */
	private final LeakDetector detector = new LeakDetector(this.tracked, this.leaks, ScopeClock.system(), END,
			Duration.ofMillis(20));

	private final Scheduler hop = Schedulers.newParallel("hop", 2, true);

	private final ExecutorService blocking = Executors.newFixedThreadPool(BLOCKING_AT_ONCE, (task) -> {
		Thread thread = new Thread(task, "blocking");
		thread.setDaemon(true);
		return thread;
	});

	/** A limiter, and how many units of it are really inside bodies. */
	private static final class Gate {

		final Limiter limiter;

		final int permits;

		final AtomicInteger inside = new AtomicInteger();

		Gate(String name, int permits) {
			this.limiter = Limiter.builder(name).permits(permits).build();
			this.permits = permits;
		}

	}

	private final Gate[] gates = { new Gate("one", 1), new Gate("three", 3), new Gate("twenty", 20) };

	private final KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(2).build();

	private final Limiter hurried = Limiter.builder("hurried")
		.permits(4)
		.maxWaiting(20)
		.acquireTimeout(Duration.ofMillis(2))
		.build();

	@AfterEach
	void stop() {
		this.detector.stop();
		this.hop.dispose();
		this.blocking.shutdownNow();
	}

	@Test
	@Timeout(360)
	@Case({ 64, 100, 105, 109, 120, 177 })
	void everythingAcquiredIsReleased() throws Exception {
		System.out.println("MillionScopesTests: -Dscopedasync.seed=" + SEED);
		long began = System.nanoTime();
		this.detector.start();
		List<CompletableFuture<Void>> starters = new ArrayList<>();
		for (int i = 0; i < STARTERS; i++) {
			SplittableRandom random = new SplittableRandom(SEED + i);
			CompletableFuture<Void> done = new CompletableFuture<>();
			Thread starter = new Thread(() -> {
				try {
					start(random, SCOPES / STARTERS + 1);
					done.complete(null);
				}
				catch (Throwable ex) {
					done.completeExceptionally(ex);
				}
			}, "starter");
			starter.setDaemon(true);
			starter.start();
			starters.add(done);
		}
		try {
			for (CompletableFuture<Void> starter : starters) {
				starter.get(240, TimeUnit.SECONDS);
			}
			Awaitility.await().atMost(END).until(() -> openScopes() == 0 && this.acquired.sum() == this.released.sum());
		}
		catch (Exception | Error ex) {
			throw new AssertionError(report(began), ex);
		}
		LoggerFactory.getLogger(getClass()).info(report(began));
		assertThat(this.wrong).as(report(began)).isEmpty();
		for (Gate gate : this.gates) {
			assertThat(gate.limiter.statistics()).isEqualTo(new Limiter.Statistics(gate.permits, 0, 0));
			assertThat(gate.inside).hasValue(0);
		}
		assertThat(this.hurried.statistics()).isEqualTo(new Limiter.Statistics(4, 0, 0));
		assertThat(this.keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(2, 0, 0, 0));
		assertThat(this.ends.sum()).isGreaterThanOrEqualTo(SCOPES);
		assertThat(LeakReason.values()).allSatisfy((reason) -> assertThat(this.leaks.count(reason)).isZero());
	}

	private int openScopes() {
		return this.untracked.openScopes().size() + this.tracked.openScopes().size();
	}

	private String report(long began) {
		return SCOPES + " scopes, seed " + SEED + ", " + Duration.ofNanos(System.nanoTime() - began).toMillis()
				+ " ms: acquired " + this.acquired + ", released " + this.released + ", bodies " + this.bodies
				+ ", ended " + this.ends + ", open " + openScopes() + ", " + this.gates[0].limiter.statistics() + ", "
				+ this.gates[1].limiter.statistics() + ", " + this.gates[2].limiter.statistics() + ", "
				+ this.hurried.statistics() + ", " + this.keyed.statistics() + ", wrong "
				+ this.wrong.stream().limit(5).toList();
	}

	private void start(SplittableRandom random, int count) throws InterruptedException {
		Semaphore room = new Semaphore(AT_ONCE);
		Semaphore blockingRoom = new Semaphore(BLOCKING_AT_ONCE / STARTERS);
		for (int i = 0; i < count; i++) {
			if (!room.tryAcquire(60, TimeUnit.SECONDS)) {
				throw new AssertionError("somebody never heard an end");
			}
			Plan plan = new Plan(random.split());
			Runnable end = () -> {
				this.ends.increment();
				room.release();
			};
			switch (plan.kind) {
				case 0, 1, 2, 3, 4, 5, 6, 7 -> mono(plan, end);
				case 8, 9, 10, 11 -> flux(plan, end);
				case 12, 13, 14, 15, 16 -> future(plan, end);
				default -> {
					if (!blockingRoom.tryAcquire(60, TimeUnit.SECONDS)) {
						throw new AssertionError("a blocking caller never came back");
					}
					blocking(plan, () -> {
						blockingRoom.release();
						end.run();
					});
				}
			}
		}
		if (!room.tryAcquire(AT_ONCE, 60, TimeUnit.SECONDS)) {
			throw new AssertionError("somebody never heard an end");
		}
	}

	/** What happens to one scope, decided before it starts. */
	private final class Plan {

		final int kind;

		final SplittableRandom random;

		final AsyncScopes scopes;

		final ScopeSpec spec;

		final Gate gate;

		final int units;

		/** 0 to 2: hold the gate, 3: hold nothing that limits. */
		final boolean gated;

		final int body;

		final int cancelAfter;

		final AtomicBoolean started = new AtomicBoolean();

		volatile int waited;

		Plan(SplittableRandom random) {
			this.random = random;
			this.kind = random.nextInt(18);
			this.scopes = random.nextBoolean() ? MillionScopesTests.this.tracked : MillionScopesTests.this.untracked;
			this.gate = MillionScopesTests.this.gates[random.nextInt(3)];
			this.units = (this.gate.permits > 2) ? 1 + random.nextInt(2) : 1;
			this.gated = random.nextInt(4) != 0;
			this.body = random.nextInt(12);
			// A body that never ends by itself has to be cancelled.
			this.cancelAfter = (this.body == 11 || random.nextInt(4) == 0) ? random.nextInt(400) : -1;
			this.spec = spec();
		}

		private ScopeSpec spec() {
			List<AsyncResource<?>> resources = new ArrayList<>(3);
			if (this.random.nextInt(3) == 0) {
				resources.add(new Counted(this.random.nextInt(10)));
			}
			if (this.gated) {
				AsyncResource<Permit> permits = this.gate.limiter.permits(this.units);
				resources.add((this.random.nextInt(3) == 0) ? permits.map(Permit::permits).named("seen") : permits);
			}
			if (this.random.nextInt(8) == 0) {
				resources.add(MillionScopesTests.this.keyed.forKey(this.random.nextInt(5)));
			}
			if (this.random.nextInt(10) == 0) {
				resources.add(MillionScopesTests.this.hurried);
			}
			if (this.random.nextInt(4) == 0) {
				resources.add(new Counted(this.random.nextInt(10)));
			}
			ScopeSpec spec = ScopeSpec.of("s").entering(resources.toArray(new AsyncResource<?>[0]));
			return (this.random.nextInt(12) == 0) ? spec.timeout(Duration.ofNanos(this.random.nextInt(2_000_000)))
					: spec;
		}

		Mono<String> body(Scope scope) {
			if (!this.started.compareAndSet(false, true)) {
				MillionScopesTests.this.wrong.add("body started twice");
			}
			MillionScopesTests.this.bodies.increment();
			if (this.body == 0) {
				throw EXPECTED;
			}
			Mono<String> work = work(scope);
			if (!this.gated) {
				return work;
			}
			AtomicBoolean inside = new AtomicBoolean();
			return Mono.defer(() -> {
				enter(inside);
				return work.doOnTerminate(() -> leave(inside)).doOnCancel(() -> leave(inside));
			});
		}

		private Mono<String> work(Scope scope) {
			return switch (this.body) {
				case 1 -> Mono.error(EXPECTED);
				case 2 -> Mono.empty();
				case 3, 4 -> Mono.fromCallable(() -> "hopped").subscribeOn(MillionScopesTests.this.hop);
				case 5 -> Mono.just("x").publishOn(MillionScopesTests.this.hop).map((value) -> {
					throw EXPECTED;
				});
				case 6 -> scope.enter(new Counted(this.random.nextInt(10)))
					.zipWith(scope.enter(new Counted(this.random.nextInt(10))), (a, b) -> "entered");
				case 7 -> this.scopes.use(new Counted(this.random.nextInt(10)),
						(value) -> Mono.fromCallable(() -> "inner").subscribeOn(MillionScopesTests.this.hop));
				case 8 -> Mono.fromRunnable(() -> scope.cancel("from inside")).thenReturn("cancelled");
				case 9 -> {
					scope.push((exit) -> Mono.just(Exit.completed()).subscribeOn(MillionScopesTests.this.hop));
					yield Mono.error(EXPECTED);
				}
				case 11 -> Mono.never();
				default -> Mono.just("at once");
			};
		}

		void enter(AtomicBoolean inside) {
			inside.set(true);
			if (this.gate.inside.addAndGet(this.units) > this.gate.permits) {
				MillionScopesTests.this.wrong
					.add("too many inside " + this.gate.limiter + " on front " + this.kind + " body " + this.body);
			}
		}

		void leave(AtomicBoolean inside) {
			// A cancel does not wait for a signal on its way: whoever comes second must
			// not
			// go on before the first has counted.
			synchronized (inside) {
				if (inside.compareAndSet(true, false)) {
					this.gate.inside.addAndGet(-this.units);
				}
			}
		}

		void cancelLater(Runnable cancel) {
			if (this.cancelAfter == 0) {
				cancel.run();
			}
			else if (this.cancelAfter > 0) {
				int spins = this.cancelAfter;
				MillionScopesTests.this.hop.schedule(() -> {
					for (int i = 0; i < spins; i++) {
						// Not a spin wait, which is forbidden here.
						this.waited = i;
					}
					cancel.run();
				});
			}
		}

	}

	private void mono(Plan plan, Runnable end) {
		Caller caller = new Caller(end);
		plan.scopes.with(plan.spec, plan::body).subscribe(caller);
		plan.cancelLater(caller::cancel);
	}

	private void flux(Plan plan, Runnable end) {
		Caller caller = new Caller(end);
		// Not repeat(): it can lose a cancel, and the body then runs on (reactor-core
		// 4398).
		Flux<String> flux = plan.scopes.withMany(plan.spec,
				(scope) -> plan.body(scope).flatMapMany((value) -> Flux.just(value, value, value).take(plan.body % 3)));
		((plan.body == 4) ? flux.next().flux() : flux).subscribe(caller);
		plan.cancelLater(caller::cancel);
	}

	private void future(Plan plan, Runnable end) {
		CompletableFuture<String> future = plan.scopes.withFuture(plan.spec, (scope) -> plan.body(scope).toFuture());
		future.whenComplete((value, error) -> end.run());
		if (plan.kind == 12) {
			plan.cancelLater(() -> future.complete("by somebody else"));
		}
		else {
			plan.cancelLater(() -> future.cancel(true));
		}
	}

	private void blocking(Plan plan, Runnable end) {
		this.blocking.execute(() -> {
			Thread thread = Thread.currentThread();
			AtomicBoolean over = new AtomicBoolean();
			plan.cancelLater(() -> {
				synchronized (over) {
					if (!over.get()) {
						thread.interrupt();
					}
				}
			});
			try {
				plan.scopes.withBlocking(plan.spec, (scope) -> plan.body(scope).block());
			}
			catch (Throwable ex) {
				// Expected of many of them.
			}
			synchronized (over) {
				over.set(true);
			}
			Thread.interrupted();
			end.run();
		});
	}

	private static final class Caller extends BaseSubscriber<String> {

		private final Runnable end;

		private final AtomicBoolean ended = new AtomicBoolean();

		Caller(Runnable end) {
			this.end = end;
		}

		@Override
		public Context currentContext() {
			return QUIET;
		}

		@Override
		protected void hookOnSubscribe(Subscription subscription) {
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		protected void hookOnError(Throwable error) {
		}

		@Override
		protected void hookFinally(reactor.core.publisher.SignalType type) {
			if (this.ended.compareAndSet(false, true)) {
				this.end.run();
			}
		}

	}

	/** Errors of bodies that lost against a cancel are expected in masses. */
	private static final Context QUIET = Context.of("reactor.onErrorDropped.local",
			(java.util.function.Consumer<Throwable>) (error) -> {
			});

	/** A resource that counts, at once or after a hop, and fails now and then. */
	private final class Counted implements AsyncResource<String> {

		private final int way;

		private final AtomicInteger held = new AtomicInteger();

		Counted(int way) {
			this.way = way;
		}

		@Override
		public Mono<String> acquire() {
			Mono<String> acquire = Mono.fromCallable(() -> {
				if (this.way == 9) {
					throw EXPECTED;
				}
				MillionScopesTests.this.acquired.increment();
				this.held.incrementAndGet();
				return "held";
			});
			return switch (this.way) {
				case 0, 1 -> acquire.subscribeOn(MillionScopesTests.this.hop);
				case 2 -> acquire.publishOn(MillionScopesTests.this.hop);
				case 3 -> Mono.fromFuture(acquire.subscribeOn(MillionScopesTests.this.hop).toFuture());
				default -> acquire;
			};
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			Mono<Void> release = Mono.fromRunnable(() -> {
				if (this.held.decrementAndGet() != 0) {
					MillionScopesTests.this.wrong.add("released twice");
				}
				MillionScopesTests.this.released.increment();
				if (this.way == 8) {
					throw EXPECTED;
				}
			});
			return (this.way == 1 || this.way == 4) ? release.subscribeOn(MillionScopesTests.this.hop) : release;
		}

	}

}
