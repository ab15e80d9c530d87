package io.scopedasync.limiter;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The limiter under masses of callers, and races between those who take, give back,
 * cancel and resize.
 */
@Timeout(100)
@EventLoop
class LimiterLoadTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	@ParameterizedTest
	@ValueSource(ints = { 100_000, 1_000_000 })
	@Case(119)
	void queuedSynchronousBodiesDrainWithoutRecursion(int callers) throws Exception {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		AtomicInteger bodies = new AtomicInteger();
		AtomicInteger values = new AtomicInteger();
		AtomicInteger deepest = new AtomicInteger();
		Mono<String> scoped = this.scopes.use(limiter, (permit) -> {
			if (bodies.incrementAndGet() % (callers / 4) == 0) {
				deepest.accumulateAndGet(new Throwable().getStackTrace().length, Math::max);
			}
			return Mono.just("x");
		});
		for (int i = 0; i < callers; i++) {
			scoped.subscribe((value) -> values.incrementAndGet());
		}
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 1, callers));
		// With a stack that would not hold a hundredth of them.
		Thread releasing = new EventLoop.Loop(held::close, 128 * 1024);
		releasing.start();
		releasing.join(LIMIT.toMillis());
		assertThat(bodies).hasValue(callers);
		assertThat(values).hasValue(callers);
		assertThat(deepest.get()).isBetween(1, 60);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	@Case(119)
	void queuedFuturesDrainWithoutRecursion() throws Exception {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		List<CompletableFuture<String>> futures = new ArrayList<>();
		for (int i = 0; i < 100_000; i++) {
			futures.add(this.scopes.useFuture(limiter, (permit) -> CompletableFuture.completedFuture("x")));
		}
		held.close();
		assertThat(futures).allMatch(CompletableFuture::isDone);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	@Case(104)
	void cancellingAQueuedCallerTakesNoLongerInALongQueue() {
		// A hundred thousand cancels in random order: minutes where each walks the queue.
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		List<Disposable> callers = new ArrayList<>();
		for (int i = 0; i < 100_000; i++) {
			callers.add(this.scopes.use(limiter, (permit) -> Mono.never()).subscribe());
		}
		java.util.Collections.shuffle(callers, new Random(42));
		// Of this thread only: others may keep it waiting.
		ThreadMXBean threads = ManagementFactory.getThreadMXBean();
		long began = threads.getCurrentThreadCpuTime();
		callers.forEach(Disposable::dispose);
		assertThat(Duration.ofNanos(threads.getCurrentThreadCpuTime() - began)).isLessThan(Duration.ofSeconds(5));
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 1, 0));
		held.close();
	}

	@Test
	@Case(120)
	void blockingFutureAndReactiveCallersShareOneOrder() throws Exception {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		List<Integer> order = new CopyOnWriteArrayList<>();
		int callers = 12;
		CountDownLatch ends = new CountDownLatch(callers);
		for (int i = 0; i < callers; i++) {
			int number = i;
			switch (i % 4) {
				case 0 -> this.scopes.use(limiter, (permit) -> Mono.fromCallable(() -> order.add(number)))
					.doFinally((signal) -> ends.countDown())
					.subscribe();
				case 1 -> this.scopes.useMany(limiter, (permit) -> Mono.fromCallable(() -> order.add(number)))
					.doFinally((signal) -> ends.countDown())
					.subscribe();
				case 2 ->
					this.scopes.useFuture(limiter, (permit) -> CompletableFuture.supplyAsync(() -> order.add(number)))
						.whenComplete((value, error) -> ends.countDown());
				default -> startThread(() -> {
					try {
						this.scopes.useBlocking(limiter, (permit) -> order.add(number));
					}
					catch (Exception ex) {
						throw new IllegalStateException(ex);
					}
					ends.countDown();
				});
			}
			int waiting = i + 1;
			Awaitility.await()
				.pollDelay(Duration.ZERO)
				.pollInterval(Duration.ofMillis(1))
				.atMost(LIMIT)
				.until(() -> limiter.statistics().waiting() == waiting);
		}
		held.close();
		assertThat(ends.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(order).containsExactlyElementsOf(IntStream.range(0, callers).boxed().toList());
	}

	/** Virtual where there are such threads: they must not pin their carriers. */
	private static void startThread(Runnable task) {
		try {
			Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, task);
		}
		catch (NoSuchMethodException ex) {
			Thread thread = new Thread(task);
			thread.setDaemon(true);
			thread.start();
		}
		catch (ReflectiveOperationException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	@Case(120)
	void manyMoreBlockingCallersThanCarriersShareALimiter() throws Exception {
		Limiter limiter = Limiter.builder("two").permits(2).build();
		int callers = 200;
		CountDownLatch ends = new CountDownLatch(callers);
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		for (int i = 0; i < callers; i++) {
			startThread(() -> {
				try {
					this.scopes.useBlocking(limiter, (permit) -> {
						most.accumulateAndGet(inside.incrementAndGet(), Math::max);
						Thread.yield();
						return inside.decrementAndGet();
					});
				}
				catch (Exception ex) {
					throw new IllegalStateException(ex);
				}
				ends.countDown();
			});
		}
		assertThat(ends.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(most.get()).isBetween(1, 2);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 0, 0));
	}

	@Test
	@Case({ 73, 105, 114, 115, 177 })
	void nothingIsLostAmongThoseWhoTakeCancelAndResize() throws Exception {
		long seed = System.nanoTime();
		Limiter limiter = Limiter.builder("raced").permits(3).build();
		AtomicInteger inside = new AtomicInteger();
		ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
		AtomicInteger ends = new AtomicInteger();
		int rounds = 20_000;
		// The total is never above 6, so never may be what is inside.
		Runnable races = () -> {
			Random random = new Random(seed + Thread.currentThread().getId());
			for (int i = 0; i < rounds; i++) {
				int units = 1 + random.nextInt(2);
				Sinks.Empty<String> body = Sinks.empty();
				Disposable call = this.scopes.use((units == 1) ? limiter : limiter.permits(2), (permit) -> {
					if (inside.addAndGet(units) > 6) {
						wrong.add("inside " + inside);
					}
					return body.asMono().doOnTerminate(() -> inside.addAndGet(-units)).doOnCancel(() -> {
						inside.addAndGet(-units);
					});
				}).doFinally((signal) -> ends.incrementAndGet()).subscribe();
				Permit permit = (random.nextInt(4) == 0) ? limiter.tryAcquire() : null;
				if (random.nextInt(8) == 0) {
					limiter.resize(2 + random.nextInt(5));
				}
				if (random.nextBoolean()) {
					body.tryEmitEmpty();
					call.dispose();
				}
				else {
					call.dispose();
				}
				if (permit != null) {
					permit.close();
				}
			}
		};
		List<Thread> threads = new ArrayList<>();
		AtomicReference<Throwable> failed = new AtomicReference<>();
		for (int i = 0; i < 4; i++) {
			Thread thread = new Thread(races);
			thread.setUncaughtExceptionHandler((t, error) -> failed.set(error));
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads) {
			thread.join(60_000);
		}
		assertThat(failed).hasValue(null);
		assertThat(wrong).as("seed " + seed).isEmpty();
		assertThat(ends).as("seed " + seed).hasValue(4 * rounds);
		limiter.resize(3);
		assertThat(limiter.statistics()).as("seed " + seed).isEqualTo(new Limiter.Statistics(3, 0, 0));
	}

	@Test
	@Case(117)
	void aKeyThatFloodsDelaysNoOther() {
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(1).build();
		List<Disposable> flood = new ArrayList<>();
		for (int i = 0; i < 1_000; i++) {
			flood.add(this.scopes.use(keyed.forKey("loud"), (permit) -> Mono.never()).subscribe());
		}
		assertThat(this.scopes.use(keyed.forKey("quiet"), (permit) -> Mono.just("served")).toFuture().join())
			.isEqualTo("served");
		assertThat(keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(1, 1, 1, 999));
		flood.forEach(Disposable::dispose);
		assertThat(keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(1, 0, 0, 0));
	}

	@Test
	@Case(117)
	void idleKeysCostNothing() {
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(2).acquireTimeout(Duration.ofMinutes(1)).build();
		for (int i = 0; i < 100_000; i++) {
			String key = "tenant " + i;
			this.scopes.use(keyed.forKey(key), (permit) -> Mono.just(key)).as(EventLoop.Loop::await);
			if (i % 10 == 0) {
				this.scopes.use(keyed.forKey(key), (permit) -> Mono.error(new IllegalStateException(key)))
					.onErrorComplete()
					.as(EventLoop.Loop::await);
				this.scopes.use(keyed.forKey(key), (permit) -> Mono.never()).subscribe().dispose();
			}
		}
		assertThat(keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(2, 0, 0, 0));
	}

	@Test
	@Case({ 115, 117 })
	void resizingReachesEveryKeyInUseAndEveryNewOne() {
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(0).build();
		CompletableFuture<String> waiting = this.scopes.use(keyed.forKey("a"), (permit) -> Mono.just("a")).toFuture();
		assertThat(waiting).isNotDone();
		keyed.resize(1);
		assertThat(waiting).isCompletedWithValue("a");
		assertThat(this.scopes.use(keyed.forKey("b"), (permit) -> Mono.just("b")).toFuture().join()).isEqualTo("b");
		assertThat(keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(1, 0, 0, 0));
	}

	@Test
	@Case(117)
	void keysInAndOutOfUseRaceWithoutLoss() throws Exception {
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(1).build();
		AtomicInteger ends = new AtomicInteger();
		AtomicInteger[] inside = { new AtomicInteger(), new AtomicInteger(), new AtomicInteger() };
		ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
		Runnable races = () -> {
			Random random = new Random();
			for (int i = 0; i < 20_000; i++) {
				int key = random.nextInt(3);
				Disposable call = this.scopes.use(keyed.forKey(key), (permit) -> {
					if (inside[key].incrementAndGet() > 1) {
						wrong.add("two in " + key);
					}
					inside[key].decrementAndGet();
					return Mono.just("x");
				}).doFinally((signal) -> ends.incrementAndGet()).subscribe();
				if (random.nextBoolean()) {
					call.dispose();
				}
			}
		};
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			Thread thread = new Thread(races);
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads) {
			thread.join(60_000);
		}
		Awaitility.await().atMost(LIMIT).untilAtomic(ends, org.hamcrest.Matchers.equalTo(60_000));
		assertThat(wrong).isEmpty();
		assertThat(keyed.statistics()).isEqualTo(new KeyedLimiter.Statistics(1, 0, 0, 0));
	}

}
