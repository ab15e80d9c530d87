package io.scopedasync;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import reactor.test.scheduler.VirtualTimeScheduler;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The limit of a release and a clock at its worst: late, or shut down.
 */
@Timeout(60)
class ReleaseLimitTests {

	private final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	private final HeldTimers timers = new HeldTimers();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.timers))
		.recorder(new ScopeRecorder() {
			@Override
			public void undelivered(String scope, Throwable error) {
				ReleaseLimitTests.this.undelivered.add(error);
			}
		})
		.build();

	@Test
	void aLimitOfNothingPassesEveryTime() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		AsyncScopes hurried = AsyncScopes.builder().clock(ScopeClock.of(time)).releaseTimeout(Duration.ZERO).build();
		AsyncResource<String> stuck = AsyncResource.of(() -> Mono.just("connection"), (value, exit) -> Mono.never());
		for (int i = 0; i < 3; i++) {
			CompletableFuture<String> call = hurried.use(stuck, Mono::just).toFuture();
			time.advanceTimeBy(Duration.ofMillis(1));
			assertThat(call).as("call " + i)
				.failsWithin(Duration.ofSeconds(30))
				.withThrowableThat()
				.withCauseInstanceOf(ReleaseTimeoutException.class);
		}
		time.dispose();
	}

	@Test
	void aLimitThatFiresAsItsStepEndsIsNotTheNextSteps() {
		Sinks.One<String> connection = Sinks.one();
		Sinks.Empty<Void> release = Sinks.empty();
		List<String> ends = new ArrayList<>();
		AsyncResource<String> resource = AsyncResource.of(connection::asMono, (value, exit) -> release.asMono());
		Scope scope = this.scopes.open("import");
		scope.enter(resource).subscribe((value) -> {
		}, (error) -> {
		});
		scope.cancel("test").subscribe(null, null, () -> ends.add("settled"));
		Runnable late = this.timers.tasks.get(0);
		connection.tryEmitValue("connection");
		// Taken by the timer's thread before the acquisition came, run after.
		late.run();
		assertThat(ends).isEmpty();
		assertThat(this.undelivered).isEmpty();
		release.tryEmitEmpty();
		assertThat(ends).containsExactly("settled");
	}

	@Test
	void aClockThatTakesNoMoreTimersDoesNotKeepTheRestFromBeingReleased() {
		Sinks.Empty<Void> release = Sinks.empty();
		List<String> ends = new ArrayList<>();
		Scope scope = this.scopes.open("import");
		scope.onExit((exit) -> Mono.fromRunnable(() -> ends.add("released")));
		scope.onExit((exit) -> release.asMono());
		this.timers.refuse = true;
		scope.cancel("test").subscribe(null, null, () -> ends.add("settled"));
		release.tryEmitEmpty();
		assertThat(ends).containsExactly("released", "settled");
		assertThat(this.undelivered).hasOnlyElementsOfType(RejectedExecutionException.class).hasSize(1);
	}

	/** Keeps every timer for the test to run, also after its disposal. */
	private static final class HeldTimers implements Scheduler {

		final List<Runnable> tasks = new CopyOnWriteArrayList<>();

		volatile boolean refuse;

		@Override
		public Disposable schedule(Runnable task) {
			throw new UnsupportedOperationException();
		}

		@Override
		public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
			if (this.refuse) {
				throw new RejectedExecutionException("disposed");
			}
			this.tasks.add(task);
			return Disposables.single();
		}

		@Override
		public Worker createWorker() {
			throw new UnsupportedOperationException();
		}

		@Override
		public void dispose() {
		}

		@Override
		public long now(TimeUnit unit) {
			return 0;
		}

	}

}
