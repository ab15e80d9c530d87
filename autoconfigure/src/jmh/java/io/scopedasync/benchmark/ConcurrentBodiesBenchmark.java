package io.scopedasync.benchmark;

import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.smallrye.faulttolerance.api.Guard;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.pool.Pool;

/**
 * A thousand calls at once, ten permits, and every body completes on another thread.
 * Scores are per call. All but {@code flatMap10} subscribe to everything at once and
 * leave the limiting to the peer.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ConcurrentBodiesBenchmark {

	private static final int PERMITS = 10;

	private static final int CALLS = 1000;

	@Param({ "ours", "flatMap10", "floor", "reactorPool", "smallrye" })
	String peer = "";

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Limiter limiter = Peers.limiter(PERMITS);

	private final Floor floor = new Floor(PERMITS);

	private final Pool<Object> pool = Peers.pool(PERMITS);

	private final Guard guard = Peers.smallrye(PERMITS, CALLS);

	private final Mono<Object> body = Mono.just(Peers.X).publishOn(Schedulers.parallel());

	@Benchmark
	@OperationsPerInvocation(CALLS)
	public Object calls() throws InterruptedException {
		if (this.peer.equals("flatMap10")) {
			return Flux.range(0, CALLS).flatMap((i) -> this.body, PERMITS).count().blockOptional(Peers.LIMIT);
		}
		Gate gate = new Gate();
		for (int i = 0; i < CALLS; i++) {
			call(gate);
		}
		return gate.end();
	}

	private void call(Gate gate) {
		switch (this.peer) {
			case "ours" -> this.scopes.use(this.limiter, (permit) -> this.body).subscribe(gate);
			case "floor" -> this.floor.scope(this.body).subscribe(gate);
			case "reactorPool" -> this.pool.withPoolable((pooled) -> this.body).subscribe(gate);
			case "smallrye" -> this.guard.get(() -> this.body.toFuture(), CompletionStage.class)
				.whenComplete((value, error) -> gate.countDown());
			default -> throw new IllegalArgumentException(this.peer);
		}
	}

	/**
	 * One subscriber for all: merging a thousand Monos would be what is measured.
	 */
	private static final class Gate extends CountDownLatch implements CoreSubscriber<Object> {

		private volatile @Nullable Throwable error;

		Gate() {
			super(CALLS);
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		public void onNext(Object value) {
		}

		@Override
		public void onError(Throwable error) {
			this.error = error;
			countDown();
		}

		@Override
		public void onComplete() {
			countDown();
		}

		private Object end() throws InterruptedException {
			if (!await(Peers.LIMIT.toSeconds(), TimeUnit.SECONDS) || this.error != null) {
				throw new IllegalStateException("still waiting: " + getCount(), this.error);
			}
			return this;
		}

	}

}
