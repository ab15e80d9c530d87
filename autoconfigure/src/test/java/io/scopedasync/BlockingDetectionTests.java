package io.scopedasync;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Every test here runs with a detector of blocking calls, where the JDK allows it: it is
 * on, and does not find what it is not to find.
 */
class BlockingDetectionTests {

	@Test
	@EnabledForJreRange(max = JRE.JAVA_20)
	void aBlockingCallInABodyOnAReactorThreadIsFound() {
		Mono<String> blocking = AsyncScopes.create().use(AsyncResource.just("r"), (value) -> Mono.fromCallable(() -> {
			new java.util.concurrent.CountDownLatch(1).await(1, java.util.concurrent.TimeUnit.MILLISECONDS);
			return value;
		})).subscribeOn(Schedulers.parallel());
		assertThatThrownBy(() -> blocking.block(Duration.ofSeconds(30)))
			.hasStackTraceContaining("BlockingOperationError");
	}

	@Test
	@EnabledForJreRange(max = JRE.JAVA_20)
	void virtualTimePassesWhileReactorThreadsSetTimers() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		CompletableFuture<Long> timers = Flux.range(0, 200_000)
			.parallel()
			.runOn(Schedulers.parallel())
			.doOnNext((number) -> time.schedule(() -> {
			}, 1 + number % 10, TimeUnit.MILLISECONDS).dispose())
			.sequential()
			.count()
			.toFuture()
			.orTimeout(60, TimeUnit.SECONDS);
		while (!timers.isDone()) {
			time.advanceTimeBy(Duration.ofMillis(1));
		}
		assertThat(timers).isCompletedWithValue(200_000L);
		time.dispose();
	}

}
