package io.scopedasync.sync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.scopedasync.AsyncScopes;
import org.awaitility.Awaitility;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * 200,000 runs in four threads, each of which may hop to another thread, fail, or be
 * cancelled at any moment.
 */
final class Chaos {

	static final int RUNS = 200_000;

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final int THREADS = 4;

	final AsyncScopes scopes = AsyncScopes.create();

	final long seed = Long.getLong("seed", System.nanoTime());

	/** What must not be. */
	final AtomicInteger wrong = new AtomicInteger();

	private final Scheduler hops = Schedulers.newParallel("hops", 3, true);

	Chaos(String member) {
		System.out.println(member + ": -Dseed=" + this.seed);
	}

	void run(Consumer<Random> action) throws Exception {
		List<CompletableFuture<Void>> ends = new ArrayList<>();
		for (int i = 0; i < THREADS; i++) {
			Random random = new Random(this.seed + i);
			CompletableFuture<Void> end = new CompletableFuture<>();
			ends.add(end);
			Thread thread = new Thread(() -> {
				try {
					for (int run = 0; run < RUNS / THREADS; run++) {
						action.accept(random);
					}
					end.complete(null);
				}
				catch (Throwable ex) {
					end.completeExceptionally(ex);
				}
			}, "chaos-" + i);
			thread.setDaemon(true);
			thread.start();
		}
		CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new)).get(240, TimeUnit.SECONDS);
	}

	/** What a body does after it has begun: ends, fails, or goes on elsewhere. */
	Mono<Void> rest(Random random) {
		return switch (random.nextInt(8)) {
			case 0 -> Mono.error(new Expected());
			case 1, 2 -> Mono.<Void>empty().publishOn(this.hops).then();
			// Does nothing: even Thread.onSpinWait() counts as blocking.
			case 3 -> Mono.fromRunnable(() -> {
			}).subscribeOn(this.hops).then();
			default -> Mono.empty();
		};
	}

	/** Whether it was cancelled, at once or a little later. */
	boolean maybeCancel(Random random, Disposable run) {
		switch (random.nextInt(8)) {
			case 0 -> run.dispose();
			case 1 -> this.hops.schedule(run::dispose);
			default -> {
				return false;
			}
		}
		return true;
	}

	void later(Runnable action) {
		this.hops.schedule(action);
	}

	void until(Callable<Boolean> done) {
		Awaitility.await("with seed " + this.seed).pollInterval(Duration.ofMillis(5)).atMost(LIMIT).until(done);
	}

	void dispose() {
		this.hops.dispose();
	}

	static final class Expected extends RuntimeException {

		private static final long serialVersionUID = 1L;

		Expected() {
			super("expected", null, false, false);
		}

	}

}
