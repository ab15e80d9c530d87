package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Hooks;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Groups of tasks, with everything done to them at random and at once: failures, cancels
 * of tasks, group and caller, late starts.
 */
@Timeout(360)
class TaskGroupRaceTests {

	private static final int RUNS = 200_000;

	private static final int BATCH = 500;

	private final long seed = System.nanoTime();

	private final Random random = new Random(this.seed);

	private final Set<Throwable> heard = Collections
		.synchronizedSet(Collections.newSetFromMap(new IdentityHashMap<>()));

	private final ConcurrentLinkedQueue<Throwable> thrown = new ConcurrentLinkedQueue<>();

	private final AtomicInteger held = new AtomicInteger();

	private final AtomicInteger runs = new AtomicInteger();

	private final AsyncScopes scopes = AsyncScopes.builder().recorder(new ScopeRecorder() {
		@Override
		public void undelivered(String scope, Throwable error) {
			hear(error);
		}
	}).build();

	private final AsyncResource<Integer> resource = AsyncResource.closing(
			() -> Mono.fromCallable(this.held::incrementAndGet),
			(value) -> Mono.fromRunnable(this.held::decrementAndGet));

	private void hear(Throwable error) {
		this.heard.add(error);
	}

	/** With what was added to those heard, be it a moment later. */
	private static void collect(Throwable error, Set<Throwable> all) {
		if (all.add(error)) {
			for (Throwable suppressed : error.getSuppressed()) {
				collect(suppressed, all);
			}
		}
	}

	@Test
	@Case({ 138, 139, 140, 141, 145, 149, 177 })
	void noTaskOutlivesItsGroupAndNoErrorIsLost() throws Exception {
		System.out.println("seed " + this.seed);
		((Logger) ScopeMachine.logger).setLevel(Level.OFF);
		Hooks.onErrorDropped(this::hear);
		try {
			while (this.runs.get() < RUNS) {
				batch();
			}
		}
		finally {
			Hooks.resetOnErrorDropped();
			((Logger) ScopeMachine.logger).setLevel(null);
		}
	}

	private void batch() throws Exception {
		List<Round> rounds = new ArrayList<>();
		for (int i = 0; i < BATCH; i++) {
			rounds.add(new Round());
		}
		AtomicInteger one = new AtomicInteger();
		AtomicInteger other = new AtomicInteger();
		CompletableFuture<Void> first = CompletableFuture.runAsync(() -> walk(rounds, 0, one, other),
				(task) -> new Thread(task, "racer").start());
		walk(rounds, 1, other, one);
		first.get(300, TimeUnit.SECONDS);
		for (Round round : rounds) {
			round.finish();
		}
		assertThat(this.scopes.openScopes()).as("open, seed %d", this.seed).isEmpty();
		assertThat(this.held).as("held, seed %d", this.seed).hasValue(0);
		Set<Throwable> all = Collections.newSetFromMap(new IdentityHashMap<>());
		this.heard.forEach((error) -> collect(error, all));
		assertThat(this.thrown).as("lost, seed %d", this.seed).filteredOn((error) -> !all.contains(error)).isEmpty();
		this.thrown.clear();
		this.heard.clear();
	}

	/** Never far apart. */
	private static void walk(List<Round> rounds, int half, AtomicInteger mine, AtomicInteger others) {
		for (Round round : rounds) {
			while (others.get() < mine.get()) {
				Thread.yield();
			}
			for (int i = half; i < round.actions.size(); i += 2) {
				round.actions.get(i).run();
			}
			mine.incrementAndGet();
		}
	}

	/** What ends when it is told to, once, whether or not anybody still wants to know. */
	private final class Manual extends Mono<String> implements Subscription {

		private volatile CoreSubscriber<? super String> actual;

		private final AtomicBoolean ended = new AtomicBoolean();

		@Override
		public void subscribe(CoreSubscriber<? super String> actual) {
			actual.onSubscribe(this);
			this.actual = actual;
		}

		void fail() {
			CoreSubscriber<? super String> actual = this.actual;
			if (actual != null && this.ended.compareAndSet(false, true)) {
				Throwable error = new RuntimeException("expected", null, true, false) {
					private static final long serialVersionUID = 1L;

				};
				TaskGroupRaceTests.this.thrown.add(error);
				actual.onError(error);
			}
		}

		void complete() {
			CoreSubscriber<? super String> actual = this.actual;
			if (actual != null && this.ended.compareAndSet(false, true)) {
				actual.onNext("x");
				actual.onComplete();
			}
		}

		@Override
		public void request(long n) {
		}

		@Override
		public void cancel() {
		}

	}

	private final class Round {

		final List<Runnable> actions = new ArrayList<>();

		private final List<Manual> manuals = Collections.synchronizedList(new ArrayList<>());

		private final List<Task<?>> tasks = Collections.synchronizedList(new ArrayList<>());

		private final AtomicReference<ScopeTasks> group = new AtomicReference<>();

		private final AtomicBoolean told = new AtomicBoolean();

		private volatile boolean callerGone;

		Round() {
			Random random = TaskGroupRaceTests.this.random;
			TaskPolicy policy = random.nextInt(4) == 0 ? TaskPolicy.supervising() : TaskPolicy.failTogether();
			policy = random.nextInt(3) == 0 ? policy.cancelRest() : policy;
			TaskPolicy chosen = random.nextInt(4) == 0 ? policy.limit(2) : policy;
			Manual body = manual();
			int count = 2 + random.nextInt(4);
			boolean nested = random.nextInt(4) == 0;
			Runnable cancel = open(random.nextInt(3), (scope) -> {
				ScopeTasks tasks = ((RunningScope) scope).tasks(chosen);
				this.group.set(tasks);
				for (int i = 0; i < count; i++) {
					start(tasks, nested && i == 0);
				}
				return body;
			});
			int some = 1 + random.nextInt(5);
			for (int i = 0; i < some; i++) {
				this.actions.add(action(random, cancel));
			}
		}

		private Manual manual() {
			Manual manual = new Manual();
			this.manuals.add(manual);
			return manual;
		}

		private void start(ScopeTasks tasks, boolean nested) {
			Manual work = manual();
			TaskGroupRaceTests.this.runs.incrementAndGet();
			try {
				this.tasks.add(tasks.start(ScopeSpec.of("task").entering(TaskGroupRaceTests.this.resource), (scope) -> {
					if (nested) {
						start((ScopeTasks) scope.tasks(), false);
						start((ScopeTasks) scope.tasks(), false);
					}
					return work;
				}));
			}
			catch (ScopeClosedException ex) {
				assertThat(work.actual).isNull();
			}
		}

		private Runnable open(int front, java.util.function.Function<Scope, Mono<String>> body) {
			ScopeSpec spec = ScopeSpec.of("group").entering(TaskGroupRaceTests.this.resource);
			if (front == 2) {
				CompletableFuture<String> call = TaskGroupRaceTests.this.scopes.withFuture(spec, (scope) -> {
					CompletableFuture<String> future = new CompletableFuture<>();
					body.apply(scope).subscribe(future::complete, (error) -> {
						if (!future.completeExceptionally(error)) {
							// Nobody but the future's owner could know of it.
							hear(error);
						}
					});
					return future;
				});
				call.whenComplete((value, error) -> tell(error));
				return () -> call.cancel(true);
			}
			BaseSubscriber<String> subscriber = new BaseSubscriber<>() {
				@Override
				protected void hookOnComplete() {
					tell(null);
				}

				@Override
				protected void hookOnError(Throwable error) {
					tell(error);
				}
			};
			if (front == 0) {
				TaskGroupRaceTests.this.scopes.with(spec, body).subscribe(subscriber);
			}
			else {
				TaskGroupRaceTests.this.scopes.withMany(spec, body).subscribe(subscriber);
			}
			return subscriber::cancel;
		}

		private void tell(Throwable error) {
			this.told.set(true);
			if (error != null) {
				hear(error);
			}
		}

		private Runnable action(Random random, Runnable cancel) {
			int which = random.nextInt();
			return switch (random.nextInt(12)) {
				case 0 -> () -> this.group.get().cancel();
				case 1 -> () -> {
					this.callerGone = true;
					cancel.run();
				};
				case 2 -> () -> start(this.group.get(), false);
				case 3, 4 -> () -> any(this.tasks, which).cancel("race");
				case 5, 6 -> () -> any(this.manuals, which).complete();
				case 7 -> () -> this.manuals.get(0).complete();
				default -> () -> any(this.manuals, which).fail();
			};
		}

		private <T> T any(List<T> list, int which) {
			return list.get(Math.floorMod(which, list.size()));
		}

		/** What was left alone ends well, one after the other where there is a limit. */
		void finish() {
			ScopeTasks group = this.group.get();
			// The next one begins on another thread.
			Awaitility.await("group, seed " + TaskGroupRaceTests.this.seed)
				.pollInterval(Duration.ofMillis(1))
				.until(() -> {
					new ArrayList<>(this.manuals).forEach(Manual::complete);
					return group.scope.state() == Scope.State.CLOSED && (this.told.get() || this.callerGone)
							&& this.tasks.stream().allMatch((task) -> task.exit() != null);
				});
			assertThat(group.running()).isZero();
			assertThat(this.told.get() || this.callerGone).as("caller told, seed %d", TaskGroupRaceTests.this.seed)
				.isTrue();
			for (Task<?> task : this.tasks) {
				assertThat(task.exit()).as("exit, seed %d", TaskGroupRaceTests.this.seed).isNotNull();
				assertThat(task.scope().state()).isEqualTo(Scope.State.CLOSED);
			}
		}

	}

}
