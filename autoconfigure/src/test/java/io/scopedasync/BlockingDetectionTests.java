package io.scopedasync;

import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Every test here runs with a detector of blocking calls: this one shows that it is on.
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

}
