package io.scopedasync;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import io.micrometer.context.ContextRegistry;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.SnapshotContextCarrier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * The kinds of tasks, and what may be waited for of them.
 */
@Timeout(60)
@ExtendWith(QuietScopes.class)
class TaskTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final ThreadLocal<@Nullable String> TENANT = new ThreadLocal<>();

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.contextCarrier(new SnapshotContextCarrier(new ContextRegistry().loadContextAccessors()
			.registerThreadLocalAccessor("tenant", TENANT::get, TENANT::set, TENANT::remove)))
		.recorder(this.told)
		.build();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final IllegalStateException error = new IllegalStateException("first");

	private final Sinks.One<String> gate = Sinks.one();

	private static Throwable errorOf(CompletableFuture<?> call) {
		return call.handle((value, error) -> error).orTimeout(20, java.util.concurrent.TimeUnit.SECONDS).join();
	}

	@Test
	@Case(138)
	void aMethodUsesTheGroupOfItsScope() throws Exception {
		assertThat(TaskGroup.current().blockOptional(LIMIT)).isEmpty();
		Task<String> task = this.scopes.withBlocking(ScopeSpec.of("method"), (scope) -> {
			TaskGroup group = TaskGroup.current().block(LIMIT);
			assertThat(group).isSameAs(scope.tasks());
			return group.startBlocking(() -> "from " + Scope.current().block(LIMIT).parent().name());
		});
		assertThat(task.exit()).isSameAs(Exit.completed());
		assertThat(task.result().block(LIMIT)).isEqualTo("from method");
		assertThat(this.scopes
			.withFuture(ScopeSpec.of("method"),
					(scope) -> TaskGroup.current()
						.map((group) -> group.startFuture(() -> CompletableFuture.completedFuture("x")))
						.flatMap(Task::result)
						.toFuture())
			.join()).isEqualTo("x");
	}

	@Test
	@Case(178)
	void tasksSeeTheThreadLocalsOfTheGroupsCall() throws Exception {
		AtomicReference<TaskGroup> group = new AtomicReference<>();
		TENANT.set("blue");
		CompletableFuture<String> call = this.scopes.<String>group((tasks) -> {
			group.set(tasks);
			return this.gate.asMono();
		}).toFuture();
		TENANT.set("stranger");
		CompletableFuture<String> seen = group.get().<String>startBlocking(TENANT::get).result().toFuture();
		assertThat(seen.get(10, java.util.concurrent.TimeUnit.SECONDS)).isEqualTo("blue");
		assertThat(group.get()
			.<String>startFuture(() -> CompletableFuture.completedFuture(TENANT.get()))
			.result()
			.block(LIMIT)).isEqualTo("blue");
		assertThat(TENANT.get()).isEqualTo("stranger");
		TENANT.remove();
		this.gate.tryEmitValue("x");
		assertThat(call).isCompletedWithValue("x");
	}

	@Test
	@Case({ 79, 139 })
	void aBlockingTaskIsInterruptedAndLeftBeforeAnythingIsReleased() {
		CountDownLatch inside = new CountDownLatch(1);
		CountDownLatch leave = new CountDownLatch(1);
		Recording outer = new Recording("outer", this.events);
		CompletableFuture<Object> call = this.scopes
			.group(ScopeSpec.of("group").entering(outer), TaskPolicy.failTogether(), (group) -> {
				group.startBlocking(() -> {
					inside.countDown();
					boolean interrupted = false;
					while (leave.getCount() > 0) {
						try {
							leave.await();
						}
						catch (InterruptedException ex) {
							interrupted = true;
						}
					}
					// It may come between two looks of a latch that is open by then.
					interrupted |= Thread.interrupted();
					this.events.add("leaves, interrupted " + interrupted);
					throw new IOException("on the way out");
				});
				group.start(this.gate.asMono());
				return Mono.never();
			})
			.toFuture();
		Front.await(inside);
		this.gate.tryEmitError(this.error);
		assertThat(call).isNotDone();
		leave.countDown();
		assertThat(errorOf(call)).isSameAs(this.error);
		assertThat(this.error.getSuppressed()).singleElement().isInstanceOf(IOException.class);
		assertThat(this.events).containsExactly("acquire outer", "leaves, interrupted true",
				"release outer failed: " + this.error);
	}

	@Test
	@Case(140)
	void anInterruptIsNoErrorOfItsOwn() {
		CountDownLatch inside = new CountDownLatch(1);
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			group.startBlocking(() -> {
				inside.countDown();
				new CountDownLatch(1).await();
				return "never";
			});
			group.start(this.gate.asMono());
			return Mono.never();
		}).toFuture();
		Front.await(inside);
		this.gate.tryEmitError(this.error);
		assertThat(errorOf(call)).isSameAs(this.error).hasNoSuppressedExceptions();
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(141)
	void futuresAreCancelledWithTheirTask() {
		CompletableFuture<String> future = new CompletableFuture<>();
		this.scopes.group((group) -> {
			Task<String> task = group.startFuture(() -> future);
			task.cancel("not needed");
			return Mono.empty();
		}).block(LIMIT);
		assertThat(future).isCancelled();
		IOException failed = new IOException("failed");
		assertThat(errorOf(this.scopes.group((group) -> {
			group.startFuture(() -> CompletableFuture.failedFuture(failed).thenApply((value) -> value));
			return Mono.never();
		}).toFuture())).isSameAs(failed);
	}

	@Test
	@Case(109)
	void tasksHoldResourcesOfTheirOwn() {
		Limiter limiter = Limiter.builder("limit").permits(1).build();
		List<Integer> at = new ArrayList<>();
		this.scopes.group((group) -> {
			for (int i = 0; i < 3; i++) {
				group.start(ScopeSpec.of("fetch").entering(limiter), (task) -> {
					at.add(limiter.statistics().borrowed());
					return Mono.empty();
				});
			}
			return Mono.empty();
		}).block(LIMIT);
		assertThat(at).containsExactly(1, 1, 1);
		assertThat(limiter.statistics().borrowed()).isZero();
	}

	// Until ready.

	@Test
	@Case(152)
	void theStarterGetsTheValueOnceTheTaskIsReady() {
		AtomicReference<Consumer<? super String>> ready = new AtomicReference<>();
		List<String> seen = new ArrayList<>();
		CompletableFuture<Object> call = this.scopes
			.group((group) -> group.<String>startReady(ScopeSpec.of("server"), (becomesReady) -> {
				ready.set(becomesReady);
				return this.gate.asMono();
			}).doOnNext(seen::add).then(Mono.never()))
			.toFuture();
		assertThat(seen).isEmpty();
		ready.get().accept("port 80");
		assertThat(seen).containsExactly("port 80");
		assertThatIllegalStateException().isThrownBy(() -> ready.get().accept("again"))
			.withMessageContaining("'server'");
		assertThat(call).isNotDone();
		// Afterwards its error is the group's.
		this.gate.tryEmitError(this.error);
		assertThat(errorOf(call)).isSameAs(this.error);
	}

	@Test
	@Case(152)
	void theStarterGetsTheErrorOfATaskThatIsNeverReady() {
		List<Throwable> heard = new ArrayList<>();
		String value = this.scopes.<String>group((group) -> {
			Mono<Object> failing = group.startReady(ScopeSpec.of("failing"), (ready) -> Mono.error(this.error));
			Mono<Object> ending = group.startReady(ScopeSpec.of("ending"), (ready) -> Mono.empty());
			return failing.doOnError(heard::add)
				.onErrorResume((error) -> ending)
				.doOnError(heard::add)
				.onErrorResume((error) -> Mono.empty())
				.thenReturn("went on");
		}).block(LIMIT);
		assertThat(value).isEqualTo("went on");
		assertThat(heard.get(0)).isSameAs(this.error);
		assertThat(heard.get(1)).isInstanceOf(IllegalStateException.class).hasMessageContaining("without being ready");
	}

	@Test
	@Case(152)
	void aStarterThatGoesAwayTakesTheTaskWithIt() {
		AtomicReference<Disposable> starter = new AtomicReference<>();
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			starter.set(
					group
						.startReady(ScopeSpec.of("server").entering(new Recording("held", this.events)),
								(ready) -> Mono.never())
						.subscribe());
			return Mono.empty();
		}).toFuture();
		assertThat(call).isNotDone();
		starter.get().dispose();
		assertThat(call).isCompleted();
		assertThat(this.events).hasSize(2).last().asString().contains("went away");
	}

	// Joiners.

	private <R> CompletableFuture<R> join(Joiner<String, R> joiner, List<? extends Mono<String>> work) {
		return this.scopes.<R>group((group) -> group.join(joiner, work)).toFuture();
	}

	/** A task that never ends by itself, and ends slowly when cancelled. */
	private Mono<String> stuck(Mono<Void> release) {
		Recording held = new Recording("held", this.events);
		held.release = release;
		return this.scopes.use(held, (value) -> Mono.never());
	}

	@Test
	@Case({ 153, 138 })
	void gatherBringsAllInTheOrderOfTheWork() {
		Sinks.One<String> first = Sinks.one();
		CompletableFuture<List<String>> call = join(Joiner.all(),
				List.of(first.asMono(), Mono.just("b"), Mono.empty(), Mono.just("d")));
		assertThat(call).isNotDone();
		first.tryEmitValue("a");
		assertThat(call).isCompletedWithValue(List.of("a", "b", "d"));
		assertThat(join(Joiner.<String>all(), List.of())).isCompletedWithValue(List.of());
	}

	@Test
	void tasksOfAJoinShareAName() {
		List<Sinks.One<String>> gates = List.of(Sinks.one(), Sinks.one(), Sinks.one());
		CompletableFuture<List<String>> waiting = join(Joiner.all(), gates.stream().map(Sinks.One::asMono).toList());
		assertThat(this.scopes.openScopes()).extracting(Scope::name)
			.containsExactly("group", "group join", "group join task", "group join task", "group join task");
		gates.forEach((gate) -> gate.tryEmitValue("done"));
		assertThat(waiting).isCompletedWithValue(List.of("done", "done", "done"));
	}

	@Test
	@Case(153)
	void gatherOfTenThousand() {
		List<Integer> expected = IntStream.range(0, 10_000).boxed().toList();
		List<Sinks.One<Integer>> gates = expected.stream().map((i) -> Sinks.<Integer>one()).toList();
		CompletableFuture<List<Integer>> waiting = this.scopes
			.<List<Integer>>group((group) -> group.gather(gates.stream().map(Sinks.One::asMono).toList()))
			.toFuture();
		assertThat(this.scopes.openScopes()).hasSizeGreaterThan(10_000);
		for (int i = 9_999; i >= 0; i--) {
			gates.get(i).tryEmitValue(i);
		}
		assertThat(waiting).isCompletedWithValue(expected);
		AtomicInteger atOnce = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		List<Mono<Integer>> work = expected.stream().map((i) -> Mono.fromFuture(() -> {
			most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
			return CompletableFuture.supplyAsync(() -> {
				atOnce.decrementAndGet();
				return i;
			});
		})).toList();
		assertThat(this.scopes.<List<Integer>>group((group) -> group.gather(8, work)).block(LIMIT)).isEqualTo(expected);
		assertThat(most.get()).isBetween(1, 8);
	}

	@Test
	@Case({ 153, 139 })
	void theFirstFailureFailsAGatherAndItsGroupMayGoOn() {
		Sinks.Empty<Void> release = Sinks.empty();
		CompletableFuture<String> call = this.scopes
			.<String>group((group) -> group.gather(List.of(stuck(release.asMono()), this.gate.asMono()))
				.map(Object::toString)
				.onErrorResume((error) -> Mono.just("handled " + error.getMessage())))
			.toFuture();
		this.gate.tryEmitError(this.error);
		assertThat(call).isNotDone();
		assertThat(this.events).hasSize(2);
		release.tryEmitEmpty();
		assertThat(call).isCompletedWithValue("handled first");
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(153)
	void theFirstSuccessWinsAfterTheRestHasReleased() {
		Sinks.Empty<Void> release = Sinks.empty();
		AtomicBoolean started = new AtomicBoolean();
		CompletableFuture<String> call = join(Joiner.firstSuccess(),
				List.of(stuck(release.asMono()), Mono.error(this.error), Mono.just("b"), Mono.fromCallable(() -> {
					started.set(true);
					return "d";
				})));
		assertThat(call).isNotDone();
		release.tryEmitEmpty();
		assertThat(call).isCompletedWithValue("b");
		assertThat(started).isFalse();
		IOException second = new IOException("second");
		assertThat(errorOf(join(Joiner.firstSuccess(), List.of(Mono.error(this.error), Mono.error(second)))))
			.isSameAs(this.error);
		assertThat(this.error.getSuppressed()).containsExactly(second);
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(153)
	void soManyOfThemAreEnough() {
		assertThat(join(Joiner.successes(2),
				List.of(Mono.never(), Mono.just("b"), Mono.error(this.error), Mono.just("d"), Mono.never())))
			.isCompletedWithValue(List.of("b", "d"));
		// One failure too many.
		assertThat(errorOf(join(Joiner.successes(2), List.of(Mono.never(), Mono.error(this.error)))))
			.isSameAs(this.error);
		assertThat(errorOf(join(Joiner.successes(2), List.of(Mono.just("a")))))
			.isInstanceOf(NoSuchElementException.class);
		assertThatIllegalArgumentException().isThrownBy(() -> Joiner.successes(0));
	}

	@Test
	@Case(153)
	void whatIsThereAtTheDeadline() {
		Sinks.Empty<Void> release = Sinks.empty();
		CompletableFuture<List<String>> call = join(Joiner.<String>all().within(Duration.ofSeconds(1)),
				List.of(stuck(release.asMono()), Mono.just("b"), this.gate.asMono(), Mono.never()));
		this.gate.tryEmitValue("c");
		this.time.advanceTimeBy(Duration.ofMillis(999));
		assertThat(this.events).hasSize(1);
		this.time.advanceTimeBy(Duration.ofMillis(1));
		assertThat(call).isNotDone();
		release.tryEmitEmpty();
		assertThat(call).isCompletedWithValue(List.of("b", "c"));
		CompletableFuture<String> none = join(Joiner.<String>firstSuccess().within(Duration.ofSeconds(1)),
				List.of(Mono.never()));
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(errorOf(none)).isInstanceOf(NoSuchElementException.class).hasMessageContaining("in time");
	}

	@Test
	@Case(153)
	void whoStopsWaitingForAJoinCancelsItsTasks() {
		AtomicReference<Disposable> waiting = new AtomicReference<>();
		CompletableFuture<Object> call = this.scopes.group((group) -> {
			waiting.set(group.gather(List.of(stuck(Mono.empty()), stuck(Mono.empty()))).subscribe());
			return Mono.empty();
		}).toFuture();
		assertThat(call).isNotDone();
		waiting.get().dispose();
		assertThat(call).isCompleted();
		assertThat(this.events).hasSize(4);
		assertThat(this.told.undelivered).isEmpty();
	}

}
