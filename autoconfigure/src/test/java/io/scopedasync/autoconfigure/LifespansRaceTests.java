package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.NoScopeException;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;

import org.springframework.core.metrics.ApplicationStartup;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Many starts and stops at random, with acquisitions that fail, are slow, hop threads, or
 * are cancelled.
 */
@Timeout(360)
class LifespansRaceTests {

	private static final int RUNS = 200_000;

	private static final int THREADS = 2;

	private final Logger logger = (Logger) LoggerFactory.getLogger(Lifespans.class);

	private final Logger scopeLogger = (Logger) LoggerFactory.getLogger(Scope.class);

	private final Scheduler elsewhere = Schedulers.fromExecutor(ForkJoinPool.commonPool());

	private final AtomicInteger started = new AtomicInteger();

	private final AtomicInteger failed = new AtomicInteger();

	@BeforeEach
	void beQuiet() {
		this.logger.setLevel(Level.OFF);
		this.scopeLogger.setLevel(Level.OFF);
	}

	@AfterEach
	void speakAgain() {
		this.logger.setLevel(null);
		this.scopeLogger.setLevel(null);
	}

	@Test
	void everythingAcquiredIsReleasedInReverseOrder() throws Exception {
		long seed = System.nanoTime();
		System.out.println("LifespansRaceTests seed " + seed);
		List<CompletableFuture<Void>> threads = new ArrayList<>();
		for (int thread = 0; thread < THREADS; thread++) {
			Random random = new Random(seed + thread);
			threads.add(CompletableFuture.runAsync(() -> {
				for (int i = 0; i < RUNS / THREADS; i++) {
					new Run(random).run();
				}
			}, (task) -> new Thread(task, "race").start()));
		}
		for (CompletableFuture<Void> thread : threads) {
			thread.get(300, TimeUnit.SECONDS);
		}
		assertThat(this.started.get() + this.failed.get()).isEqualTo(RUNS);
		assertThat(this.started).hasValueGreaterThan(RUNS / 10);
		assertThat(this.failed).hasValueGreaterThan(RUNS / 10);
	}

	private final class Run {

		private final Random random;

		private final AsyncScopes scopes = AsyncScopes.create();

		private final List<Part> parts = new ArrayList<>();

		/** Numbers in the order of what happened to them. */
		private final List<Integer> begun = Collections.synchronizedList(new ArrayList<>());

		private final List<Integer> acquired = Collections.synchronizedList(new ArrayList<>());

		private final List<Integer> released = Collections.synchronizedList(new ArrayList<>());

		Run(Random random) {
			this.random = random;
		}

		void run() {
			List<Lifespans.Member> members = new ArrayList<>();
			int count = 1 + this.random.nextInt(4);
			boolean healthy = this.random.nextBoolean();
			for (int i = 0; i < count; i++) {
				Part part = new Part(this, i, this.random, healthy);
				this.parts.add(part);
				Duration timeout = (part.slow && this.random.nextInt(50) == 0) ? Duration.ofNanos(1)
						: Duration.ofSeconds(30);
				members.add(new Lifespans.Member(String.valueOf(i), part, timeout, part.needs));
			}
			Lifespans lifespans = new Lifespans(this.scopes.application(), ScopeClock.system(), members,
					this.random.nextBoolean() ? Schedulers.immediate() : LifespansRaceTests.this.elsewhere,
					ApplicationStartup.DEFAULT);
			CountDownLatch over = new CountDownLatch(1);
			List<Throwable> failure = Collections.synchronizedList(new ArrayList<>());
			lifespans.start().subscribe(null, (error) -> {
				failure.add(error);
				over.countDown();
			}, over::countDown);
			int end = this.random.nextInt(6);
			if (end == 0) {
				lifespans.abort();
			}
			else if (end == 1) {
				this.scopes.close();
			}
			await(over);
			(failure.isEmpty() ? LifespansRaceTests.this.started : LifespansRaceTests.this.failed).incrementAndGet();
			if (failure.isEmpty() && end > 1) {
				assertThat(this.acquired).hasSize(count);
				this.parts.forEach((part) -> assertThat(part.held().block()).isEqualTo(part.number));
			}
			((end % 2 == 0) ? lifespans.stop() : this.scopes.close()).block(Duration.ofSeconds(30));
			check();
			this.scopes.close().block(Duration.ofSeconds(30));
		}

		private void check() {
			// What a cancel was passed on to is not waited for, and given back when it
			// comes, be it at this moment.
			long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
			List<Integer> released = List.copyOf(this.released);
			List<Integer> acquired = List.copyOf(this.acquired);
			while (released.size() < acquired.size() && System.nanoTime() - deadline < 0) {
				Thread.yield();
				released = List.copyOf(this.released);
				acquired = List.copyOf(this.acquired);
			}
			assertThat(released).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(acquired);
			for (Part part : this.parts) {
				for (String need : part.needs) {
					int needed = Integer.parseInt(need);
					if (this.begun.contains(part.number)) {
						assertThat(this.acquired.indexOf(needed)).isNotNegative();
					}
					if (this.released.contains(part.number) && !part.cancellable) {
						assertThat(this.released.indexOf(needed)).isGreaterThan(this.released.indexOf(part.number));
					}
				}
				assertThat(part.held().map(String::valueOf).onErrorReturn(NoScopeException.class, "none").block())
					.isEqualTo("none");
			}
			assertThat(this.scopes.openScopes()).isEmpty();
			assertThat(this.scopes.application().resources()).isEmpty();
		}

		private static void await(CountDownLatch over) {
			try {
				assertThat(over.await(30, TimeUnit.SECONDS)).as("the start is over").isTrue();
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
		}

	}

	private final class Part implements AsyncResource<Integer> {

		private final Run run;

		private final int number;

		private final Set<String> needs = new TreeSet<>();

		private final boolean slow;

		private final boolean failing;

		private final boolean cancellable;

		private final boolean slowRelease;

		private final boolean failingRelease;

		Part(Run run, int number, Random random, boolean healthy) {
			this.run = run;
			this.number = number;
			for (int other = 0; other < number; other++) {
				if (random.nextInt(3) == 0) {
					this.needs.add(String.valueOf(other));
				}
			}
			this.slow = random.nextInt(3) == 0;
			this.failing = !healthy && random.nextInt(4) == 0;
			this.cancellable = random.nextInt(4) == 0;
			this.slowRelease = random.nextInt(4) == 0;
			this.failingRelease = random.nextInt(8) == 0;
		}

		@Override
		public Mono<Integer> acquire() {
			this.run.begun.add(this.number);
			Mono<Integer> acquire = Mono.defer(() -> {
				if (this.failing) {
					return Mono.error(new IllegalStateException("expected"));
				}
				return Mono.just(this.number);
			});
			Mono<Integer> noted = this.slow ? acquire.subscribeOn(LifespansRaceTests.this.elsewhere) : acquire;
			return noted.doOnNext((value) -> this.run.acquired.add(this.number));
		}

		@Override
		public Mono<Void> release(Integer value, Exit exit) {
			Mono<Void> release = Mono.fromRunnable(() -> {
				this.run.released.add(this.number);
				if (this.failingRelease) {
					throw new IllegalStateException("expected");
				}
			});
			return this.slowRelease ? release.subscribeOn(LifespansRaceTests.this.elsewhere) : release;
		}

		@Override
		public boolean cancellable() {
			return this.cancellable;
		}

		@Override
		public String name() {
			return String.valueOf(this.number);
		}

	}

}
