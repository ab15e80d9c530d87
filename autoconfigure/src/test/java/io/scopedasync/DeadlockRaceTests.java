package io.scopedasync;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.sync.KeyedLock;
import io.scopedasync.sync.ReadWriteLock;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Scopes that take several resources, at random and while somebody looks without pause:
 * two looks are microseconds apart, so that whatever is no single moment shows.
 */
@Timeout(300)
class DeadlockRaceTests {

	private static final int RUNS = 100_000;

	/** How many are open at most. */
	private static final int OPEN = 24;

	private static final int RESOURCES = 8;

	private static final long BETWEEN_LOOKS = TimeUnit.MILLISECONDS.toNanos(1);

	/** The kind of call that asks for all at once. */
	private static final int PARTS = 19;

	private final long seed = System.nanoTime();

	private final AsyncScopes scopes = AsyncScopes.builder().tracked(true).build();

	private final List<Limiter> limiters = new ArrayList<>();

	private final KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(2).build();

	private final KeyedLock keyedLock = KeyedLock.builder("keyed-lock").build();

	private final ReadWriteLock readWrite = ReadWriteLock.builder("read-write").build();

	private final AtomicInteger found = new AtomicInteger();

	private final AtomicInteger looks = new AtomicInteger();

	private final AtomicInteger completed = new AtomicInteger();

	private final AtomicInteger failed = new AtomicInteger();

	private final AtomicInteger failedOfParts = new AtomicInteger();

	private final AtomicReference<Throwable> unexpected = new AtomicReference<>();

	DeadlockRaceTests() {
		for (int i = 0; i < RESOURCES; i++) {
			this.limiters.add(Limiter.builder("limit-" + i).permits(1 + i % 3).build());
		}
	}

	@Test
	void inOneOrderNothingIsEverReportedAndInAnyOrderEverythingEnds() throws Exception {
		System.out.println("DeadlockRaceTests seed " + this.seed);
		run(true);
		assertThat(this.unexpected).hasNullValue();
		assertThat(this.found).hasValue(0);
		assertThat(this.completed).hasValue(RUNS);
		run(false);
		assertThat(this.unexpected).hasNullValue();
		// Several parts of one call may each be the youngest of a deadlock of their own.
		assertThat(this.found.get()).as("deadlocks")
			.isPositive()
			.isBetween(this.failed.get(), this.failed.get() + 3 * this.failedOfParts.get());
		assertThat(this.completed.get() + this.failed.get()).isEqualTo(2 * RUNS);
		System.out.println(this.looks + " looks, " + this.found + " deadlocks");
	}

	private void run(boolean ordered) throws Exception {
		Random random = new Random(this.seed);
		ExecutorService threads = Executors.newFixedThreadPool(OPEN);
		Semaphore open = new Semaphore(OPEN);
		AtomicBoolean over = new AtomicBoolean();
		Thread looking = new Thread(() -> {
			while (!over.get()) {
				if (ordered) {
					// A thread may be stopped in the middle of a step for longer than two
					// looks take; between two sweeps it goes on.
					LockSupport.parkNanos(BETWEEN_LOOKS);
				}
				this.scopes.breakDeadlocks((deadlock) -> this.found.incrementAndGet());
				this.looks.incrementAndGet();
			}
		}, "looking");
		looking.start();
		CountDownLatch ended = new CountDownLatch(RUNS);
		try {
			for (int i = 0; i < RUNS; i++) {
				assertThat(open.tryAcquire(60, TimeUnit.SECONDS)).as("nobody is stuck, seed %s", this.seed).isTrue();
				List<AsyncResource<?>> resources = resources(random, ordered);
				int kind = random.nextInt(20);
				CompletableFuture<?> call = (kind == 0)
						? CompletableFuture.supplyAsync(() -> blocking(resources, 0), threads)
						: mono(resources, kind, ordered).toFuture();
				call.whenComplete((value, error) -> {
					count(error, kind);
					open.release();
					ended.countDown();
				});
			}
			assertThat(ended.await(60, TimeUnit.SECONDS)).as("all end, seed %s", this.seed).isTrue();
		}
		finally {
			over.set(true);
			looking.join(10_000);
			threads.shutdownNow();
		}
		assertThat(this.limiters).allMatch((limiter) -> limiter.statistics().borrowed() == 0);
		assertThat(this.keyed.statistics().keys()).isZero();
		assertThat(this.keyedLock.statistics().keys()).isZero();
		assertThat(this.readWrite.usage().active() + this.readWrite.usage().pending()).isZero();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	/** One to three different ones, of which each asks for no more than there is. */
	private List<AsyncResource<?>> resources(Random random, boolean ordered) {
		List<Integer> numbers = new ArrayList<>();
		for (int i = 0; i < RESOURCES + 5; i++) {
			numbers.add(i);
		}
		Collections.shuffle(numbers, random);
		numbers = new ArrayList<>(numbers.subList(0, 1 + random.nextInt(3)));
		if (ordered) {
			Collections.sort(numbers);
		}
		List<AsyncResource<?>> resources = new ArrayList<>();
		for (int number : numbers) {
			if (number == RESOURCES + 4) {
				boolean reads = random.nextInt(3) != 0;
				resources.add(reads ? this.readWrite.read() : this.readWrite.write());
				if (reads && random.nextBoolean()) {
					resources.add(this.readWrite.read());
				}
			}
			else if (number >= RESOURCES + 2) {
				resources.add(this.keyedLock.forKey(number));
			}
			else if (number >= RESOURCES) {
				resources.add(this.keyed.forKey(number, 1 + random.nextInt(2)));
			}
			else {
				Limiter limiter = this.limiters.get(number);
				resources.add(limiter.permits(1 + random.nextInt(limiter.total())));
			}
		}
		return resources;
	}

	private Mono<String> mono(List<AsyncResource<?>> resources, int kind, boolean ordered) {
		ScopeSpec spec = ScopeSpec.of("kind-" + kind);
		Mono<String> body = (kind % 4 == 0) ? Mono.fromCallable(() -> "x").subscribeOn(Schedulers.parallel())
				: Mono.just("x");
		if (kind < 7) {
			return this.scopes.with(spec.entering(resources.toArray(new AsyncResource<?>[0])), (scope) -> body);
		}
		if (kind < 13) {
			return this.scopes.with(spec, (scope) -> {
				Mono<?> entered = Mono.empty();
				for (AsyncResource<?> resource : resources) {
					entered = entered.then(scope.enter(resource));
				}
				return entered.then(body);
			});
		}
		if (kind == PARTS && !ordered) {
			return this.scopes.use(AsyncResource.all(resources), (all) -> body);
		}
		Mono<String> nested = body;
		for (int i = resources.size() - 1; i >= 0; i--) {
			Mono<String> inner = nested;
			nested = this.scopes.use(resources.get(i), (value) -> inner);
		}
		return nested;
	}

	private String blocking(List<AsyncResource<?>> resources, int from) {
		try {
			return (from == resources.size()) ? "x"
					: this.scopes.useBlocking(resources.get(from), (value) -> blocking(resources, from + 1));
		}
		catch (RuntimeException ex) {
			throw ex;
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	private void count(Throwable error, int kind) {
		Throwable cause = (error instanceof CompletionException) ? error.getCause() : error;
		if (cause == null) {
			this.completed.incrementAndGet();
		}
		else if (cause instanceof DeadlockException) {
			this.failed.incrementAndGet();
			this.failedOfParts.addAndGet((kind == PARTS) ? 1 : 0);
		}
		else {
			this.unexpected.compareAndSet(null, cause);
		}
	}

}
