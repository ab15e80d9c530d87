package io.scopedasync;

import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.SignalType;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Pools that are closed while they are used.
 */
@Timeout(600)
class PoolCloseRaceTests {

	private static final int ROUNDS = Integer.getInteger("rounds", 3_000);

	private static final int BORROWERS = 8;

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Scheduler threads = Schedulers.newBoundedElastic(3, Integer.MAX_VALUE, "borrower");

	private final Scheduler hop = Schedulers.newParallel("hop", 2);

	@AfterEach
	void dispose() {
		this.threads.dispose();
		this.hop.dispose();
	}

	@Test
	@Case(168)
	void noObjectIsDestroyedWhileItIsLentAndEveryoneHears() throws Exception {
		long seed = System.nanoTime();
		System.out.println("PoolCloseRaceTests: seed " + seed);
		Random random = new Random(seed);
		for (int round = 0; round < ROUNDS; round++) {
			new Round(random, "seed " + seed + ", round " + round).run();
		}
	}

	private static void spin(int times) {
		for (int i = 0; i < times; i++) {
			Thread.onSpinWait();
		}
	}

	private final class Round {

		private final AtomicInteger made = new AtomicInteger();

		private final AtomicInteger destroyed = new AtomicInteger();

		private final AtomicInteger wrong = new AtomicInteger();

		private final CountDownLatch heard = new CountDownLatch(BORROWERS);

		private final CompletableFuture<Void> closed = new CompletableFuture<>();

		private final Random random;

		private final String description;

		private final PooledResource<AtomicInteger> pool;

		Round(Random random, String description) {
			this.random = random;
			this.description = description;
			int making = random.nextInt(4);
			int destroying = random.nextInt(3);
			int reuse = random.nextInt(3);
			this.pool = AsyncResource.of(() -> make(making), (users, exit) -> destroy(users, destroying))
				.named("pool")
				.pooled((settings) -> settings.maxSize(1 + random.nextInt(3))
					.reuse((users, exit) -> reuse > 0 && (reuse > 1 || exit instanceof Exit.Completed)));
		}

		void run() throws Exception {
			int closing = this.random.nextInt(BORROWERS);
			for (int i = 0; i < BORROWERS; i++) {
				if (i == closing) {
					close(this.random.nextInt(2_000));
				}
				borrow(this.random.nextInt(4), this.random.nextInt(6), this.random.nextInt(500));
			}
			assertThat(this.heard.await(30, TimeUnit.SECONDS)).as("all hear, %s", this.description).isTrue();
			this.closed.get(12, TimeUnit.SECONDS);
			assertThat(this.wrong).as(this.description).hasValue(0);
			assertThat(this.destroyed.get()).as(this.description).isEqualTo(this.made.get());
			assertThat(this.pool.usage()).as(this.description)
				.satisfies((usage) -> assertThat(usage.active() + usage.pending() + usage.idle()).isZero());
		}

		private void close(int after) {
			PoolCloseRaceTests.this.threads.schedule(() -> {
				spin(after);
				this.pool.close().subscribe(null, this.closed::completeExceptionally, () -> this.closed.complete(null));
			});
		}

		private Mono<AtomicInteger> make(int way) {
			Mono<AtomicInteger> made = Mono.fromCallable(() -> {
				this.made.incrementAndGet();
				return new AtomicInteger();
			});
			return switch (way) {
				case 0 -> made.subscribeOn(PoolCloseRaceTests.this.hop);
				case 1 -> made.subscribeOn(PoolCloseRaceTests.this.threads);
				case 2 -> Mono.fromSupplier(() -> this.made.get() % 5 == 4).flatMap((fails) -> {
					if (fails && this.made.incrementAndGet() > 0 && this.destroyed.incrementAndGet() > 0) {
						return Mono.error(new IllegalStateException("not made"));
					}
					return made;
				});
				default -> made;
			};
		}

		private Mono<Void> destroy(AtomicInteger users, int way) {
			Mono<Void> destroyed = Mono.fromRunnable(() -> {
				// Counts down for ever: whoever uses it from now on sees that.
				if (users.getAndSet(-1_000) != 0) {
					this.wrong.incrementAndGet();
				}
				this.destroyed.incrementAndGet();
			});
			return (way == 0) ? destroyed.subscribeOn(PoolCloseRaceTests.this.hop) : destroyed;
		}

		private void borrow(int where, int fate, int after) {
			Mono<Integer> borrowed = PoolCloseRaceTests.this.scopes.use(this.pool, (users) -> {
				if (users.incrementAndGet() != 1 || this.pool.usage().active() < 1) {
					this.wrong.incrementAndGet();
				}
				AtomicBoolean left = new AtomicBoolean();
				Runnable leave = () -> {
					synchronized (left) {
						if (left.compareAndSet(false, true) && users.decrementAndGet() != 0) {
							this.wrong.incrementAndGet();
						}
					}
				};
				Mono<Integer> body = switch (fate) {
					case 0 -> Mono.error(new IllegalStateException("body"));
					case 1 -> Mono.just(1).publishOn(PoolCloseRaceTests.this.hop);
					case 2 -> Mono.fromCallable(() -> {
						spin(after);
						return 1;
					});
					default -> Mono.just(1);
				};
				return body.doOnTerminate(leave).doOnCancel(leave);
			});
			Mono<Integer> caller = switch (where) {
				case 0 -> borrowed.subscribeOn(PoolCloseRaceTests.this.hop);
				case 1 -> borrowed;
				default -> borrowed.subscribeOn(PoolCloseRaceTests.this.threads);
			};
			Caller heard = new Caller(this.heard);
			caller.subscribe(heard);
			if (fate == 5) {
				PoolCloseRaceTests.this.threads.schedule(() -> {
					spin(after);
					heard.dispose();
				});
			}
		}

	}

	private static final class Caller extends BaseSubscriber<Integer> implements Disposable {

		private final CountDownLatch heard;

		Caller(CountDownLatch heard) {
			this.heard = heard;
		}

		@Override
		protected void hookOnError(Throwable error) {
			if (!(error instanceof ScopeClosedException) && !(error instanceof IllegalStateException)) {
				throw new AssertionError(error);
			}
		}

		@Override
		protected void hookFinally(SignalType type) {
			this.heard.countDown();
		}

	}

}
