package io.scopedasync.benchmark;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.reactor.bulkhead.operator.BulkheadOperator;
import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.smallrye.faulttolerance.api.Guard;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import reactor.core.publisher.Mono;
import reactor.pool.Pool;

/**
 * Acquire where nobody waits, a body that is complete already, release; assembled once
 * per call, as an advice would.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class UncontendedBenchmark {

	private static final int PERMITS = 10;

	private final AtomicInteger counter = new AtomicInteger(PERMITS);

	private final Mono<Object> acquire = Mono.fromCallable(() -> {
		take();
		return Peers.X;
	});

	private final Mono<Void> release = Mono.fromRunnable(this.counter::getAndIncrement);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Limiter limiter = Peers.limiter(PERMITS);

	private final Floor floor = new Floor(PERMITS);

	private final Pool<Object> pool = Peers.pool(PERMITS);

	private final Bulkhead bulkhead = Peers.resilience4j(PERMITS);

	private final Guard guard = Peers.smallrye(PERMITS, 1000);

	private final Semaphore semaphore = new Semaphore(PERMITS);

	private void take() {
		for (int now = this.counter.get(); now > 0; now = this.counter.get()) {
			if (this.counter.compareAndSet(now, now - 1)) {
				return;
			}
		}
		throw new RejectedExecutionException();
	}

	@Benchmark
	public Object monoOurs(Local local) {
		return local.run(this.scopes.use(this.limiter, (permit) -> Mono.just(Peers.X)));
	}

	@Benchmark
	public Object monoUsingWhen(Local local) {
		return local.run(Mono.usingWhen(this.acquire, (permit) -> Mono.just(Peers.X), (permit) -> this.release));
	}

	@Benchmark
	public Object monoFloor(Local local) {
		return local.run(this.floor.scope(Mono.just(Peers.X)));
	}

	@Benchmark
	public Object monoReactorPool(Local local) {
		this.pool.withPoolable((pooled) -> Mono.just(Peers.X)).subscribe(local.sink);
		return local.sink.take();
	}

	@Benchmark
	public Object monoResilience4j(Local local) {
		return local.run(Mono.just(Peers.X).transformDeferred(BulkheadOperator.of(this.bulkhead)));
	}

	@Benchmark
	public Object futureOurs() {
		return this.scopes.useFuture(this.limiter, (permit) -> CompletableFuture.completedFuture(Peers.X)).join();
	}

	@Benchmark
	public Object futureHandWritten() {
		take();
		return CompletableFuture.completedFuture(Peers.X)
			.whenComplete((value, error) -> this.counter.getAndIncrement())
			.join();
	}

	@Benchmark
	public Object futureSmallRye() {
		return this.guard.get(() -> CompletableFuture.completedFuture(Peers.X), CompletionStage.class)
			.toCompletableFuture()
			.join();
	}

	@Benchmark
	public Object futureResilience4j() {
		return this.bulkhead.executeCompletionStage(() -> CompletableFuture.completedFuture(Peers.X))
			.toCompletableFuture()
			.join();
	}

	@Benchmark
	public Object blockingOurs() throws Exception {
		return this.scopes.useBlocking(this.limiter, (permit) -> Peers.X);
	}

	@Benchmark
	public Object blockingSemaphore() throws InterruptedException {
		this.semaphore.acquire();
		try {
			return Peers.X;
		}
		finally {
			this.semaphore.release();
		}
	}

	/**
	 * A thread's own subscriber.
	 */
	@State(Scope.Thread)
	public static class Local {

		private final Sink sink = new Sink();

		Object run(Mono<Object> mono) {
			mono.subscribe(this.sink);
			return this.sink.take();
		}

	}

}
