package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What tasks, limits, shields and scopes inside each other do to one another.
 */
@Timeout(60)
@ExtendWith(QuietScopes.class)
class ScopeInteractionTests {

	private static final Duration LIMIT = Duration.ofSeconds(10);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.releaseTimeout(LIMIT)
		.shutdownTimeout(LIMIT)
		.recorder(this.told)
		.watcher(this.told)
		.build();

	private final Recording outer = new Recording("outer");

	private final ScopeSpec boundedShield = ScopeSpec.of("shield").shielded().timeout(Duration.ofSeconds(30));

	private void pass(long seconds) {
		this.time.advanceTimeBy(Duration.ofSeconds(seconds));
	}

	// Tasks.

	@ParameterizedTest
	@EnumSource
	@Case(149)
	void aGroupCancelledWhileItJoinsStillBringsTheBodysValue(Front front) {
		CountDownLatch cancelled = new CountDownLatch(1);
		AtomicReference<TaskGroup> group = new AtomicReference<>();
		CountDownLatch joining = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group").entering(this.outer), (scope) -> {
			group.set(scope.tasks());
			scope.tasks().start(Mono.never().doOnCancel(cancelled::countDown));
			return Mono.just("value").doFinally((signal) -> joining.countDown());
		});
		Front.await(joining);
		if (front == Front.BLOCKING) {
			// Until the thread has left the body.
			org.awaitility.Awaitility.await().until(() -> ((RunningScope) group.get().scope()).tasksOrNull().bodyDone);
		}
		group.get().cancel().block(LIMIT);
		Front.await(cancelled);
		assertThat(call.value()).isEqualTo("value");
	}

	@Test
	void aTaskThatTransfersWhatItHoldsLeavesItsSlotToTheNext() {
		AtomicReference<Scope> owner = new AtomicReference<>();
		CompletableFuture<String> call = this.scopes
			.<String>group(ScopeSpec.of("group"), TaskPolicy.failTogether().limit(1), (group) -> {
				group.start(ScopeSpec.of("task").entering(this.outer), (task) -> {
					owner.set(task.transfer());
					return Mono.empty();
				});
				return group.start(Mono.just("second")).result();
			})
			.toFuture();
		assertThat(call).isCompletedWithValue("second");
		assertThat(this.outer.released()).isZero();
		assertThat(owner.get().state()).isEqualTo(Scope.State.RUNNING);
		owner.get().close().block(LIMIT);
		assertThat(this.outer.released()).isOne();
	}

	@Test
	void aBlockingTaskThatTransfersWhatItHoldsIsStillWaitedFor() {
		CountDownLatch transferred = new CountDownLatch(1);
		CountDownLatch mayReturn = new CountDownLatch(1);
		Scope scope = this.scopes.open("group");
		Task<Object> task = scope.tasks().startBlocking(() -> {
			Scope.current().map(Scope::transfer).block(LIMIT);
			transferred.countDown();
			while (mayReturn.getCount() > 0) {
				try {
					mayReturn.await();
				}
				catch (InterruptedException ex) {
					// Goes on.
				}
			}
			return null;
		});
		Front.await(transferred);
		CompletableFuture<Void> cancelled = task.cancel("not needed").toFuture();
		assertThat(cancelled).isNotDone();
		assertThat(scope.tasks().running()).isOne();
		mayReturn.countDown();
		assertThat(cancelled).succeedsWithin(LIMIT);
		scope.close().block(LIMIT);
	}

	@Test
	@Case(52)
	void anErrorIsNotLostWhoseReaderLeavesWithTheValueInHand() {
		IllegalStateException error = new IllegalStateException("task");
		Sinks.Empty<Object> task = Sinks.empty();
		Sinks.Many<String> values = Sinks.many().unicast().onBackpressureBuffer();
		CompletableFuture<String> call = this.scopes.<String>withMany(ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(task.asMono());
			return values.asFlux();
		}).doOnNext((value) -> task.tryEmitError(error)).next().toFuture();
		values.tryEmitNext("value");
		assertThat(call).isCompletedWithValue("value");
		assertThat(this.told.undelivered).containsExactly(error);
	}

	@Test
	@Case(153)
	void aJoinerThatThrowsFailsItsJoin() {
		IllegalStateException broken = new IllegalStateException("joiner");
		Joiner<String, String> joiner = (tasks) -> new Joiner.Joining<>() {
			@Override
			public boolean ended(int index, Exit exit, @Nullable String value) {
				throw broken;
			}

			@Override
			public String result() {
				return "result";
			}
		};
		CompletableFuture<String> call = this.scopes
			.<String>group((group) -> group.join(joiner, List.of(Mono.just("a"), Mono.never())))
			.toFuture();
		assertThat(call.handle((value, error) -> error).getNow(null)).isSameAs(broken);
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	void aTaskOfTheApplicationThatFailsTakesNothingFromTheOthers() {
		Scope application = this.scopes.application();
		application.enter(this.outer).block(LIMIT);
		IllegalStateException error = new IllegalStateException("heartbeat");
		application.tasks().start(Mono.error(error));
		assertThat(this.outer.held().block(LIMIT)).isEqualTo("outer");
		assertThat(this.told.undelivered).containsExactly(error);
		application.close().block(LIMIT);
		assertThat(this.outer.released()).isOne();
	}

	@Test
	void aTaskOfTheApplicationThatDoesNotEndDoesNotHoldUpAShutdown() {
		this.scopes.application().enter(this.outer).block(LIMIT);
		Recording stuck = new Recording("stuck");
		stuck.release = Mono.never();
		this.scopes.application()
			.tasks()
			.start(ScopeSpec.of("task").entering(stuck).releaseTimeout(LIMIT.multipliedBy(10)), (task) -> Mono.never());
		CompletableFuture<Void> closed = this.scopes.close().toFuture();
		pass(10);
		pass(10);
		pass(10);
		assertThat(closed).isDone();
		assertThat(this.outer.released()).isOne();
	}

	// Limits.

	@Test
	@Case(90)
	void aScopeByHandEndsQuietlyToo() {
		Scope scope = this.scopes.open(ScopeSpec.of("quiet").timeout(LIMIT).quietly());
		scope.enter(this.outer).block(LIMIT);
		pass(10);
		assertThat(this.outer.released()).isOne();
		assertThat(scope.deadline().isExpired()).isTrue();
		assertThat(this.told.undelivered).isEmpty();
		scope.close().block(LIMIT);
	}

	@Test
	@Case(90)
	void whoLeavesWhileAQuietLimitReleasesMissesNoError() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.outer.release = release.asMono();
		Disposable call = this.scopes
			.with(ScopeSpec.of("quiet").entering(this.outer).timeout(LIMIT).quietly(), (scope) -> Mono.never())
			.subscribe();
		pass(10);
		call.dispose();
		release.tryEmitEmpty();
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case({ 69, 79 })
	void shieldedCleanupsAfterAnInterruptAreNotInterruptedOnceMore() throws Exception {
		List<Object> seen = new ArrayList<>();
		CountDownLatch inBody = new CountDownLatch(1);
		CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.withBlocking(ScopeSpec.of("outer").timeout(LIMIT), (scope) -> {
					try {
						inBody.countDown();
						new CountDownLatch(1).await();
					}
					catch (InterruptedException ex) {
						for (int i = 0; i < 2; i++) {
							seen.add(this.scopes.withBlocking(ScopeSpec.of("cleanup").shielded(),
									(cleanup) -> Thread.currentThread().isInterrupted()));
						}
					}
					return null;
				});
			}
			catch (Exception ex) {
				seen.add(ex.getClass());
			}
			interrupted.complete(Thread.currentThread().isInterrupted());
		});
		caller.start();
		Front.await(inBody);
		pass(10);
		assertThat(interrupted).succeedsWithin(LIMIT).isEqualTo(false);
		assertThat(seen).containsExactly(false, false, DeadlineExceededException.class);
	}

	// Shields.

	@Test
	@Case(66)
	void aBoundedShieldIsWaitedForByAllScopesAroundIt() {
		Mono<Object> shield = this.scopes.with(this.boundedShield, (scope) -> Mono.never());
		this.scopes.use(this.outer, (value) -> this.scopes.with((plain) -> shield)).subscribe().dispose();
		pass(29);
		assertThat(this.outer.released()).isZero();
		pass(1);
		assertThat(this.outer.released()).isOne();
		assertThat(this.told.outlived).isEmpty();
	}

	@Test
	@Case(66)
	void aTaskWithABoundedShieldInsideIsNotLeftBehind() {
		Mono<Object> shield = this.scopes.with(this.boundedShield, (scope) -> Mono.never());
		this.scopes.with(ScopeSpec.of("group").entering(this.outer), (scope) -> {
			scope.tasks().start(shield);
			return Mono.never();
		}).subscribe().dispose();
		pass(29);
		assertThat(this.outer.released()).isZero();
		pass(1);
		assertThat(this.outer.released()).isOne();
		assertThat(this.told.outlived).isEmpty();
	}

	@Test
	@Case(66)
	void aShieldWhoseBodyIsBoundedMayNotAcquireForEver() {
		Recording slow = new Recording("slow");
		slow.acquisition = Mono.never();
		ScopeSpec shield = ScopeSpec.of("shield").shielded().bodyTimeout(LIMIT).entering(slow);
		this.scopes.use(this.outer, (value) -> this.scopes.with(shield, (scope) -> Mono.never())).subscribe().dispose();
		pass(9);
		assertThat(this.outer.released()).isZero();
		pass(1);
		assertThat(this.outer.released()).isOne();
		assertThat(this.told.outlived).containsExactly("shield");
	}

	// Scopes inside.

	@Test
	@Case(74)
	void scopesInsideEndSideBySideAndShareOneLimit() throws Exception {
		AtomicReference<Scope> around = new AtomicReference<>();
		Disposable call = this.scopes.with(ScopeSpec.of("around").entering(this.outer), (scope) -> {
			around.set(scope);
			return Mono.never();
		}).subscribe();
		List<Recording> held = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			Recording stuck = new Recording("stuck");
			stuck.release = Mono.never();
			held.add(stuck);
			ScopeSpec inner = ScopeSpec.of("inner").entering(stuck).releaseTimeout(LIMIT.multipliedBy(10));
			around.get().call(() -> this.scopes.withFuture(inner, (scope) -> new CompletableFuture<>()));
		}
		call.dispose();
		assertThat(held).allMatch((stuck) -> stuck.released() == 1);
		pass(9);
		assertThat(this.outer.released()).isZero();
		pass(1);
		assertThat(this.outer.released()).isOne();
		assertThat(this.told.outlived).containsExactly("inner", "inner", "inner");
	}

}
