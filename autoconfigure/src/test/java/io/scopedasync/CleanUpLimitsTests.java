package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.sync.Event;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Where the release limit, a cancel and a shutdown reach what is opened late, and where
 * not.
 */
@Timeout(60)
@ExtendWith(QuietScopes.class)
class CleanUpLimitsTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final Duration RELEASE = Duration.ofSeconds(2);

	private final List<String> done = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final AsyncResource<String> connection = AsyncResource.of(() -> Mono.just("db"),
			(value, exit) -> Mono.empty());

	/** Its release never ends, and its close by force does or does not. */
	private AsyncResource<String> stuck(AsyncScopes scopes, boolean closes) {
		return new AsyncResource<>() {

			@Override
			public Mono<String> acquire() {
				return Mono.just("lease");
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				return scopes.use(CleanUpLimitsTests.this.connection, (db) -> Mono.never()).then();
			}

			@Override
			public Mono<Void> abort(String value) {
				return scopes.use(CleanUpLimitsTests.this.connection, (db) -> {
					CleanUpLimitsTests.this.done.add("aborted");
					return closes ? Mono.empty() : Mono.never();
				}).then();
			}

			@Override
			public String name() {
				return "lease";
			}

		};
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whatAReleaseOpensOverrunsWithIt(boolean closes) {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		List<String> stuck = new CopyOnWriteArrayList<>();
		AsyncScopes timed = AsyncScopes.builder()
			.clock(ScopeClock.of(time))
			.releaseTimeout(RELEASE)
			.watcher(new ScopeWatcher() {
				@Override
				public void releaseStuck(Scope scope, String resource) {
					stuck.add(resource);
				}
			})
			.build();
		CompletableFuture<String> call = timed.use(stuck(timed, closes), Mono::just).toFuture();
		time.advanceTimeBy(RELEASE.multipliedBy(closes ? 1 : 2));
		assertThat(call).failsWithin(LIMIT).withThrowableThat().withCauseInstanceOf(ReleaseTimeoutException.class);
		assertThat(stuck).containsExactly("lease");
		assertThat(this.done).containsExactly("aborted");
		time.dispose();
	}

	@Test
	void whatAReleaseOpensOverrunsWithItInRealTime() {
		AsyncScopes hurried = AsyncScopes.builder().releaseTimeout(Duration.ofMillis(10)).build();
		for (int i = 0; i < 100; i++) {
			CompletableFuture<String> call = hurried.use(stuck(hurried, true), Mono::just).toFuture();
			assertThat(call).as("call " + i)
				.failsWithin(LIMIT)
				.withThrowableThat()
				.withCauseInstanceOf(ReleaseTimeoutException.class);
			assertThat(this.done).hasSize(i + 1);
		}
	}

	@Test
	void aLimitInsideAReleaseIsItsOwn() {
		AtomicReference<Duration> left = new AtomicReference<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> this.scopes
					.within(Duration.ofHours(1),
							(deadline) -> Scope.current()
								.doOnNext((scope) -> left.set(scope.remaining().orElseThrow()))
								.then(this.scopes.within(Duration.ofMillis(10), (inner) -> Mono.never())))
					.onErrorResume(DeadlineExceededException.class,
							(error) -> Mono.fromRunnable(() -> this.done.add("inner limit")))
					.then());
		CompletableFuture<Object> call = this.scopes
			.with(ScopeSpec.of("call").entering(lease).timeout(Duration.ofMillis(50)), (scope) -> Mono.never())
			.toFuture();
		assertThat(call).failsWithin(LIMIT).withThrowableThat().withCauseInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("inner limit");
		assertThat(left.get()).isBetween(Duration.ofSeconds(1), Duration.ofMinutes(1));
	}

	@Test
	void anEarlyReleaseGoesOnAfterTheLimitOfItsScope() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		AsyncScopes timed = AsyncScopes.builder().clock(ScopeClock.of(time)).releaseTimeout(RELEASE).build();
		Sinks.Empty<Void> gate = Sinks.empty();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> gate.asMono()
					.then(timed.use(this.connection, (db) -> Mono.fromRunnable(() -> this.done.add("returned"))))
					.then());
		CompletableFuture<Object> call = timed
			.with(ScopeSpec.of("call").timeout(Duration.ofSeconds(1)),
					(scope) -> scope.enter(lease).flatMap((value) -> scope.release(lease, value)).then(Mono.never()))
			.toFuture();
		time.advanceTimeBy(Duration.ofMillis(1500));
		assertThat(call).isNotDone();
		gate.tryEmitEmpty();
		assertThat(call).failsWithin(LIMIT).withThrowableThat().withCauseInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("returned");
		time.dispose();
	}

	@Test
	void whatTheApplicationHoldsIsReleasedByCodeThatBlocks() {
		AtomicReference<Throwable> error = new AtomicReference<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> Mono.fromRunnable(() -> {
					try {
						this.scopes.useBlocking(this.connection, (db) -> this.done.add("returned"));
					}
					catch (Exception ex) {
						error.set(ex);
					}
				}));
		this.scopes.application().enter(lease).block(LIMIT);
		this.scopes.close().block(LIMIT);
		assertThat(error).hasNullValue();
		assertThat(this.done).containsExactly("returned");
	}

	@Test
	void aShutdownEndsAShieldWhoseScopeWasCancelledBefore() {
		AsyncScopes closing = AsyncScopes.builder().tracked(true).shutdownTimeout(Duration.ZERO).build();
		CompletableFuture<Exit> ended = new CompletableFuture<>();
		AsyncResource<String> watched = AsyncResource.of(() -> Mono.just("w"),
				(value, exit) -> Mono.fromRunnable(() -> ended.complete(exit)));
		CompletableFuture<Scope> outer = new CompletableFuture<>();
		closing.with(ScopeSpec.of("outer").entering(this.connection), (scope) -> {
			outer.complete(scope);
			return closing.with(ScopeSpec.of("shield").entering(watched).shielded(), (shield) -> Mono.never());
		}).subscribe();
		outer.join().cancel("test").subscribe();
		assertThat(outer.join().state()).isEqualTo(Scope.State.RELEASING);
		// Before the scope around it has waited for its release limit.
		closing.close().subscribe();
		assertThat(ended).succeedsWithin(Duration.ofSeconds(5)).isInstanceOf(Exit.Cancelled.class);
	}

	/** Waits in the body until something interrupts it, and takes no notice of that. */
	private static void swallowInterrupt() {
		try {
			new CountDownLatch(1).await(LIMIT.toSeconds(), TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			// As some code does.
		}
	}

	private static CompletableFuture<Throwable> failing(BlockingCall call) {
		CompletableFuture<Throwable> told = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				call.run();
				told.complete(null);
			}
			catch (Throwable ex) {
				told.complete(ex);
			}
		});
		caller.setDaemon(true);
		caller.start();
		return told;
	}

	@Test
	void aBodyThatATaskHasEndedOpensNothingMore() {
		Limiter full = Limiter.builder("full").permits(0).build();
		Limiter free = Limiter.builder("free").permits(1).build();
		Sinks.Empty<Void> task = Sinks.empty();
		CompletableFuture<Scope> started = new CompletableFuture<>();
		List<Throwable> later = new CopyOnWriteArrayList<>();
		CompletableFuture<Throwable> told = failing(() -> this.scopes.withBlocking(ScopeSpec.of("call"), (call) -> {
			call.tasks().start(task.asMono());
			started.complete(call);
			swallowInterrupt();
			for (Limiter limiter : List.of(full, free)) {
				later.add(failing(this.scopes, limiter));
			}
			later.add(call.enter(full)
				.<Throwable>map((permit) -> new AssertionError())
				.onErrorResume(Mono::just)
				.block());
			return "x";
		}));
		assertThat(started).succeedsWithin(LIMIT);
		IllegalStateException error = new IllegalStateException("task");
		task.tryEmitError(error);
		assertThat(told).succeedsWithin(LIMIT).isSameAs(error);
		assertThat(later).hasSize(3).hasOnlyElementsOfType(ScopeClosedException.class);
		assertThat(full.statistics().waiting()).isZero();
	}

	private static Throwable failing(AsyncScopes scopes, Limiter limiter) {
		try {
			scopes.useBlocking(limiter, (permit) -> "never");
			return new AssertionError("entered " + limiter);
		}
		catch (Throwable ex) {
			return ex;
		}
	}

	@Test
	void aCancelledBodyWaitsForNoEvent() {
		Event event = Event.create("ready");
		CompletableFuture<Scope> started = new CompletableFuture<>();
		CompletableFuture<Throwable> later = new CompletableFuture<>();
		CompletableFuture<Throwable> told = failing(() -> this.scopes.withBlocking(ScopeSpec.of("call"), (call) -> {
			started.complete(call);
			swallowInterrupt();
			event.await().subscribe(null, later::complete);
			return "x";
		}));
		assertThat(started).succeedsWithin(LIMIT);
		started.join().cancel("test").block(LIMIT);
		assertThat(told).succeedsWithin(LIMIT).isInstanceOf(ScopeClosedException.class);
		assertThat(later).isCompleted();
		assertThat(later.join()).isInstanceOf(ScopeClosedException.class);
	}

	private interface BlockingCall {

		void run() throws Exception;

	}

}
