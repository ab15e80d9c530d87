package io.scopedasync;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * What a group of tasks promises, behind every front.
 */
@Timeout(60)
@ExtendWith(QuietScopes.class)
class TaskGroupTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.releaseTimeout(Duration.ofSeconds(1))
		.recorder(this.told)
		.watcher(this.told)
		.build();

	private final Recording outer = new Recording("outer");

	private final List<String> events = this.outer.events;

	private final IllegalStateException error = new IllegalStateException("first");

	private final Sinks.One<String> gate = Sinks.one();

	private Recording held(String name) {
		return new Recording(name, this.events);
	}

	private static ScopeSpec holding(AsyncResource<?> resource) {
		return ScopeSpec.of("task").entering(resource);
	}

	@ParameterizedTest
	@EnumSource
	@Case(138)
	void theGroupEndsAfterAllOfItsTasks(Front front) {
		Sinks.Empty<Void> second = Sinks.empty();
		CountDownLatch joining = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group").entering(this.outer), (scope) -> {
			TaskGroup group = scope.tasks();
			group.start(holding(held("a")), (task) -> this.gate.asMono().doOnNext((value) -> {
				// Started by another task, when the body has long ended.
				group.start(holding(held("b")), (later) -> second.asMono());
			}));
			return Mono.just("value").doFinally((signal) -> joining.countDown());
		});
		Front.await(joining);
		assertThat(call.heard).isNotDone();
		this.gate.tryEmitValue("go");
		assertThat(call.heard).isNotDone();
		assertThat(this.events).containsExactly("acquire outer", "acquire a", "acquire b", "release a completed");
		second.tryEmitEmpty();
		assertThat(call.value()).isEqualTo("value");
		assertThat(this.events).endsWith("release b completed", "release outer completed");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	@Case(139)
	void theFirstFailureCancelsSiblingsAndBodyAndAwaitsThem(Front front) {
		Sinks.Empty<Void> release = Sinks.empty();
		Recording slow = held("slow");
		slow.release = release.asMono();
		AtomicBoolean bodyCancelled = new AtomicBoolean();
		CountDownLatch running = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group").entering(this.outer), (scope) -> {
			scope.tasks().start(holding(slow), (task) -> Mono.never());
			scope.tasks().start(this.gate.asMono());
			return Mono.<String>never()
				.doOnSubscribe((subscription) -> running.countDown())
				.doOnCancel(() -> bodyCancelled.set(true));
		});
		Front.await(running);
		this.gate.tryEmitError(this.error);
		// A thread that was interrupted may be the first to end what is left.
		org.awaitility.Awaitility.await()
			.atMost(LIMIT)
			.untilAsserted(() -> assertThat(this.events).containsExactly("acquire outer", "acquire slow",
					"release slow cancelled: its group, 'group', ended"));
		assertThat(call.heard).isNotDone();
		release.tryEmitEmpty();
		assertThat(call.error()).isSameAs(this.error);
		assertThat(this.error.getSuppressed()).isEmpty();
		assertThat(bodyCancelled).isTrue();
		assertThat(this.events).endsWith("release outer failed: " + this.error);
	}

	@ParameterizedTest
	@EnumSource
	@Case({ 139, 138 })
	void aTaskThatFailsAfterTheBodyHasCompletedIsTheCallersError(Front front) {
		CountDownLatch joining = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(this.gate.asMono());
			return Mono.just("value").doFinally((signal) -> joining.countDown());
		});
		Front.await(joining);
		this.gate.tryEmitError(this.error);
		assertThat(call.error()).isSameAs(this.error);
	}

	@Test
	@Case(140)
	void allErrorsComeAsOneWithoutTheCancellations() {
		IllegalStateException cleanup = new IllegalStateException("cleanup");
		IllegalStateException release = new IllegalStateException("release");
		IOException second = new IOException("second");
		Recording failing = held("failing");
		failing.release = Mono.error(cleanup);
		this.outer.release = Mono.error(release);
		CompletableFuture<String> future = new CompletableFuture<>() {
			@Override
			public boolean cancel(boolean mayInterruptIfRunning) {
				return completeExceptionally(second);
			}
		};
		CompletableFuture<Object> call = this.scopes
			.group(ScopeSpec.of("group").entering(this.outer), TaskPolicy.failTogether(), (group) -> {
				group.start(holding(failing), (task) -> Mono.never());
				group.start(Mono.never());
				group.startFuture(() -> future);
				group.start(this.gate.asMono());
				return Mono.never();
			})
			.toFuture();
		this.gate.tryEmitError(this.error);
		assertThat(call).isCompletedExceptionally();
		assertThat(call.handle((value, heard) -> heard).join()).isSameAs(this.error);
		assertThat(this.error.getSuppressed()).containsExactlyInAnyOrder(cleanup, second, release);
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(140)
	void anErrorThatTakesNoOthersLosesNone() {
		IOException second = new IOException("second");
		RuntimeException bare = new RuntimeException("bare", null, false, false) {
			private static final long serialVersionUID = 1L;

		};
		Recording failing = held("failing");
		failing.release = Mono.error(second);
		Mono<Object> call = this.scopes.group((group) -> {
			group.start(holding(failing), (task) -> Mono.never());
			group.start(Mono.error(bare));
			return Mono.never();
		});
		assertThat(call.toFuture().handle((value, heard) -> heard).join()).isSameAs(bare);
		assertThat(this.told.undelivered).containsExactly(second);
	}

	@Test
	@Case(141)
	void aTaskCancelledOnItsOwnHurtsNobody() {
		AtomicReference<Task<String>> one = new AtomicReference<>();
		AtomicReference<Mono<Void>> cancelled = new AtomicReference<>();
		Sinks.Empty<Void> release = Sinks.empty();
		Recording slow = held("slow");
		slow.release = release.asMono();
		CompletableFuture<String> call = this.scopes.<String>group((group) -> {
			one.set(group.start(holding(slow), (task) -> Mono.never()));
			return group.<String>start(this.gate.asMono()).result();
		}).toFuture();
		CompletableFuture<Void> settled = one.get().cancel("not needed").toFuture();
		assertThat(settled).isNotDone();
		assertThat(one.get().exit()).isNull();
		release.tryEmitEmpty();
		assertThat(settled).isDone();
		assertThat(one.get().exit()).hasToString("cancelled: not needed");
		one.get().cancel("again");
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> one.get().result().block(LIMIT))
			.withMessageContaining("not needed");
		assertThat(call).isNotDone();
		this.gate.tryEmitValue("value");
		assertThat(call).isCompletedWithValue("value");
	}

	@ParameterizedTest
	@EnumSource
	@Case(143)
	void aBodyThatFailsCancelsItsTasks(Front front) {
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(holding(held("a")), (task) -> Mono.never());
			return Mono.error(this.error);
		});
		assertThat(call.error()).isSameAs(this.error);
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: its group, 'group', ended");
	}

	@ParameterizedTest
	@EnumSource
	@Case(143)
	void aBodyThatThrowsCancelsItsTasks(Front front) {
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(holding(held("a")), (task) -> Mono.never());
			throw this.error;
		});
		assertThat(call.error()).isSameAs(this.error);
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: its group, 'group', ended");
	}

	@Test
	@Case(144)
	void anInnerGroupsErrorCarriesItsOwnTasksErrors() {
		IOException inner = new IOException("inner");
		IOException innerCleanup = new IOException("inner cleanup");
		IOException outerCleanup = new IOException("outer cleanup");
		Recording first = held("first");
		first.release = Mono.error(innerCleanup);
		Recording second = held("second");
		second.release = Mono.error(outerCleanup);
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			group.start(holding(second), (task) -> Mono.never());
			group.start(this.scopes.group((nested) -> {
				nested.start(holding(first), (task) -> Mono.never());
				nested.start(this.gate.asMono());
				return Mono.never();
			}).onErrorMap((error) -> new IllegalArgumentException("nested", error)));
			return Mono.never();
		}).toFuture();
		this.gate.tryEmitError(inner);
		Throwable heard = call.handle((value, error) -> error).join();
		assertThat(heard).hasMessage("nested").cause().isSameAs(inner);
		assertThat(inner.getSuppressed()).containsExactly(innerCleanup);
		assertThat(heard.getSuppressed()).containsExactly(outerCleanup);
	}

	@Test
	@Case(144)
	void whenTheOuterGroupFailsTheInnerIsOnlyCancelled() {
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			group.start(ScopeSpec.of("inner").entering(held("inner")), (inner) -> {
				inner.tasks().start(holding(held("innermost")), (task) -> Mono.never());
				return Mono.never();
			});
			group.start(this.gate.asMono());
			return Mono.never();
		}).toFuture();
		this.gate.tryEmitError(this.error);
		assertThat(call.handle((value, heard) -> heard).join()).isSameAs(this.error);
		assertThat(this.error.getSuppressed()).isEmpty();
		assertThat(this.events).containsExactly("acquire inner", "acquire innermost",
				"release innermost cancelled: its group, 'inner', ended",
				"release inner cancelled: its group, 'group', ended");
	}

	@Test
	@Case(145)
	void aGroupThatIsNewFailingOrFinishedTakesNoTasks() {
		AtomicBoolean started = new AtomicBoolean();
		Mono<String> work = Mono.fromCallable(() -> {
			started.set(true);
			return "x";
		});
		List<String> refused = new ArrayList<>();
		AtomicReference<TaskGroup> seen = new AtomicReference<>();
		Runnable late = () -> {
			try {
				seen.get().start(work);
			}
			catch (ScopeClosedException ex) {
				refused.add(ex.getMessage());
			}
			assertThat(seen.get().startReady(ScopeSpec.of("server"), (ready) -> work).materialize().block(LIMIT))
				.matches((signal) -> signal.getThrowable() instanceof ScopeClosedException);
		};
		Recording failing = held("failing");
		Sinks.Empty<Void> release = Sinks.empty();
		failing.release = release.asMono();
		this.outer.acquisition = TaskGroup.current().map((group) -> {
			seen.set(group);
			late.run();
			return "outer";
		});
		CompletableFuture<Object> call = this.scopes
			.group(ScopeSpec.of("group").entering(this.outer), TaskPolicy.failTogether(), (group) -> {
				group.start(holding(failing), (task) -> Mono.never());
				group.start(this.gate.asMono());
				return Mono.never();
			})
			.toFuture();
		this.gate.tryEmitError(this.error);
		assertThat(call).isNotDone();
		late.run();
		release.tryEmitEmpty();
		assertThat(call).isDone();
		late.run();
		assertThat(started).isFalse();
		assertThat(refused).hasSize(3);
		assertThat(refused.get(0)).contains("has not begun").contains("in its body");
		assertThat(refused.get(1)).contains("is ending").contains("'group task'");
	}

	// An error and an outside cancel.

	@Test
	@Case(147)
	void aScopeCancelledWhileItsInnerGroupFailsStaysCancelled() {
		Sinks.Empty<Void> release = Sinks.empty();
		Recording slow = held("slow");
		slow.release = release.asMono();
		AtomicReference<Scope> around = new AtomicReference<>();
		AtomicBoolean wentOn = new AtomicBoolean();
		CompletableFuture<Object> call = this.scopes.with(ScopeSpec.of("outer").entering(this.outer), (scope) -> {
			around.set(scope);
			return this.scopes.group((group) -> {
				group.start(holding(slow), (task) -> Mono.never());
				group.start(this.gate.asMono());
				return Mono.never();
			}).onErrorResume((error) -> Mono.fromRunnable(() -> wentOn.set(true)));
		}).toFuture();
		this.gate.tryEmitError(this.error);
		around.get().cancel("from outside");
		assertThat(call).isNotDone();
		release.tryEmitEmpty();
		Throwable heard = call.handle((value, error) -> error).join();
		assertThat(heard).isInstanceOf(ScopeClosedException.class).hasMessageContaining("from outside");
		assertThat(wentOn).isFalse();
		// Its own caller was gone, the one around was not.
		assertThat(heard).hasSuppressedException(this.error);
		assertThat(this.told.undelivered).isEmpty();
		assertThat(this.events).endsWith("release outer cancelled: from outside");
	}

	@Test
	@Case(147)
	void aFutureCancelledWhileItsGroupFailsStaysCancelled() {
		Sinks.Empty<Void> release = Sinks.empty();
		Recording slow = held("slow");
		slow.release = release.asMono();
		CompletableFuture<String> call = this.scopes.withFuture(ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(holding(slow), (task) -> Mono.never());
			scope.tasks().start(this.gate.asMono());
			return new CompletableFuture<String>();
		});
		this.gate.tryEmitError(this.error);
		call.cancel(true);
		release.tryEmitEmpty();
		assertThat(call).isCancelled();
		assertThat(this.told.undelivered).containsExactly(this.error);
	}

	@Test
	@Case(147)
	void aThreadInterruptedWhileItsGroupFailsHearsTheErrorAndStaysInterrupted() throws Exception {
		Sinks.Empty<Void> release = Sinks.empty();
		Recording slow = held("slow");
		slow.release = release.asMono();
		AtomicReference<ScopeTasks> group = new AtomicReference<>();
		Front.Call call = Front.BLOCKING.start(this.scopes, ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(holding(slow), (task) -> Mono.never());
			scope.tasks().start(this.gate.asMono());
			group.set((ScopeTasks) scope.tasks());
			return Mono.just("value");
		});
		org.awaitility.Awaitility.await().atMost(LIMIT).until(() -> group.get() != null && group.get().bodyDone);
		this.gate.tryEmitError(this.error);
		call.cancel();
		release.tryEmitEmpty();
		assertThat(call.error()).isSameAs(this.error);
		org.awaitility.Awaitility.await().atMost(LIMIT).until(() -> call.interruptedAtEnd);
	}

	@Test
	@Case(147)
	void anInnerGroupsInterruptDoesNotEatThatOfTheScopeAround() throws Exception {
		CountDownLatch inBody = new CountDownLatch(1);
		CountDownLatch meanwhile = new CountDownLatch(1);
		AtomicReference<Scope> around = new AtomicReference<>();
		CompletableFuture<String> seen = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.withBlocking(ScopeSpec.of("outer"), (outer) -> {
					around.set(outer);
					try {
						this.scopes.withBlocking(ScopeSpec.of("inner"), (inner) -> {
							inner.tasks().start(this.gate.asMono());
							inBody.countDown();
							boolean interrupted = false;
							while (meanwhile.getCount() > 0) {
								try {
									meanwhile.await();
								}
								catch (InterruptedException ex) {
									interrupted = true;
								}
							}
							return interrupted;
						});
					}
					catch (Exception ex) {
						seen.complete(ex.getMessage() + ", interrupted " + Thread.currentThread().isInterrupted());
					}
					return "ignores it all";
				});
			}
			catch (Exception ex) {
				seen.completeExceptionally(ex);
			}
		});
		caller.start();
		Front.await(inBody);
		// Two interrupts, one flag.
		this.gate.tryEmitError(this.error);
		around.get().cancel("from outside");
		meanwhile.countDown();
		assertThat(seen.get(10, java.util.concurrent.TimeUnit.SECONDS)).isEqualTo("first, interrupted true");
		caller.join(10_000);
	}

	@ParameterizedTest
	@EnumSource
	@Case({ 138, 55 })
	void aCancelWhileJoiningCancelsTheTasks(Front front) {
		CountDownLatch joining = new CountDownLatch(1);
		CountDownLatch released = new CountDownLatch(1);
		Recording slow = held("slow");
		slow.release = Mono.fromRunnable(released::countDown);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(holding(slow), (task) -> Mono.never());
			return Mono.just("value").doFinally((signal) -> joining.countDown());
		});
		Front.await(joining);
		call.cancel();
		Front.await(released);
		if (front == Front.BLOCKING) {
			assertThat(call.error()).isInstanceOf(ScopeClosedException.class);
			org.awaitility.Awaitility.await().atMost(LIMIT).until(() -> call.interruptedAtEnd);
		}
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	@Case(149)
	void aGroupCancelledByItsHandleEndsWithoutAnError(Front front) {
		AtomicReference<TaskGroup> group = new AtomicReference<>();
		CountDownLatch running = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("group").entering(this.outer), (scope) -> {
			group.set(scope.tasks());
			scope.tasks().start(holding(held("a")), (task) -> Mono.never());
			return Mono.<String>never().doOnSubscribe((subscription) -> running.countDown());
		});
		Front.await(running);
		group.get().cancel();
		group.get().cancel();
		assertThat(call.value()).isNull();
		group.get().cancel().block(LIMIT);
		assertThat(this.events).containsExactly("acquire outer", "acquire a",
				"release a cancelled: its group, 'group', ended", "release outer cancelled: by its group");
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(149)
	void aGroupCancelledBeforeItsBodyBeginsEndsWithoutAnError() {
		AtomicBoolean begun = new AtomicBoolean();
		this.outer.acquisition = TaskGroup.current().map((group) -> {
			group.cancel();
			return "outer";
		});
		Mono<Object> call = this.scopes.group(ScopeSpec.of("group").entering(this.outer), TaskPolicy.failTogether(),
				(group) -> Mono.fromRunnable(() -> begun.set(true)));
		assertThat(call.blockOptional(LIMIT)).isEmpty();
		assertThat(begun).isFalse();
		assertThat(this.scopes.<String>group((group) -> {
			group.cancel();
			return Mono.just("never asked for");
		}).blockOptional(LIMIT)).isNotNull();
	}

	@Test
	@Case(150)
	void nothingIsKeptOfTasksThatHaveEnded() throws Exception {
		Scope scope = this.scopes.open("server");
		TaskGroup group = scope.tasks();
		List<WeakReference<Object>> kept = new ArrayList<>();
		for (int i = 0; i < 1_000_000; i++) {
			Object value = (i % 1000 == 0) ? new Object() : "x";
			Task<Object> task = group.start(Mono.just(value));
			if (i % 1000 == 0) {
				kept.add(new WeakReference<>(value));
				kept.add(new WeakReference<>(task));
				kept.add(new WeakReference<>(task.scope()));
			}
		}
		assertThat(group.running()).isZero();
		for (int i = 0; i < 50 && kept.stream().anyMatch((reference) -> reference.get() != null); i++) {
			System.gc();
		}
		assertThat(kept).allMatch((reference) -> reference.get() == null);
		scope.close().block(LIMIT);
	}

	@Test
	@Case(150)
	void aScopeByHandIsClosedAfterItsTasksAndCancelledWithThem() {
		Scope closed = this.scopes.open("closed");
		closed.tasks().start(this.gate.asMono());
		CompletableFuture<Void> end = closed.close().toFuture();
		assertThat(end).isNotDone();
		this.gate.tryEmitValue("x");
		assertThat(end).isCompleted();
		Scope cancelled = this.scopes.open("cancelled");
		Task<Object> task = cancelled.tasks().start(Mono.never());
		cancelled.cancel("enough").block(LIMIT);
		assertThat(task.exit()).isInstanceOf(Exit.Cancelled.class);
	}

	@Test
	@Case(151)
	void aSupervisorGoesOnWhenATaskFails() {
		AtomicReference<Task<String>> survivor = new AtomicReference<>();
		List<Throwable> asked = new ArrayList<>();
		CompletableFuture<String> call = this.scopes
			.<String>group(ScopeSpec.of("group"), TaskPolicy.supervising(), (group) -> {
				survivor.set(group.start(this.gate.asMono()));
				group.start(Mono.error(this.error));
				Sinks.One<String> failing = Sinks.one();
				group.start(failing.asMono()).result().subscribe((value) -> {
				}, asked::add);
				failing.tryEmitError(new IOException("asked for"));
				return Mono.just("value");
			})
			.toFuture();
		assertThat(survivor.get().exit()).isNull();
		assertThat(call).isNotDone();
		// Nobody had asked for its result.
		assertThat(this.told.undelivered).containsExactly(this.error);
		assertThat(asked).singleElement().isInstanceOf(IOException.class);
		this.gate.tryEmitValue("x");
		assertThat(call).isCompletedWithValue("value");
	}

	@Test
	@Case(151)
	void aSupervisorsOwnEndCancelsItsTasksAsConfigured() {
		CompletableFuture<String> failing = this.scopes
			.<String>group(ScopeSpec.of("failing"), TaskPolicy.supervising(), (group) -> {
				group.start(holding(held("a")), (task) -> Mono.never());
				return Mono.error(this.error);
			})
			.toFuture();
		assertThat(failing).isCompletedExceptionally();
		Disposable cancelled = this.scopes.group(ScopeSpec.of("cancelled"), TaskPolicy.supervising(), (group) -> {
			group.start(holding(held("b")), (task) -> Mono.never());
			return Mono.never();
		}).subscribe();
		cancelled.dispose();
		CompletableFuture<String> completed = this.scopes
			.<String>group(ScopeSpec.of("completed"), TaskPolicy.supervising().cancelRest(), (group) -> {
				group.start(holding(held("c")), (task) -> Mono.never());
				return Mono.just("value");
			})
			.toFuture();
		assertThat(completed).isCompletedWithValue("value");
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: its group, 'failing', ended",
				"acquire b", "release b cancelled: its group, 'cancelled', ended", "acquire c",
				"release c cancelled: its group, 'completed', ended");
	}

	@Test
	@Case({ 70, 139 })
	void tenThousandStuckTasksShareOneLimit() {
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			for (int i = 0; i < 10_000; i++) {
				group.start(this.scopes.with(ScopeSpec.of("stuck").shielded(), (shield) -> Mono.never()));
			}
			group.start(this.gate.asMono());
			return Mono.never();
		}).toFuture();
		this.gate.tryEmitError(this.error);
		assertThat(call).isNotDone();
		this.time.advanceTimeBy(Duration.ofSeconds(2));
		assertThat(call).isDone();
		assertThat(this.error.getSuppressed()).isNotEmpty().allMatch(ReleaseTimeoutException.class::isInstance);
		assertThat(this.told.outlived).hasSizeGreaterThanOrEqualTo(10_000);
	}

	@Test
	@Case({ 92, 138 })
	void tasksSeeTheGroupsContextAndDeadline() {
		List<Object> seen = new ArrayList<>();
		this.scopes.group(ScopeSpec.of("group").timeout(Duration.ofSeconds(5)), TaskPolicy.failTogether(), (group) -> {
			group.start(ScopeSpec.of("task").timeout(Duration.ofMinutes(1)),
					(task) -> Mono.deferContextual((context) -> {
						seen.add(context.get("tenant"));
						seen.add(task.parent());
						seen.add(task.remaining().orElseThrow());
						seen.add(task.state());
						return Mono.empty();
					}));
			seen.add(group.scope());
			return Mono.empty();
		}).contextWrite(Context.of("tenant", "blue")).block(LIMIT);
		assertThat(seen).containsExactly("blue", seen.get(4), Duration.ofSeconds(5), Scope.State.RUNNING, seen.get(4));
	}

	@Test
	@Case(81)
	void aDeadlinePassesWhileTheGroupJoins() {
		CompletableFuture<String> call = this.scopes
			.<String>group(ScopeSpec.of("group").timeout(Duration.ofSeconds(5)), TaskPolicy.failTogether(), (group) -> {
				group.start(holding(held("a")), (task) -> Mono.never());
				return Mono.just("value");
			})
			.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(call.handle((value, heard) -> heard).join()).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: its group, 'group', ended");
	}

	@EventLoop
	@Test
	@Case(100)
	void aLimitLetsSoManyTasksRunAtOnce() {
		List<Sinks.One<String>> gates = new ArrayList<>();
		CompletableFuture<String> call = this.scopes
			.<String>group(ScopeSpec.of("group"), TaskPolicy.failTogether().limit(2), (group) -> {
				for (int i = 0; i < 5; i++) {
					group.start(ScopeSpec.of("task"), (task) -> {
						Sinks.One<String> one = Sinks.one();
						gates.add(one);
						return one.asMono();
					});
				}
				return Mono.just("value");
			})
			.toFuture();
		assertThat(gates).hasSize(2);
		assertThat(this.scopes.openScopes()).filteredOn(Scope::isWaiting).hasSize(3);
		gates.get(1).tryEmitEmpty();
		assertThat(gates).hasSize(3);
		for (int i = 0; i < 5; i++) {
			gates.get(i).tryEmitEmpty();
		}
		assertThat(call).isCompletedWithValue("value");
		assertThatIllegalArgumentException().isThrownBy(() -> TaskPolicy.supervising().limit(0))
			.withMessageContaining("give 1 or more");
	}

	@Test
	@Case(12)
	void valuesOfAFluxPassWhileItsEndWaitsForTheTasks() {
		List<String> seen = new ArrayList<>();
		this.scopes.<String>withMany(ScopeSpec.of("group"), (scope) -> {
			scope.tasks().start(this.gate.asMono());
			return Flux.just("a", "b");
		}).doOnComplete(() -> seen.add("end")).subscribe(seen::add);
		assertThat(seen).containsExactly("a", "b");
		this.gate.tryEmitValue("x");
		assertThat(seen).containsExactly("a", "b", "end");
	}

}
