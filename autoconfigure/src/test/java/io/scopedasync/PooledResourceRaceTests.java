package io.scopedasync;

import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A pool under borrowers who are cancelled, fail, hop threads and come at once.
 */
@Timeout(300)
class PooledResourceRaceTests {

	private static final int RUNS = 200_000;

	private static final int SIZE = 4;

	private final AtomicInteger alive = new AtomicInteger();

	private final AtomicInteger most = new AtomicInteger();

	private final AtomicInteger released = new AtomicInteger();

	private final AtomicInteger acquired = new AtomicInteger();

	private final AtomicInteger shared = new AtomicInteger();

	/** An object, and whether anybody works with it. */
	private record Lent(AtomicBoolean used, AtomicBoolean gone) {
	}

	@Test
	void twoHundredThousandBorrowersLoseNothing() {
		long seed = System.nanoTime();
		System.out.println("PooledResourceRaceTests: seed " + seed);
		Random random = new Random(seed);
		AsyncScopes scopes = AsyncScopes.create();
		Scheduler hop = Schedulers.newParallel("hop", 2);
		PooledResource<Lent> pool = AsyncResource.of(() -> make(hop, random.nextInt(4)), (lent, exit) -> destroy(lent))
			.named("lent")
			.pooled((settings) -> settings.maxSize(SIZE).reuse((lent, exit) -> exit instanceof Exit.Completed));
		AtomicInteger bodies = new AtomicInteger();
		Flux.range(0, RUNS)
			.flatMap((run) -> borrow(scopes, pool, hop, bodies, random.nextInt(6), random.nextInt(6)), 64)
			.blockLast(Duration.ofSeconds(200));
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(pool.usage()).as("seed %d", seed)
				.satisfies((usage) -> assertThat(usage.active() + usage.pending()).isZero()));
		pool.close().block(Duration.ofSeconds(30));
		// Of a cancelled borrower the scope ends after everything is given back.
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(scopes.openScopes()).as("seed %d", seed).isEmpty());
		hop.dispose();
		assertThat(this.shared).as("seed %d", seed).hasValue(0);
		assertThat(this.most.get()).as("seed %d", seed).isBetween(1, SIZE);
		assertThat(this.alive).as("seed %d", seed).hasValue(0);
		assertThat(this.released.get()).as("seed %d", seed).isEqualTo(this.acquired.get());
		assertThat(bodies.get()).as("seed %d", seed).isGreaterThan(RUNS / 10);
	}

	private Mono<Lent> make(Scheduler hop, int way) {
		Mono<Lent> made = Mono.fromCallable(() -> {
			this.acquired.incrementAndGet();
			this.most.accumulateAndGet(this.alive.incrementAndGet(), Math::max);
			return new Lent(new AtomicBoolean(), new AtomicBoolean());
		});
		return switch (way) {
			case 0 -> made.subscribeOn(hop);
			case 1 -> made.publishOn(hop);
			default -> made;
		};
	}

	private Mono<Void> destroy(Lent lent) {
		return Mono.fromRunnable(() -> {
			if (!lent.gone().compareAndSet(false, true) || lent.used().get()) {
				this.shared.incrementAndGet();
			}
			this.released.incrementAndGet();
			this.alive.decrementAndGet();
		});
	}

	private Mono<Integer> borrow(AsyncScopes scopes, PooledResource<Lent> pool, Scheduler hop, AtomicInteger bodies,
			int fate, int cancel) {
		Mono<Integer> borrowed = scopes.use(pool, (lent) -> {
			bodies.incrementAndGet();
			if (lent.gone().get() || !lent.used().compareAndSet(false, true)) {
				this.shared.incrementAndGet();
			}
			AtomicBoolean left = new AtomicBoolean();
			Runnable leave = () -> {
				// A cancel that meets the end waits for it to have left.
				synchronized (left) {
					if (left.compareAndSet(false, true)) {
						lent.used().set(false);
					}
				}
			};
			Mono<Integer> body = switch (fate) {
				case 0 -> Mono.<Integer>error(new IllegalStateException("body")).doFirst(leave);
				case 1 -> Mono.just(1).publishOn(hop).doOnTerminate(leave).doOnCancel(leave);
				case 2 -> Mono.fromCallable(() -> 1).subscribeOn(hop).doOnTerminate(leave).doOnCancel(leave);
				default -> Mono.just(1).hide().doOnTerminate(leave).doOnCancel(leave);
			};
			return body;
		});
		Mono<Integer> caller = switch (cancel) {
			case 0 -> borrowed.takeUntilOther(Mono.just(1).publishOn(hop));
			case 1 -> borrowed.takeUntilOther(Mono.just(1).publishOn(hop).publishOn(Schedulers.parallel()));
			case 2 -> borrowed.subscribeOn(Schedulers.parallel()).takeUntilOther(Mono.just(1).publishOn(hop));
			case 3 -> borrowed.subscribeOn(Schedulers.parallel());
			default -> borrowed;
		};
		return caller.onErrorResume(IllegalStateException.class, (error) -> Mono.empty());
	}

}
