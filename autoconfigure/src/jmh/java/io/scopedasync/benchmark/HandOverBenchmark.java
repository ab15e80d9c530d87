package io.scopedasync.benchmark;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

import com.sun.management.ThreadMXBean;
import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.smallrye.faulttolerance.api.Guard;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.pool.InstrumentedPool;
import reactor.pool.PooledRef;

/**
 * One permit and n queued waiters. A cycle queues n and hands the permit through all of
 * them, then queues n again, cancels half of them in random order and drains the rest.
 * The score of a cycle means little; {@link PerformanceReport} divides the counters.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class HandOverBenchmark {

	@Param({ "ours", "oursTimeout", "floor", "reactorPool", "reactorPoolTimeout", "smallrye" })
	String peer = "";

	@Param({ "1000", "10000", "100000" })
	int n;

	private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Limiter limiter = Peers.limiter(1);

	private final Limiter limiterWithTimeout = Peers.limiterWithTimeout(1);

	private final Floor floor = new Floor(1);

	private final InstrumentedPool<Object> pool = Peers.pool(1);

	private @Nullable Guard guard;

	WaitSink[] sinks = {};

	private int[] victims = {};

	@Setup
	public void setup() {
		this.guard = Peers.smallrye(1, this.n + 1);
		List<Integer> order = new ArrayList<>();
		for (int i = 0; i < this.n; i++) {
			order.add(i);
		}
		Collections.shuffle(order, new Random(42));
		this.victims = order.subList(0, this.n / 2).stream().mapToInt(Integer::intValue).toArray();
	}

	/** Takes the only permit; the result gives it back. */
	Runnable hold() {
		return switch (this.peer) {
			case "ours" -> hold(this.limiter);
			case "oursTimeout" -> hold(this.limiterWithTimeout);
			case "floor" -> {
				if (!this.floor.tryAcquire()) {
					throw new IllegalStateException("permit lost");
				}
				yield this.floor::release;
			}
			case "smallrye" -> {
				CompletableFuture<Object> holder = new CompletableFuture<>();
				guard().get(() -> holder, CompletionStage.class);
				yield () -> holder.complete(Peers.X);
			}
			default -> {
				PooledRef<Object> held = this.pool.acquire().blockOptional(Peers.LIMIT).orElseThrow();
				yield () -> held.release().block(Peers.LIMIT);
			}
		};
	}

	private static Runnable hold(Limiter limiter) {
		Permit permit = limiter.tryAcquire();
		if (permit == null) {
			throw new IllegalStateException("permit lost");
		}
		return permit::close;
	}

	void queue(WaitSink sink) {
		switch (this.peer) {
			case "ours" -> this.scopes.use(this.limiter, (permit) -> Mono.just(Peers.X)).subscribe(sink);
			case "oursTimeout" ->
				this.scopes.use(this.limiterWithTimeout, (permit) -> Mono.just(Peers.X)).subscribe(sink);
			case "floor" -> this.floor.scope(Mono.just(Peers.X)).subscribe(sink);
			case "reactorPool" -> this.pool.withPoolable((pooled) -> Mono.just(Peers.X)).subscribe(sink);
			case "reactorPoolTimeout" ->
				Mono.usingWhen(this.pool.acquire(Peers.LIMIT), (pooled) -> Mono.just(Peers.X), PooledRef::release)
					.subscribe(sink);
			case "smallrye" -> guard().get(() -> CompletableFuture.completedFuture(Peers.X), CompletionStage.class)
				.whenComplete((value, error) -> sink.done++);
			default -> throw new IllegalArgumentException(this.peer);
		}
	}

	private Guard guard() {
		Guard guard = this.guard;
		if (guard == null) {
			throw new IllegalStateException("not set up");
		}
		return guard;
	}

	/**
	 * Young again for each round: storing into old objects would add the collector's
	 * write barriers to the score.
	 */
	void freshSinks() {
		this.sinks = new WaitSink[this.n];
		for (int i = 0; i < this.n; i++) {
			this.sinks[i] = new WaitSink();
		}
	}

	private void queueAll(Count count) {
		freshSinks();
		long bytes = this.threads.getCurrentThreadAllocatedBytes();
		long time = System.nanoTime();
		for (WaitSink sink : this.sinks) {
			queue(sink);
		}
		count.queueNs += System.nanoTime() - time;
		count.queueBytes += this.threads.getCurrentThreadAllocatedBytes() - bytes;
		count.queueN += this.n;
	}

	void verifyServed(int expected) {
		int served = 0;
		for (WaitSink sink : this.sinks) {
			served += sink.done;
		}
		if (served != expected) {
			throw new IllegalStateException("served " + served + " of " + expected);
		}
	}

	@Benchmark
	public void cycle(Count count) {
		Runnable release = hold();
		queueAll(count);
		long bytes = this.threads.getCurrentThreadAllocatedBytes();
		long time = System.nanoTime();
		release.run();
		count.handNs += System.nanoTime() - time;
		count.handBytes += this.threads.getCurrentThreadAllocatedBytes() - bytes;
		count.handN += this.n;
		verifyServed(this.n);
		if (this.peer.equals("smallrye")) {
			// Its queued futures can't be cancelled.
			return;
		}
		release = hold();
		queueAll(count);
		time = System.nanoTime();
		for (int victim : this.victims) {
			this.sinks[victim].cancel();
		}
		count.cancelNs += System.nanoTime() - time;
		count.cancelN += this.victims.length;
		release.run();
		verifyServed(this.n - this.victims.length);
	}

	/**
	 * What a cycle adds up.
	 */
	@AuxCounters(AuxCounters.Type.EVENTS)
	@State(Scope.Thread)
	public static class Count {

		public long queueN;

		public long queueNs;

		public long queueBytes;

		public long handN;

		public long handNs;

		public long handBytes;

		public long cancelN;

		public long cancelNs;

	}

	/**
	 * Allocated outside the counted sections, so that only the peer's own garbage is
	 * counted.
	 */
	static final class WaitSink implements CoreSubscriber<Object> {

		private @Nullable Subscription subscription;

		private int done;

		@Override
		public void onSubscribe(Subscription subscription) {
			this.subscription = subscription;
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		public void onNext(Object value) {
		}

		@Override
		public void onError(Throwable error) {
			throw new IllegalStateException(error);
		}

		@Override
		public void onComplete() {
			this.done++;
		}

		private void cancel() {
			if (this.subscription == null) {
				throw new IllegalStateException("not subscribed");
			}
			this.subscription.cancel();
		}

	}

}
