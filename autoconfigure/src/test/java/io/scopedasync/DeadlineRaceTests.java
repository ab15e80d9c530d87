package io.scopedasync;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Limits that pass while the body ends, is cancelled, or has its limit moved.
 */
@Timeout(180)
class DeadlineRaceTests {

	private static final int RUNS = 200_000;

	private static final int AT_ONCE = 64;

	private final AtomicInteger acquired = new AtomicInteger();

	private final AtomicInteger released = new AtomicInteger();

	private final AtomicInteger expired = new AtomicInteger();

	private final Queue<String> wrong = new ConcurrentLinkedQueue<>();

	private final Scheduler timers = Schedulers.newParallel("racers", 3);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final AsyncResource<String> resource = AsyncResource.of(() -> {
		this.acquired.incrementAndGet();
		return Mono.just("value");
	}, (value, exit) -> Mono.fromRunnable(this.released::incrementAndGet));

	@Test
	@Case({ 89, 94 })
	void whatEndsTheScopeIsWhatEverybodyIsTold() {
		long seed = System.nanoTime();
		System.out.println("DeadlineRaceTests seed " + seed);
		Random random = new Random(seed);
		Flux.range(0, RUNS)
			.flatMap((i) -> run(new Random(random.nextLong())), AT_ONCE)
			.blockLast(Duration.ofSeconds(150));
		await().atMost(60, TimeUnit.SECONDS).until(() -> this.scopes.openScopes().isEmpty());
		this.timers.dispose();
		assertThat(this.wrong).isEmpty();
		assertThat(this.released).hasValue(this.acquired.get());
		assertThat(this.expired.get()).as("limits that passed").isBetween(1, RUNS - 1);
	}

	private Mono<String> run(Random random) {
		int limit = random.nextInt(200);
		int bodyTakes = random.nextInt(200);
		boolean quiet = random.nextInt(3) == 0;
		int moves = random.nextInt(3);
		boolean cancelled = random.nextInt(5) == 0;
		boolean nested = random.nextInt(3) == 0;
		AtomicReference<Deadline> deadline = new AtomicReference<>();
		ScopeSpec spec = ScopeSpec.of("race").entering(this.resource).timeout(micros(limit));
		Mono<String> call = this.scopes.with(quiet ? spec.quietly() : spec, (scope) -> {
			deadline.set(scope.deadline());
			Sinks.One<String> body = Sinks.one();
			this.timers.schedule(() -> body.tryEmitValue("done"), bodyTakes, TimeUnit.MICROSECONDS);
			for (int i = 0; i < moves; i++) {
				int to = random.nextInt(300);
				this.timers.schedule(() -> move(scope.deadline(), to), random.nextInt(200), TimeUnit.MICROSECONDS);
			}
			return nested
					? this.scopes.with(ScopeSpec.of("inner").timeout(micros(10_000_000)), (inner) -> body.asMono())
					: body.asMono();
		});
		return cancelled ? cancelLater(call, random.nextInt(200)) : check(call, deadline, quiet);
	}

	private static Duration micros(int micros) {
		return Duration.of(micros, ChronoUnit.MICROS);
	}

	private void move(Deadline deadline, int to) {
		try {
			deadline.reschedule((to < 20) ? ChronoUnit.FOREVER.getDuration() : micros(to));
		}
		catch (IllegalStateException ex) {
			if (!ex.getMessage().contains("can't be moved")) {
				this.wrong.add(ex.toString());
			}
		}
	}

	private Mono<String> cancelLater(Mono<String> call, int after) {
		return Mono.create((sink) -> {
			Disposable running = call.subscribe((value) -> {
			}, (error) -> {
			});
			this.timers.schedule(() -> {
				running.dispose();
				sink.success();
			}, after, TimeUnit.MICROSECONDS);
		});
	}

	private Mono<String> check(Mono<String> call, AtomicReference<Deadline> deadline, boolean quiet) {
		return call.defaultIfEmpty("nothing").onErrorResume((error) -> {
			if (!(error instanceof DeadlineExceededException) || quiet) {
				this.wrong.add(error.toString());
			}
			return Mono.just("expired");
		}).doOnNext((outcome) -> {
			Deadline asked = deadline.get();
			boolean passed = outcome.equals(quiet ? "nothing" : "expired");
			if (passed) {
				this.expired.incrementAndGet();
			}
			// A limit of nothing lets no body begin, so nobody could ask.
			if (asked != null && asked.isExpired() != passed) {
				this.wrong.add(outcome + ", but expired is " + asked.isExpired());
			}
		});
	}

}
