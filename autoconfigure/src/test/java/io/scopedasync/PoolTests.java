package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Pool}: what happens to its objects when, in virtual time.
 */
@EventLoop
class PoolTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder().clock(this.clock).build();

	private final AtomicInteger made = new AtomicInteger();

	private final List<Integer> destroyed = new CopyOnWriteArrayList<>();

	private Mono<Void> making = Mono.empty();

	private Mono<Void> destroying = Mono.empty();

	private PooledResource<Integer> pool(Consumer<PoolSettings<Integer>> settings) {
		return AsyncResource.of(() -> Mono.defer(() -> this.making).then(Mono.fromCallable(this.made::incrementAndGet)),
				(value, exit) -> Mono.defer(() -> {
					this.destroyed.add(value);
					return this.destroying;
				}))
			.named("numbers")
			.pooled((pool) -> settings.accept(pool.clock(this.clock)));
	}

	private Disposable hold(PooledResource<Integer> pool) {
		return this.scopes.use(pool, (value) -> Mono.never()).subscribe(null, (error) -> {
		});
	}

	private CompletableFuture<Integer> use(PooledResource<Integer> pool) {
		return this.scopes.use(pool, Mono::just).toFuture();
	}

	/** Holds so many and gives all back, one second after the other. */
	private void makeIdle(PooledResource<Integer> pool, int count) {
		List<Sinks.Empty<Void>> ends = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			Sinks.Empty<Void> end = Sinks.empty();
			ends.add(end);
			this.scopes.use(pool, (value) -> end.asMono()).subscribe();
		}
		for (Sinks.Empty<Void> end : ends) {
			end.tryEmitEmpty();
			this.time.advanceTimeBy(Duration.ofSeconds(1));
		}
	}

	// Idle.

	@Test
	void destroysWhatIsIdleForTooLongWithoutAnotherCaller() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(3).idleTime(Duration.ofSeconds(60)));
		makeIdle(pool, 3);
		this.time.advanceTimeBy(Duration.ofSeconds(56));
		assertThat(this.destroyed).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.destroyed).containsExactly(1);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.destroyed).containsExactly(1, 2);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.destroyed).containsExactly(1, 2, 3);
		assertThat(pool.allocated()).isZero();
	}

	@Test
	void keepsAsManyAsItHasAtLeastHoweverLongTheyAreIdle() {
		PooledResource<Integer> pool = pool(
				(settings) -> settings.minSize(2).maxSize(3).idleTime(Duration.ofSeconds(60)));
		makeIdle(pool, 3);
		this.time.advanceTimeBy(Duration.ofHours(1));
		assertThat(this.destroyed).containsExactly(1);
		assertThat(pool.usage().idle()).isEqualTo(2);
		hold(pool);
		makeIdle(pool, 2);
		assertThat(pool.allocated()).isEqualTo(3);
		this.time.advanceTimeBy(Duration.ofHours(1));
		assertThat(pool.allocated()).isEqualTo(2);
	}

	@Test
	void destroysWhatIsTooOldWithoutAnotherCaller() {
		PooledResource<Integer> pool = pool((settings) -> settings.minSize(1).maxSize(2).lifeTime(Duration.ofHours(1)));
		use(pool);
		this.time.advanceTimeBy(Duration.ofHours(1));
		assertThat(this.destroyed).containsExactly(1);
	}

	@Test
	void theLastToComeIsLentFirst() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(3).idleTime(Duration.ofSeconds(60)));
		makeIdle(pool, 3);
		for (int i = 0; i < 60; i++) {
			assertThat(use(pool).join()).isEqualTo(3);
			this.time.advanceTimeBy(Duration.ofSeconds(1));
		}
		assertThat(this.destroyed).as("not needed").containsExactly(1, 2);
	}

	@Test
	void thereIsOneTimerWhileSomethingIsIdleAndNoneOtherwise() {
		AtomicInteger timers = new AtomicInteger();
		PooledResource<Integer> pool = AsyncResource
			.of(() -> Mono.fromCallable(this.made::incrementAndGet), (value, exit) -> Mono.empty())
			.pooled((settings) -> settings.maxSize(5)
				.idleTime(Duration.ofSeconds(60))
				.clock(ScopeClock.of(new Counting(this.time, timers))));
		makeIdle(pool, 5);
		for (int i = 0; i < 100; i++) {
			use(pool);
		}
		assertThat(timers).hasValue(1);
		this.time.advanceTimeBy(Duration.ofHours(1));
		assertThat(pool.allocated()).isZero();
		assertThat(timers.get()).as("one at a time, and its limits of destroying").isLessThanOrEqualTo(5);
	}

	// Closing in use.

	@Test
	@Case(168)
	void whatComesBackWhileItClosesIsDestroyedOnce() {
		AtomicReference<PooledResource<Integer>> pool = new AtomicReference<>();
		List<String> ended = new ArrayList<>();
		pool.set(pool((settings) -> settings.reuse((value, exit) -> {
			// Between the end of the body and the return.
			pool.get().close().subscribe(null, null, () -> ended.add("closed"));
			assertThat(this.destroyed).isEmpty();
			return true;
		})));
		assertThat(use(pool.get())).isCompletedWithValue(1);
		assertThat(this.destroyed).containsExactly(1);
		assertThat(ended).containsExactly("closed");
		assertThat(pool.get().allocated()).isZero();
	}

	@Test
	@Case(168)
	void aCloseWhileOneIsMadeRefusesItsCallerAndDestroysItOnce() {
		AtomicReference<PooledResource<Integer>> pool = new AtomicReference<>();
		this.making = Mono.fromRunnable(() -> pool.get().close());
		pool.set(pool((settings) -> settings.maxSize(1)));
		assertThat(use(pool.get())).isCompletedExceptionally();
		assertThat(this.destroyed).containsExactly(1);
		assertThat(pool.get().close().toFuture()).isDone();
	}

	@Test
	@Case(168)
	void aCloseWhileOneIsDestroyedWaitsForThat() {
		Sinks.Empty<Void> gate = Sinks.empty();
		this.destroying = gate.asMono();
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		hold(pool).dispose();
		CompletableFuture<Integer> waiter = use(pool);
		CompletableFuture<Void> closed = pool.close().toFuture();
		assertThat(waiter).isCompletedExceptionally();
		assertThat(closed).isNotDone();
		gate.tryEmitEmpty();
		assertThat(closed).isDone();
		assertThat(this.made).hasValue(1);
	}

	@Test
	@Case(168)
	@ExtendWith(OutputCaptureExtension.class)
	void closeGivesUpWaitingForOneThatIsNotGivenBackAndDestroysItLater(CapturedOutput output) {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Disposable holder = hold(pool);
		CompletableFuture<Void> closed = pool.close().toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(14));
		assertThat(closed).isNotDone();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(closed).isDone();
		assertThat(output).contains("Pool 'numbers' was told to close 15000 ms ago")
			.contains("1 of its objects are still lent");
		assertThat(this.destroyed).as("while it is lent").isEmpty();
		holder.dispose();
		assertThat(this.destroyed).containsExactly(1);
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(0, 0, 1, 0));
	}

	@Test
	@Case(168)
	void closeEndsAlthoughADestructionDoesNot() {
		this.destroying = Mono.never();
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		use(pool);
		CompletableFuture<Void> closed = pool.close().toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(10));
		assertThat(closed).as("closed by force").isDone();
	}

	// Making.

	@Test
	void makingThatFailsTenThousandTimesIsNoDeepStack() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Disposable holder = hold(pool);
		List<CompletableFuture<Integer>> waiters = new ArrayList<>();
		for (int i = 0; i < 10_000; i++) {
			waiters.add(use(pool));
		}
		this.making = Mono.error(new IllegalStateException("expected"));
		holder.dispose();
		assertThat(waiters).allSatisfy((waiter) -> assertThat(waiter).isCompletedExceptionally());
		assertThat(pool.allocated()).isZero();
	}

	@Test
	void whatIsMadeForOneWhoseTimeIsUpMeanwhileIsNotLost() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1).acquireTimeout(Duration.ofSeconds(2)));
		Disposable holder = hold(pool);
		CompletableFuture<Integer> waiter = use(pool);
		Sinks.Empty<Void> gate = Sinks.empty();
		this.making = gate.asMono();
		holder.dispose();
		this.time.advanceTimeBy(Duration.ofSeconds(3));
		assertThat(waiter).as("its own is being made").isNotDone();
		gate.tryEmitEmpty();
		assertThat(waiter).isCompletedWithValue(2);
	}

	@Test
	void borrowedByHandGivesBackOnce() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		PooledResource.Lent<Integer> lent = pool.borrow().toFuture().join();
		assertThat(lent.value()).isEqualTo(1);
		lent.giveBack(Exit.completed(), true).subscribe();
		Disposable holder = hold(pool);
		lent.giveBack(Exit.completed(), true).subscribe();
		assertThat(pool.usage().active()).isEqualTo(1);
		holder.dispose();
	}

	/** Counts the timers that are set for later. */
	private record Counting(Scheduler scheduler, AtomicInteger timers) implements Scheduler {

		@Override
		public Disposable schedule(Runnable task) {
			return this.scheduler.schedule(task);
		}

		@Override
		public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
			this.timers.incrementAndGet();
			return this.scheduler.schedule(task, delay, unit);
		}

		@Override
		public long now(TimeUnit unit) {
			return this.scheduler.now(unit);
		}

		@Override
		public Worker createWorker() {
			return this.scheduler.createWorker();
		}

	}

}
