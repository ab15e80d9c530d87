package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A cancel that meets the hand-over of a member of ours is no leak: nothing was late.
 */
@Timeout(300)
class LateHandOverTests {

	private static final int ROUNDS = Integer.getInteger("rounds", 1_000);

	private static final int CALLERS = 12;

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder().watcher(this.told).build();

	private final Scheduler threads = Schedulers.newBoundedElastic(3, Integer.MAX_VALUE, "caller");

	private final Scheduler hop = Schedulers.newParallel("hop", 2);

	private final AtomicInteger held = new AtomicInteger();

	private AsyncResource<Integer> resource() {
		return AsyncResource.of(() -> Mono.fromCallable(this.held::incrementAndGet).subscribeOn(this.hop),
				(value, exit) -> Mono.fromRunnable(this.held::decrementAndGet));
	}

	private PooledResource<Integer> pool(int size) {
		return resource().pooled((settings) -> settings.maxSize(size).reuse((value, exit) -> true));
	}

	@AfterEach
	void dispose() {
		this.threads.dispose();
		this.hop.dispose();
	}

	static Stream<Named<Function<LateHandOverTests, AsyncResource<?>>>> members() {
		return Stream.of(Named.of("pool", (test) -> test.pool(2)),
				Named.of("mapped pool", (test) -> test.pool(2).map((value) -> value)),
				Named.of("pools together", (test) -> test.pool(2).zipWith(test.pool(3), Integer::sum)),
				Named.of("shared", (test) -> test.resource().shared(Duration.ZERO)),
				Named.of("memoized", (test) -> test.scopes.open("owner").memoize(test.resource())),
				Named.of("swappable", (test) -> test.scopes.swappable(test.resource())));
	}

	@ParameterizedTest
	@MethodSource("members")
	void cancelThatMeetsAHandOverIsNoLeak(Function<LateHandOverTests, AsyncResource<?>> member) throws Exception {
		long seed = System.nanoTime();
		System.out.println("LateHandOverTests: seed " + seed);
		Random random = new Random(seed);
		AsyncResource<?> resource = member.apply(this);
		for (int round = 0; round < ROUNDS; round++) {
			CountDownLatch over = new CountDownLatch(CALLERS);
			for (int i = 0; i < CALLERS; i++) {
				call(resource, random.nextInt(3), random.nextInt(600), random.nextInt(3) == 0, over);
			}
			assertThat(over.await(30, TimeUnit.SECONDS)).as("seed %d, round %d", seed, round).isTrue();
			if (resource instanceof SwappableResource<?> && round % 10 == 0) {
				swap(resource);
			}
		}
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.untilAsserted(
					() -> assertThat(this.scopes.openScopes()).filteredOn((scope) -> scope.name().startsWith("use"))
						.isEmpty());
		assertThat(this.told.watched).as("seed %d", seed).isEmpty();
		assertThat(this.told.undelivered).as("seed %d", seed).isEqualTo(List.of());
	}

	@SuppressWarnings("unchecked")
	private void swap(AsyncResource<?> resource) {
		((SwappableResource<Integer>) resource).swap(resource()).subscribe();
	}

	@SuppressWarnings("unchecked")
	private void call(AsyncResource<?> resource, int where, int after, boolean goesAway, CountDownLatch over) {
		Mono<Object> call = this.scopes.<Object, Object>use((AsyncResource<Object>) resource,
				(value) -> Mono.<Object>just(1).publishOn(this.hop));
		Mono<Object> caller = (where == 0) ? call.subscribeOn(this.hop)
				: (where == 1) ? call.subscribeOn(this.threads) : call;
		Disposable called = caller.doFinally((signal) -> over.countDown()).subscribe();
		if (goesAway) {
			this.threads.schedule(() -> {
				for (int i = 0; i < after; i++) {
					Thread.onSpinWait();
				}
				called.dispose();
			});
		}
	}

}
