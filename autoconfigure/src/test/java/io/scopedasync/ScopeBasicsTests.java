package io.scopedasync;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import io.scopedasync.limiter.Limiter;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Acquire, body, release: the basics, on each front.
 */
class ScopeBasicsTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Recording resource = new Recording("r");

	@Test
	@Case(1)
	void monoHearsAfterTheRelease() {
		Mono<String> scoped = this.scopes.use(this.resource, (value) -> {
			this.resource.events.add("body " + value);
			return Mono.just("result").delayElement(Duration.ofMillis(5));
		}).doOnNext((value) -> this.resource.events.add("caller " + value));
		assertThat(scoped.block(LIMIT)).isEqualTo("result");
		assertThat(this.resource.events).containsExactly("acquire r", "body r", "release r completed", "caller result");
	}

	@Test
	@Case(1)
	void fluxHearsItsEndAfterTheRelease() {
		List<Integer> values = this.scopes.useMany(this.resource, (value) -> Flux.range(1, 3))
			.doOnNext((value) -> this.resource.events.add("value " + value))
			.doOnComplete(() -> this.resource.events.add("end"))
			.collectList()
			.block(LIMIT);
		assertThat(values).containsExactly(1, 2, 3);
		assertThat(this.resource.events).containsExactly("acquire r", "value 1", "value 2", "value 3",
				"release r completed", "end");
	}

	@Test
	@Case(1)
	void futureCompletesAfterTheRelease() {
		CompletableFuture<String> body = new CompletableFuture<>();
		CompletableFuture<String> scoped = this.scopes.useFuture(this.resource, (value) -> body);
		scoped.thenRun(() -> this.resource.events.add("caller"));
		assertThat(scoped).isNotDone();
		body.complete("x");
		assertThat(scoped.join()).isEqualTo("x");
		assertThat(this.resource.events).containsExactly("acquire r", "release r completed", "caller");
	}

	@Test
	@Case(1)
	void blockingReturnsAfterTheRelease() throws Exception {
		this.resource.acquisition = Mono.just("r").delayElement(Duration.ofMillis(5));
		this.resource.release = Mono.delay(Duration.ofMillis(5)).then();
		String result = this.scopes.useBlocking(this.resource, (value) -> "result of " + value);
		assertThat(result).isEqualTo("result of r");
		assertThat(this.resource.events).containsExactly("acquire r", "release r completed");
	}

	@Test
	@Case({ 2, 8 })
	void theBodysErrorReachesTheCallerAsItIs() {
		IOException error = new IOException("body");
		assertThatThrownBy(() -> this.scopes.useBlocking(this.resource, (value) -> {
			throw error;
		})).isSameAs(error);
		StepVerifier.create(this.scopes.use(this.resource, (value) -> Mono.error(error)))
			.expectErrorSatisfies((heard) -> assertThat(heard).isSameAs(error))
			.verify(LIMIT);
		assertThat(this.resource.events).containsExactly("acquire r", "release r failed: " + error, "acquire r",
				"release r failed: " + error);
	}

	@Test
	@Case(4)
	void anEmptyAcquisitionIsAnErrorThatNamesTheResource() {
		this.resource.acquisition = Mono.empty();
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(this.resource, Mono::just).block(LIMIT))
			.withMessageContaining("'r'");
	}

	@Test
	void aLimiterLetsOneInAtATime() {
		Limiter limiter = Limiter.builder("one").build();
		Mono<Long> scoped = this.scopes.use(limiter, (permit) -> Mono.delay(Duration.ofMillis(1)));
		assertThat(Flux.range(0, 50).flatMap((i) -> scoped, 50).count().block(LIMIT)).isEqualTo(50);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

}
