package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.SignalType;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Resources in parallel and shared ones, with cancels, errors and thread hops at random
 * points: what a body has is held, what was acquired is released once, nothing stays
 * open. Run again with {@code -Dscopedasync.seed=} what was printed.
 */
@Timeout(360)
@ExtendWith(QuietScopes.class)
class CompositionRaceTests {

	private static final int RUNS = Integer.getInteger("scopedasync.runs", 200_000);

	private static final long SEED = Long.getLong("scopedasync.seed", System.nanoTime());

	private static final int STARTERS = 2;

	private static final int AT_ONCE = 64;

	private static final Duration END = Duration.ofSeconds(60);

	private static final class Expected extends RuntimeException {

		private static final long serialVersionUID = 1L;

		Expected() {
			super("expected", null, true, false);
		}

	}

	/** What is acquired, and what became of it. */
	private static final class Value {

		final AtomicInteger released = new AtomicInteger();

		final AtomicInteger bodies = new AtomicInteger();

	}

	private final Queue<String> wrong = new ConcurrentLinkedQueue<>();

	private final LongAdder acquired = new LongAdder();

	private final LongAdder released = new LongAdder();

	private final LongAdder bodies = new LongAdder();

	private final Scheduler hop = Schedulers.newParallel("hop", 2, true);

	private final AsyncScopes scopes = AsyncScopes.builder().tracked(true).build();

	@AfterEach
	void stop() {
		this.hop.dispose();
	}

	/** Brings a value at once, later, as one that can be cancelled, or not at all. */
	private final class Probe implements AsyncResource<Value> {

		private final int how;

		private final int release;

		private final Runnable begins;

		private final Runnable ends;

		Probe(SplittableRandom random) {
			this(random, () -> {
			}, () -> {
			});
		}

		Probe(SplittableRandom random, Runnable begins, Runnable ends) {
			this.how = random.nextInt(12);
			this.release = random.nextInt(8);
			this.begins = begins;
			this.ends = ends;
		}

		@Override
		public Mono<Value> acquire() {
			Mono<Value> value = Mono.fromCallable(() -> {
				CompositionRaceTests.this.acquired.increment();
				this.begins.run();
				return new Value();
			});
			if (this.how < 5) {
				return value;
			}
			if (this.how == 5) {
				return Mono.error(new Expected());
			}
			if (this.how == 6) {
				return Mono.<Value>error(new Expected()).subscribeOn(CompositionRaceTests.this.hop);
			}
			return value.subscribeOn(CompositionRaceTests.this.hop);
		}

		@Override
		public Mono<Void> release(Value value, Exit exit) {
			Mono<Void> release = Mono.fromRunnable(() -> {
				if (value.released.incrementAndGet() != 1) {
					wrong("released twice");
				}
				if (value.bodies.get() != 0) {
					wrong("released under a body");
				}
				CompositionRaceTests.this.released.increment();
				this.ends.run();
			});
			if (this.release == 0) {
				return release.then(Mono.error(new Expected()));
			}
			return (this.release < 3) ? release.subscribeOn(CompositionRaceTests.this.hop) : release;
		}

		@Override
		public String name() {
			return "probe";
		}

	}

	private void wrong(String what) {
		this.wrong.add(what);
	}

	private Mono<String> body(List<Value> values, int how) {
		this.bodies.increment();
		for (Value value : values) {
			value.bodies.incrementAndGet();
			if (value.released.get() != 0) {
				wrong("a body has what was released");
			}
		}
		Mono<String> body = (how == 0) ? Mono.error(new Expected()) : Mono.just("done");
		if (how < 5) {
			body = body.delaySubscription(Mono.empty().subscribeOn(this.hop));
		}
		return leaving(body, () -> values.forEach((value) -> {
			if (value.released.get() != 0) {
				wrong("released before the body was over");
			}
			value.bodies.decrementAndGet();
		}));
	}

	/** Once, before anybody hears of the end. */
	private static <T> Mono<T> leaving(Mono<T> body, Runnable leave) {
		AtomicBoolean left = new AtomicBoolean();
		Runnable once = () -> {
			// A cancel that meets the end waits for it to have left.
			synchronized (left) {
				if (left.compareAndSet(false, true)) {
					leave.run();
				}
			}
		};
		return body.doOnTerminate(once).doOnCancel(once);
	}

	/** Runs calls from several threads, some of them cancelled at some moment. */
	private void race(String name, Function<SplittableRandom, Mono<?>> call, Runnable end) throws Exception {
		System.out.println("CompositionRaceTests " + name + ": -Dscopedasync.seed=" + SEED);
		List<CompletableFuture<Void>> starters = new ArrayList<>();
		for (int i = 0; i < STARTERS; i++) {
			SplittableRandom random = new SplittableRandom(SEED + i);
			starters.add(CompletableFuture.runAsync(() -> start(call, random)));
		}
		for (CompletableFuture<Void> starter : starters) {
			starter.get(300, TimeUnit.SECONDS);
		}
		end.run();
		Awaitility.await().atMost(END).until(() -> this.scopes.openScopes().isEmpty());
		assertThat(new HashSet<>(this.wrong)).isEmpty();
		assertThat(this.released.sum()).isEqualTo(this.acquired.sum()).isPositive();
		assertThat(this.bodies.sum()).isPositive();
	}

	private void start(Function<SplittableRandom, Mono<?>> call, SplittableRandom random) {
		Semaphore atOnce = new Semaphore(AT_ONCE);
		for (int i = 0; i < RUNS / STARTERS; i++) {
			try {
				if (!atOnce.tryAcquire(60, TimeUnit.SECONDS)) {
					throw new IllegalStateException("calls do not end");
				}
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
			int cancel = random.nextInt(10);
			Disposable running = call.apply(random)
				.doFinally((signal) -> atOnce.release())
				.contextWrite(Context.of("reactor.onErrorDropped.local", (Consumer<Throwable>) (error) -> {
				}))
				.subscribe((value) -> {
				}, (error) -> {
					if (!(error instanceof Expected || error instanceof ScopeClosedException)) {
						wrong("failed with " + error);
					}
				});
			if (cancel == 0) {
				running.dispose();
			}
			else if (cancel < 3) {
				this.hop.schedule(running::dispose);
			}
		}
		atOnce.acquireUninterruptibly(AT_ONCE);
	}

	/** A limiter as users may have it. */
	@SuppressWarnings("unchecked")
	private static AsyncResource<Object> seen(Limiter limiter, SplittableRandom random) {
		boolean fails = random.nextInt(20) == 0;
		AsyncResource<Permit> permit = (random.nextBoolean()) ? limiter : limiter.named("seen");
		return (random.nextInt(3) == 0) ? (AsyncResource<Object>) (AsyncResource<?>) permit : permit.map((given) -> {
			if (fails) {
				throw new Expected();
			}
			return given.permits() + " permit";
		});
	}

	/** Who hears an end, hears it after everything is released. */
	private static <T> Mono<T> heardLast(Mono<T> call, List<Value> values, Queue<String> wrong) {
		BiConsumer<SignalType, List<Value>> check = (signal, all) -> {
			if (signal != SignalType.CANCEL && all.stream().anyMatch((value) -> value.released.get() != 1)) {
				wrong.add("heard of before the release");
			}
		};
		return call.doFinally((signal) -> check.accept(signal, values));
	}

	@Test
	@Case({ 33, 34, 35, 177 })
	void all() throws Exception {
		Limiter limiter = Limiter.builder("limiter").permits(3).build();
		AtomicInteger inside = new AtomicInteger();
		race("all", (random) -> {
			List<AsyncResource<?>> parts = new ArrayList<>();
			boolean limited = random.nextInt(3) == 0;
			for (int i = random.nextInt(3); i >= 0; i--) {
				Probe probe = new Probe(random);
				parts.add((random.nextInt(6) == 0) ? probe.zipWith(new Probe(random), (x, y) -> y) : probe);
			}
			if (limited) {
				parts.add(random.nextInt(parts.size() + 1), seen(limiter, random));
			}
			int how = random.nextInt(20);
			List<Value> had = new ArrayList<>();
			return heardLast(this.scopes.use(AsyncResource.<Object>all(parts), (all) -> {
				List<Value> values = all.stream().filter(Value.class::isInstance).map(Value.class::cast).toList();
				had.addAll(values);
				if (limited && inside.incrementAndGet() > 3) {
					wrong("more inside than permits");
				}
				return leaving(body(values, how), () -> {
					if (limited) {
						inside.decrementAndGet();
					}
				});
			}), had, this.wrong);
		}, () -> {
		});
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 0, 0));
	}

	@Test
	@Case({ 38, 177 })
	void theFirst() throws Exception {
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		race("race", (random) -> {
			AsyncResource<Object> permit = seen(limiter, random);
			AsyncResource<Object> race = AsyncResource.race(new Probe(random),
					(random.nextBoolean()) ? permit : new Probe(random), new Probe(random));
			int how = random.nextInt(20);
			List<Value> had = new ArrayList<>();
			return heardLast(this.scopes.use(race, (first) -> {
				List<Value> values = (first instanceof Value value) ? List.of(value) : List.of();
				had.addAll(values);
				return body(values, how);
			}), had, this.wrong);
		}, () -> {
		});
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	@Case({ 15, 16, 177 })
	void oneAfterTheOther() throws Exception {
		Limiter limiter = Limiter.builder("limiter").permits(3).build();
		AtomicInteger inside = new AtomicInteger();
		race("flatMap", (random) -> {
			boolean limited = random.nextInt(3) == 0;
			Probe second = new Probe(random);
			int fails = random.nextInt(20);
			AsyncResource<List<Value>> both = new Probe(random).flatMap((one) -> {
				if (fails == 0) {
					throw new Expected();
				}
				return second.map((two) -> {
					if (fails == 1) {
						throw new Expected();
					}
					return List.of(one, two);
				});
			});
			int how = random.nextInt(20);
			List<Value> had = new ArrayList<>();
			return heardLast(
					this.scopes.use(limited ? seen(limiter, random).flatMap((permit) -> both) : both, (values) -> {
						had.addAll(values);
						if (limited && inside.incrementAndGet() > 3) {
							wrong("more inside than permits");
						}
						return leaving(body(values, how), () -> {
							if (limited) {
								inside.decrementAndGet();
							}
						});
					}), had, this.wrong);
		}, () -> {
		});
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 0, 0));
	}

	/** Brings anew each time, by chance in another way; one at a time. */
	private AsyncResource<Value> oneAtATime(SplittableRandom random) {
		AtomicInteger live = new AtomicInteger();
		SplittableRandom own = random.split();
		return new AsyncResource<>() {

			private volatile Probe probe = new Probe(own);

			@Override
			public Mono<Value> acquire() {
				this.probe = new Probe(own, () -> {
					if (live.incrementAndGet() != 1) {
						wrong("two at a time");
					}
				}, live::decrementAndGet);
				return this.probe.acquire();
			}

			@Override
			public Mono<Void> release(Value value, Exit exit) {
				return this.probe.release(value, exit);
			}

			@Override
			public String name() {
				return "one at a time";
			}

		};
	}

	@Test
	@Case({ 170, 177 })
	void shared() throws Exception {
		SplittableRandom random = new SplittableRandom(SEED);
		List<AsyncResource<Value>> shared = List.of(oneAtATime(random).shared(Duration.ZERO),
				oneAtATime(random).shared(Duration.ofMillis(1)), oneAtATime(random).shared(Duration.ofNanos(1)));
		race("shared", (r) -> {
			int how = r.nextInt(20);
			return this.scopes.use(shared.get(r.nextInt(shared.size())), (value) -> body(List.of(value), how));
		}, () -> {
		});
	}

	@Test
	@Case({ 170, 177 })
	void keyed() throws Exception {
		SplittableRandom random = new SplittableRandom(SEED);
		List<AsyncResource<Value>> ofKey = new ArrayList<>();
		for (int i = 0; i < 50; i++) {
			ofKey.add(oneAtATime(random));
		}
		KeyedSharing<Value> keyed = new KeyedSharing<>("keyed", Duration.ZERO, (key) -> ofKey.get((Integer) key));
		race("keyed", (r) -> {
			int how = r.nextInt(20);
			return this.scopes.use(keyed.forKey(r.nextInt(ofKey.size())), (value) -> body(List.of(value), how));
		}, () -> {
		});
		Awaitility.await().atMost(END).until(() -> keyed.size() == 0);
	}

	@Test
	@Case({ 171, 177 })
	void swapped() throws Exception {
		SwappableResource<Value> swappable = this.scopes.swappable(new Probe(new SplittableRandom(SEED)));
		race("swapped", (random) -> {
			int how = random.nextInt(20);
			return (random.nextInt(4) == 0) ? swappable.swap(new Probe(random))
					: this.scopes.use(swappable, (value) -> body(List.of(value), how));
		}, () -> swappable.close().onErrorComplete().block(END));
	}

}
