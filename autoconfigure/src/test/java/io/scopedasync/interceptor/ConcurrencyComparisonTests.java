package io.scopedasync.interceptor;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;

import io.reactivex.rxjava3.core.Single;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.Case;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Configuration;
import org.springframework.resilience.InvocationRejectedException;
import org.springframework.resilience.annotation.ConcurrencyLimit;
import org.springframework.resilience.annotation.EnableResilientMethods;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A limit of one, twenty callers, every kind of method, beside Spring's own limit. The
 * table that this prints stands in the README.
 */
class ConcurrencyComparisonTests {

	private static final Logger logger = LoggerFactory.getLogger(ConcurrencyComparisonTests.class);

	private static final int CALLERS = 20;

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final Map<String, BiFunction<Calls, Body, CompletableFuture<?>>> KINDS = new LinkedHashMap<>();

	static {
		KINDS.put("`Mono`", (calls, body) -> calls.mono(body).toFuture());
		KINDS.put("`Flux`", (calls, body) -> calls.flux(body).then().toFuture());
		KINDS.put("`CompletableFuture`", Calls::future);
		KINDS.put("RxJava `Single`", (calls, body) -> calls.single(body).toCompletionStage().toCompletableFuture());
		KINDS.put("a plain value (20 threads)", (calls, body) -> onAThread(() -> calls.blocking(body)));
	}

	@Test
	@Case(100)
	void aLimitOfOneHoldsForEveryKindOfMethod() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
			.withUserConfiguration(Resilience.class)
			.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Scoped.class)
			.withBean(Limited.class)
			.withBean(Rejecting.class)
			.run((context) -> {
				StringBuilder table = new StringBuilder(System.lineSeparator()).append(
						"| returns | `@ConcurrencyLimit(1)` | with `policy = REJECT` | `@ScopedAsync`, 1 permit |\n")
					.append("|---|---|---|---|\n");
				KINDS.forEach((kind, call) -> {
					boolean blocking = kind.contains("threads");
					Result limited = run(context.getBean(Limited.class), call, 0);
					Result rejecting = run(context.getBean(Rejecting.class), call, blocking ? CALLERS - 1 : 0);
					Result scoped = run(context.getBean(Scoped.class), call, 0);
					table.append("| %s | %s | %s | **%s** |%n".formatted(kind, limited, rejecting, scoped));
					assertThat(scoped).as(kind).isEqualTo(new Result(1, CALLERS, 0));
					assertThat(limited).as(kind).isEqualTo(new Result(blocking ? 1 : CALLERS, CALLERS, 0));
					assertThat(rejecting).as(kind)
						.isEqualTo(blocking ? new Result(1, 1, CALLERS - 1) : new Result(CALLERS, CALLERS, 0));
				});
				logger.info("Most bodies at once, of {} callers:{}", CALLERS, table);
			});
	}

	private static Result run(Calls calls, BiFunction<Calls, Body, CompletableFuture<?>> call, int rejections) {
		Body body = new Body();
		List<CompletableFuture<?>> results = new ArrayList<>();
		for (int i = 0; i < CALLERS; i++) {
			results.add(call.apply(calls, body));
		}
		results.stream().filter(OfThread.class::isInstance).map(OfThread.class::cast).forEach(OfThread::awaitIdle);
		// A thread may as well have been idle on its way to a rejection, before a lock.
		Awaitility.await()
			.atMost(LIMIT)
			.until(() -> results.stream().filter(CompletableFuture::isDone).count() >= rejections);
		body.gate.tryEmitEmpty();
		int completed = 0;
		int rejected = 0;
		for (CompletableFuture<?> result : results) {
			try {
				result.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
				completed++;
			}
			catch (CompletionException ex) {
				assertThat(ex).hasCauseInstanceOf(InvocationRejectedException.class);
				rejected++;
			}
		}
		return new Result(body.most.get(), completed, rejected);
	}

	private static CompletableFuture<String> onAThread(Callable<String> call) {
		OfThread result = new OfThread(call);
		result.thread.start();
		return result;
	}

	private record Result(int most, int completed, int rejected) {

		@Override
		public String toString() {
			return this.most + ((this.rejected > 0) ? " (" + this.rejected + " rejected)" : "");
		}

	}

	private static final class OfThread extends CompletableFuture<String> {

		private final Thread thread;

		OfThread(Callable<String> call) {
			this.thread = new Thread(() -> {
				try {
					complete(call.call());
				}
				catch (Throwable ex) {
					completeExceptionally(ex);
				}
			}, "caller");
			this.thread.setDaemon(true);
		}

		/** Waits until the caller waits itself, in the body or for it, or is done. */
		void awaitIdle() {
			Awaitility.await().atMost(LIMIT).until(() -> switch (this.thread.getState()) {
				case WAITING, TIMED_WAITING, BLOCKED, TERMINATED -> true;
				case NEW, RUNNABLE -> false;
			});
		}

	}

	/**
	 * Counts who is inside. Ends when all callers have called, and not at once.
	 */
	static final class Body {

		private final Sinks.One<String> gate = Sinks.one();

		private final AtomicInteger inside = new AtomicInteger();

		private final AtomicInteger most = new AtomicInteger();

		Mono<String> run() {
			return Mono.defer(() -> {
				this.most.accumulateAndGet(this.inside.incrementAndGet(), Math::max);
				return this.gate.asMono()
					.then(Mono.delay(Duration.ofMillis(1)))
					.map((tick) -> "value")
					.doOnTerminate(this.inside::decrementAndGet);
			});
		}

	}

	abstract static class Calls {

		Mono<String> mono(Body body) {
			return body.run();
		}

		Flux<String> flux(Body body) {
			return Flux.concat(body.run(), Mono.just("second"));
		}

		CompletableFuture<String> future(Body body) {
			return body.run().toFuture();
		}

		Single<String> single(Body body) {
			return Single.fromPublisher(body.run());
		}

		String blocking(Body body) {
			return body.run().block(LIMIT);
		}

	}

	@ScopedAsync("one")
	static class Scoped extends Calls {

	}

	@ConcurrencyLimit(1)
	static class Limited extends Calls {

	}

	@ConcurrencyLimit(limit = 1, policy = ConcurrencyLimit.ThrottlePolicy.REJECT)
	static class Rejecting extends Calls {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableResilientMethods
	static class Resilience {

	}

}
