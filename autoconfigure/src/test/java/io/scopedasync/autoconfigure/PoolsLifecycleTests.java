package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.is;

/**
 * Tests for {@link PoolsLifecycle}.
 */
@ExtendWith(OutputCaptureExtension.class)
class PoolsLifecycleTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AtomicBoolean closing = new AtomicBoolean(true);

	private final AtomicInteger stopped = new AtomicInteger();

	private final AtomicInteger warm = new AtomicInteger();

	private final AtomicInteger closed = new AtomicInteger();

	private final Sinks.Empty<Void> gone = Sinks.empty();

	@Test
	void warmsUpAtTheStart() {
		PoolsLifecycle lifecycle = lifecycle(pool("quotes", warming(), Mono.empty()),
				pool("orders", warming(), Mono.empty()));
		lifecycle.start();
		assertThat(this.warm).hasValue(2);
		assertThat(lifecycle.isRunning()).isTrue();
	}

	@Test
	void aPoolThatCannotBeWarmedUpDoesNotFailTheStart(CapturedOutput output) {
		lifecycle(pool("quotes", Mono.error(new IllegalStateException("refused")), Mono.empty()),
				pool("orders", warming(), Mono.empty()))
			.start();
		assertThat(this.warm).hasValue(1);
		assertThat(output).contains("Pool 'quotes' could not be warmed up").contains("refused").contains("min-size");
	}

	@Test
	void aPoolThatNeverGetsWarmDelaysTheStartNoLongerThanTheLimit(CapturedOutput output) {
		lifecycle(pool("quotes", Mono.never(), Mono.empty())).start();
		assertThat(output).contains("Pools were not warm after PT0.2S");
	}

	@Test
	void closesAllPoolsAndWaitsOnNoThread() {
		PoolsLifecycle lifecycle = lifecycle(pool("quotes", warming(), this.gone.asMono()),
				pool("orders", warming(), Mono.empty()));
		lifecycle.start();
		lifecycle.stop(this.stopped::incrementAndGet);
		await().atMost(LIMIT).untilAtomic(this.closed, is(2));
		assertThat(this.stopped).hasValue(0);
		this.gone.tryEmitEmpty();
		await().atMost(LIMIT).untilAtomic(this.stopped, is(1));
		assertThat(lifecycle.isRunning()).isFalse();
	}

	@Test
	void aPoolThatFailsToCloseDoesNotKeepTheOthersOpen(CapturedOutput output) {
		PoolsLifecycle lifecycle = lifecycle(pool("quotes", warming(), Mono.error(new IllegalStateException("broken"))),
				pool("orders", warming(), Mono.empty()));
		lifecycle.start();
		lifecycle.stop(this.stopped::incrementAndGet);
		await().atMost(LIMIT).untilAtomic(this.stopped, is(1));
		assertThat(this.closed).hasValue(2);
		assertThat(output).contains("Pool 'quotes' could not be closed").contains("broken");
	}

	@Test
	void aPoolWhoseCloseBlocksDoesNotHoldTheThreadThatStopsAllOthers() throws Exception {
		CountDownLatch goOn = new CountDownLatch(1);
		PoolsLifecycle lifecycle = lifecycle(pool("quotes", warming(), Mono.fromCallable(() -> {
			assertThat(goOn.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
			return null;
		})), pool("orders", warming(), Mono.empty()));
		lifecycle.start();
		lifecycle.stop(this.stopped::incrementAndGet);
		await().atMost(LIMIT).untilAtomic(this.closed, is(2));
		goOn.countDown();
		await().atMost(LIMIT).untilAtomic(this.stopped, is(1));
	}

	@Test
	void anApplicationThatIsOnlyStoppedKeepsItsPools() {
		this.closing.set(false);
		PoolsLifecycle lifecycle = lifecycle(pool("quotes", warming(), Mono.empty()));
		lifecycle.start();
		lifecycle.stop(this.stopped::incrementAndGet);
		assertThat(this.closed).hasValue(0);
		assertThat(this.stopped).hasValue(1);
	}

	@Test
	void closesAfterTheScopes() {
		assertThat(lifecycle().getPhase()).isLessThan(ScopesLifecycle.PHASE).isGreaterThan(Integer.MAX_VALUE / 2);
	}

	private PoolsLifecycle lifecycle(PoolsLifecycle.Pool... pools) {
		return new PoolsLifecycle(this.closing::get, () -> List.of(pools), Duration.ofMillis(200));
	}

	private Mono<Integer> warming() {
		return Mono.fromCallable(this.warm::incrementAndGet);
	}

	private PoolsLifecycle.Pool pool(String name, Mono<Integer> warmUp, Mono<Void> close) {
		return new PoolsLifecycle.Pool() {

			@Override
			public String name() {
				return name;
			}

			@Override
			public Mono<Integer> warmUp() {
				return warmUp;
			}

			@Override
			public Mono<Void> close() {
				PoolsLifecycleTests.this.closed.incrementAndGet();
				return close;
			}

		};
	}

}
