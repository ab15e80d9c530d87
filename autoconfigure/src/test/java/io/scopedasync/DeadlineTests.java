package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

/**
 * What has a limit, and what becomes of it when that passes.
 */
class DeadlineTests {

	private static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(this.clock)
		.releaseTimeout(Duration.ofSeconds(10))
		.build();

	private final AtomicReference<Deadline> deadline = new AtomicReference<>();

	private final Recording resource = new Recording("resource");

	private static Duration seconds(long seconds) {
		return Duration.ofSeconds(seconds);
	}

	private static CompletableFuture<String> run(Mono<String> mono) {
		return mono.defaultIfEmpty("empty").toFuture();
	}

	private static Throwable errorOf(CompletableFuture<?> future) {
		assertThat(future).isCompletedExceptionally();
		return future.handle((value, error) -> error).join();
	}

	private Mono<String> never(Deadline deadline) {
		this.deadline.set(deadline);
		return Mono.never();
	}

	private Deadline deadline() {
		return this.deadline.get();
	}

	// How long.

	@Test
	@Case(82)
	void anAbsoluteDeadlinePassesAtItsMomentAndCanBeReadBack() {
		Instant at = this.clock.instant().plusSeconds(5);
		CompletableFuture<String> call = run(this.scopes.within(at, this::never));
		assertThat(deadline().at()).hasValue(at);
		assertThat(deadline().remaining()).hasValue(seconds(5));
		this.time.advanceTimeBy(Duration.ofMillis(4999));
		assertThat(call).isNotDone();
		assertThat(deadline().remaining()).hasValue(Duration.ofMillis(1));
		this.time.advanceTimeBy(Duration.ofMillis(1));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class);
		assertThat(deadline().isExpired()).isTrue();
		assertThat(deadline().remaining()).hasValue(Duration.ZERO);
	}

	@Test
	@Case(82)
	void noDeadlineNeedsNoTimer() {
		long before = this.time.getScheduledTaskCount();
		CompletableFuture<String> call = run(this.scopes.within(FOREVER, this::never));
		assertThat(this.time.getScheduledTaskCount()).isEqualTo(before);
		assertThat(deadline().at()).isEmpty();
		assertThat(deadline().remaining()).isEmpty();
		this.time.advanceTimeBy(Duration.ofDays(1000));
		assertThat(call).isNotDone();
		assertThat(this.scopes.openScopes()).extracting(Scope::remaining).allMatch((left) -> left.isEmpty());
	}

	@Test
	@Case(83)
	void aLimitThatHasPassedStartsNothing() {
		for (Mono<String> call : List.<Mono<String>>of(
				this.scopes.within(Duration.ZERO,
						(deadline) -> this.scopes.use(this.resource, (value) -> Mono.just(value))),
				this.scopes.within(seconds(-1), (deadline) -> Mono.just("began")),
				this.scopes.within(this.clock.instant().minusSeconds(3), (deadline) -> Mono.just("began")),
				this.scopes.with(ScopeSpec.of("call").entering(this.resource).timeout(Duration.ZERO),
						(scope) -> Mono.just("began")))) {
			Throwable error = errorOf(run(call));
			assertThat(error).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("was not even begun");
			assertThat(((DeadlineExceededException) error).getState()).isEqualTo(Scope.State.ENTERING);
		}
		assertThat(this.resource.events).isEmpty();
	}

	// Who expired.

	@Test
	@Case(84)
	void anErrorBeforeTheLimitPassesUnchanged() {
		IllegalStateException error = new IllegalStateException("broken");
		CompletableFuture<String> call = run(this.scopes.within(seconds(5), (deadline) -> {
			this.deadline.set(deadline);
			return Mono.error(error);
		}));
		assertThat(errorOf(call)).isSameAs(error);
		assertThat(deadline().isExpired()).isFalse();
		this.time.advanceTimeBy(seconds(10));
		assertThat(deadline().isExpired()).isFalse();
	}

	@Test
	@Case(86)
	void aCancelBeforeTheLimitStaysACancel() {
		AtomicReference<Exit> exit = new AtomicReference<>();
		Disposable call = this.scopes.within(seconds(5), (deadline) -> {
			this.deadline.set(deadline);
			return this.scopes.use(AsyncResource.of(() -> Mono.just("value"), (value, ended) -> {
				exit.set(ended);
				return Mono.empty();
			}), (value) -> Mono.never());
		}).subscribe();
		call.dispose();
		this.time.advanceTimeBy(seconds(10));
		assertThat(exit.get()).hasToString("cancelled: by its subscriber");
		assertThat(deadline().isExpired()).isFalse();
	}

	@Test
	@Case(88)
	void onlyTheInnerOneThatExpiresIsTheInnerOne() {
		AtomicReference<Deadline> outer = new AtomicReference<>();
		CompletableFuture<String> call = run(this.scopes.within(seconds(10), (around) -> {
			outer.set(around);
			return this.scopes.within(seconds(1), this::never)
				.onErrorResume(DeadlineExceededException.class,
						(ex) -> Mono.just("went on").delayElement(seconds(1), this.time));
		}));
		this.time.advanceTimeBy(seconds(1));
		assertThat(deadline().isExpired()).isTrue();
		assertThat(outer.get().isExpired()).isFalse();
		this.time.advanceTimeBy(seconds(1));
		assertThat(call).isCompletedWithValue("went on");
	}

	@Test
	@Case(88)
	void whereTheOuterOneExpiresTheInnerOneHasNot() {
		AtomicReference<Deadline> outer = new AtomicReference<>();
		CompletableFuture<String> call = run(this.scopes.within(seconds(1), (around) -> {
			outer.set(around);
			return this.scopes.with(ScopeSpec.of("inner").entering(this.resource).timeout(seconds(2)),
					(scope) -> never(scope.deadline()));
		}));
		this.time.advanceTimeBy(seconds(3));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("'within'");
		assertThat(outer.get().isExpired()).isTrue();
		assertThat(deadline().isExpired()).isFalse();
		assertThat(this.resource.events)
			.endsWith("release resource cancelled: the limit of the scope around it, 'within', has passed");
	}

	@Test
	@Case(88)
	void anInnerScopeThatBeginsTooLateIsNotTheOneThatExpired() {
		AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
		Scheduler slow = new SlowTimers(now);
		AsyncScopes late = AsyncScopes.builder().clock(ScopeClock.of(slow)).build();
		CompletableFuture<String> call = run(late.within(seconds(1), (outer) -> {
			this.deadline.set(outer);
			now.set(Instant.EPOCH.plusSeconds(2));
			return late.use(this.resource, (value) -> Mono.just("began"));
		}));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("'within'");
		assertThat(deadline().isExpired()).isTrue();
		assertThat(this.resource.events).isEmpty();
	}

	// Moved.

	@Test
	@Case(89)
	void aDeadlineMovedLaterEarlierOrOffCountsFromThen() {
		CompletableFuture<String> call = run(this.scopes.within(seconds(2), this::never));
		deadline().reschedule(seconds(5));
		this.time.advanceTimeBy(seconds(4));
		assertThat(call).isNotDone();
		deadline().reschedule(FOREVER);
		assertThat(deadline().at()).isEmpty();
		this.time.advanceTimeBy(seconds(100));
		assertThat(call).isNotDone();
		deadline().reschedule(this.clock.instant().plusSeconds(3));
		this.time.advanceTimeBy(seconds(2));
		assertThat(call).isNotDone();
		deadline().reschedule(Duration.ofMillis(10));
		this.time.advanceTimeBy(Duration.ofMillis(10));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("10 ms");
	}

	@Test
	@Case(89)
	void aDeadlineMovedIntoThePastEndsTheScope() {
		CompletableFuture<String> call = run(this.scopes.within(seconds(2), this::never));
		deadline().reschedule(seconds(-1));
		this.time.advanceTimeBy(Duration.ZERO);
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class);
	}

	@Test
	@Case(89)
	void whatHasPassedIsPassingOrIsOverCantBeMoved() {
		this.resource.release = Mono.never();
		CompletableFuture<String> call = run(this.scopes.with(
				ScopeSpec.of("call").entering(this.resource).timeout(seconds(1)), (scope) -> never(scope.deadline())));
		this.time.advanceTimeBy(seconds(1));
		assertThat(call).isNotDone();
		assertThatIllegalStateException().isThrownBy(() -> deadline().reschedule(seconds(1)))
			.withMessageContaining("'call' has passed");
		this.time.advanceTimeBy(seconds(10));
		assertThat(call).isCompletedExceptionally();
		assertThatIllegalStateException().isThrownBy(() -> deadline().reschedule(seconds(1)))
			.withMessageContaining("'call' has passed");

		run(this.scopes.within(seconds(1), (deadline) -> {
			this.deadline.set(deadline);
			return Mono.just("done");
		}));
		assertThatIllegalStateException().isThrownBy(() -> deadline().reschedule(this.clock.instant()))
			.withMessageContaining("belongs to a scope that is ending");
	}

	@Test
	void aScopeThatBeganWithoutADeadlineCanBeGivenOne() {
		Scope scope = this.scopes.open("by hand");
		scope.enter(this.resource).subscribe();
		scope.deadline().reschedule(seconds(1));
		this.time.advanceTimeBy(seconds(1));
		assertThat(scope.state()).isEqualTo(Scope.State.CLOSED);
		assertThat(this.resource.released()).isEqualTo(1);
	}

	// Quietly.

	@Test
	@Case(90)
	void aQuietDeadlineEndsNormallyWithoutAValue() {
		AtomicReference<Exit> exit = new AtomicReference<>();
		AsyncResource<String> told = AsyncResource.of(() -> Mono.just("value"), (value, ended) -> {
			exit.set(ended);
			return Mono.empty();
		});
		ScopeSpec spec = ScopeSpec.of("quiet").entering(told).timeout(seconds(1)).quietly();
		CompletableFuture<String> call = run(this.scopes.with(spec, (scope) -> never(scope.deadline())));
		this.time.advanceTimeBy(seconds(1));
		assertThat(call).isCompletedWithValue("empty");
		assertThat(deadline().isExpired()).isTrue();
		assertThat(exit.get()).isInstanceOfSatisfying(Exit.Failed.class,
				(failed) -> assertThat(failed.error()).isInstanceOf(DeadlineExceededException.class));

		assertThat(run(this.scopes.moveOn(seconds(1), (deadline) -> Mono.just("in time"))))
			.isCompletedWithValue("in time");
		assertThat(run(this.scopes.moveOn(Duration.ZERO, (deadline) -> Mono.just("began"))))
			.isCompletedWithValue("empty");
		IllegalStateException error = new IllegalStateException("broken");
		assertThat(errorOf(run(this.scopes.moveOn(seconds(1), (deadline) -> Mono.error(error))))).isSameAs(error);
	}

	@Test
	@Case(90)
	void aReleaseThatFailsIsHeardAllTheSame() {
		IllegalStateException broken = new IllegalStateException("release");
		this.resource.release = Mono.error(broken);
		ScopeSpec spec = ScopeSpec.of("quiet").entering(this.resource).timeout(seconds(1)).quietly();
		CompletableFuture<String> call = run(this.scopes.with(spec, (scope) -> Mono.never()));
		this.time.advanceTimeBy(seconds(1));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class).hasSuppressedException(broken);
	}

	@Test
	@Case(90)
	void anInnerDeadlineThatIsNotQuietIsHeardThroughAQuietOne() {
		CompletableFuture<String> call = run(
				this.scopes.moveOn(seconds(10), (outer) -> this.scopes.within(seconds(1), this::never)));
		this.time.advanceTimeBy(seconds(1));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("'within'");
	}

	@ParameterizedTest
	@EnumSource(Front.class)
	@Case({ 81, 90 })
	void everyFrontIsLoudOrQuiet(Front front) {
		ScopeSpec spec = ScopeSpec.of("call").entering(this.resource).timeout(seconds(1));
		for (ScopeSpec each : new ScopeSpec[] { spec, spec.quietly() }) {
			CountDownLatch running = new CountDownLatch(1);
			Front.Call call = front.start(this.scopes, each, (scope) -> {
				running.countDown();
				return Mono.never();
			});
			Front.await(running);
			this.time.advanceTimeBy(seconds(1));
			if (each == spec) {
				assertThat(call.error()).isInstanceOf(DeadlineExceededException.class);
			}
			else {
				assertThat(call.value()).isNull();
			}
			assertThat(this.resource.released()).isEqualTo(this.resource.acquired());
		}
	}

	// Afterwards.

	@ParameterizedTest
	@EnumSource(Front.class)
	@Case(93)
	void whateverTheExitTheTimersAreGone(Front front) {
		ScheduledThreadPoolExecutor timers = new ScheduledThreadPoolExecutor(1);
		timers.setRemoveOnCancelPolicy(true);
		AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(Schedulers.fromExecutorService(timers))).build();
		ScopeSpec spec = ScopeSpec.of("call")
			.entering(this.resource)
			.timeout(seconds(1000))
			.acquireTimeout(seconds(500))
			.bodyTimeout(seconds(500))
			.releaseTimeout(seconds(500));
		for (String way : new String[] { "value", "error", "cancel", "reject" }) {
			this.resource.acquisition = way.equals("reject") ? Mono.error(new IllegalStateException("rejected"))
					: Mono.just("value");
			CountDownLatch running = new CountDownLatch(1);
			Sinks.One<String> body = Sinks.one();
			Front.Call call = front.start(scopes, spec, (scope) -> {
				running.countDown();
				return body.asMono();
			});
			switch (way) {
				case "value" -> {
					Front.await(running);
					body.tryEmitValue("value");
					assertThat(call.value()).isEqualTo("value");
				}
				case "error" -> {
					Front.await(running);
					body.tryEmitError(new IllegalStateException("body"));
					assertThat(call.error()).hasMessage("body");
				}
				case "cancel" -> {
					Front.await(running);
					call.cancel();
					if (front == Front.FUTURE || front == Front.BLOCKING) {
						assertThat(call.error()).isInstanceOfAny(CancellationException.class,
								InterruptedException.class);
					}
				}
				default -> assertThat(call.error()).hasMessage("rejected");
			}
			assertThat(scopes.openScopes()).isEmpty();
			assertThat(timers.getQueue()).as("after " + way).isEmpty();
		}
		timers.shutdownNow();
	}

	@ParameterizedTest
	@EnumSource(Front.class)
	@Case(95)
	void aBodyThatGoesOnAfterTheLimitTimesOutAllTheSame(Front front) {
		CountDownLatch running = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("call").timeout(seconds(1)), (scope) -> {
			this.deadline.set(scope.deadline());
			running.countDown();
			if (front == Front.BLOCKING) {
				// Swallows the interrupt.
				try {
					new CountDownLatch(1).await();
				}
				catch (InterruptedException ex) {
					return Mono.just("swallowed");
				}
			}
			return Mono.create((sink) -> sink.onCancel(() -> sink.success("swallowed")));
		});
		Front.await(running);
		this.time.advanceTimeBy(seconds(1));
		assertThat(call.error()).isInstanceOf(DeadlineExceededException.class);
		assertThat(deadline().isExpired()).isTrue();
	}

	// One limit a phase.

	@ParameterizedTest
	@EnumSource(Front.class)
	@Case(96)
	void theErrorSaysWhichPhaseTookTooLong(Front front) {
		ScopeSpec spec = ScopeSpec.of("call")
			.entering(new Recording("first"), this.resource)
			.acquireTimeout(seconds(1))
			.bodyTimeout(seconds(2))
			.releaseTimeout(seconds(3))
			.timeout(seconds(60));
		Sinks.One<String> acquisition = Sinks.one();
		CountDownLatch begun = new CountDownLatch(1);
		this.resource.acquisition = acquisition.asMono().doOnSubscribe((s) -> begun.countDown());
		Front.Call slowAcquisition = front.start(this.scopes, spec, (scope) -> Mono.just("began"));
		Front.await(begun);
		this.time.advanceTimeBy(seconds(1));
		acquisition.tryEmitValue("late");
		assertThat(slowAcquisition.error()).isInstanceOf(AcquireTimeoutException.class)
			.hasMessageContaining("limit on acquisition of 1000 ms")
			.hasMessageContaining("[first, resource]");

		this.resource.acquisition = Mono.just("value");
		CountDownLatch running = new CountDownLatch(1);
		Front.Call slowBody = front.start(this.scopes, spec, (scope) -> {
			running.countDown();
			return Mono.never();
		});
		Front.await(running);
		this.time.advanceTimeBy(seconds(2));
		assertThat(slowBody.error()).isInstanceOfSatisfying(DeadlineExceededException.class, (error) -> {
			assertThat(error.getState()).isEqualTo(Scope.State.RUNNING);
			assertThat(error.getTimeout()).isEqualTo(seconds(2));
		}).hasMessageContaining("limit on its body of 2000 ms while running its body");

		CountDownLatch releasing = new CountDownLatch(1);
		this.resource.release = Mono.<Void>never().doOnSubscribe((s) -> releasing.countDown());
		Front.Call slowRelease = front.start(this.scopes, spec, (scope) -> Mono.just("done"));
		Front.await(releasing);
		// A release has begun before it has a limit.
		await().until(() -> {
			this.time.advanceTimeBy(seconds(1));
			return slowRelease.heard.isDone();
		});
		assertThat(slowRelease.error()).isInstanceOf(ReleaseTimeoutException.class)
			.hasMessageContaining("'resource'")
			.hasMessageContaining("3000 ms");
	}

	@Test
	@Case(96)
	void aLimitOfNothingOnAPhaseIsRefused() {
		ScopeSpec spec = ScopeSpec.of("call");
		assertThatIllegalArgumentException().isThrownBy(() -> spec.acquireTimeout(Duration.ZERO))
			.withMessageContaining("'call'")
			.withMessageContaining("limit on acquisition of PT0S");
		assertThatIllegalArgumentException().isThrownBy(() -> spec.bodyTimeout(seconds(-1)));
		assertThatIllegalArgumentException().isThrownBy(() -> spec.releaseTimeout(Duration.ZERO));
	}

	// Inherited.

	@Test
	@Case(92)
	void theEarliestDeadlineReachesAWaitForALimiter() {
		Limiter limiter = Limiter.builder("limit").permits(1).clock(this.clock).build();
		Permit held = limiter.tryAcquire();
		CompletableFuture<String> call = run(this.scopes.within(seconds(1), (outer) -> this.scopes.within(seconds(5),
				(inner) -> this.scopes.use(limiter, (permit) -> Mono.just("began")))));
		assertThat(limiter.statistics().waiting()).isEqualTo(1);
		assertThat(this.scopes.openScopes()).filteredOn((scope) -> scope.name().equals("limit"))
			.extracting((scope) -> scope.remaining().orElseThrow())
			.containsExactly(seconds(1));
		this.time.advanceTimeBy(seconds(1));
		assertThat(errorOf(call)).isInstanceOf(DeadlineExceededException.class);
		assertThat(limiter.statistics().waiting()).isZero();
		held.close();
		assertThat(limiter.statistics().borrowed()).isZero();
	}

	@Test
	void aScopeIsToldWhyTheOneAroundItWasCancelled() {
		AtomicReference<Scope> outer = new AtomicReference<>();
		run(this.scopes.with((scope) -> {
			outer.set(scope);
			return this.scopes.use(this.resource, (value) -> Mono.never());
		}));
		outer.get().cancel("the user left").subscribe();
		assertThat(this.resource.events).endsWith("release resource cancelled: the user left");
	}

	@Test
	void aClockThatWasShutDownFailsTheCallAndHoldsNothing() {
		this.time.dispose();
		VirtualTimeScheduler gone = VirtualTimeScheduler.create();
		gone.dispose();
		AsyncScopes late = AsyncScopes.builder().clock(ScopeClock.of(gone)).build();
		ScopeSpec spec = ScopeSpec.of("call").entering(this.resource);
		for (ScopeSpec each : new ScopeSpec[] { spec.timeout(seconds(1)), spec.acquireTimeout(seconds(1)),
				spec.bodyTimeout(seconds(1)) }) {
			assertThatExceptionOfType(Exception.class)
				.isThrownBy(() -> late.with(each, (scope) -> Mono.just("began")).block(seconds(20)));
			assertThat(late.openScopes()).isEmpty();
			assertThat(this.resource.released()).isEqualTo(this.resource.acquired());
		}
	}

	/** Whose timers never fire in time. */
	private record SlowTimers(AtomicReference<Instant> now) implements Scheduler {

		@Override
		public long now(TimeUnit unit) {
			return unit.convert(Duration.between(Instant.EPOCH, this.now.get()));
		}

		@Override
		public Disposable schedule(Runnable task) {
			return Disposables.single();
		}

		@Override
		public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
			return Disposables.single();
		}

		@Override
		public Worker createWorker() {
			throw new UnsupportedOperationException();
		}

	}

}
