package io.scopedasync;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What a scope holds while it changes hands: to a new owner, or back.
 */
@Timeout(360)
class UnwindingRaceTests {

	private static final int ROUNDS = 5_000;

	private final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	/** The common pool has a single thread on a machine with two processors. */
	private static final Executor OWN_THREAD = (task) -> new Thread(task, "racer").start();

	private final AsyncScopes scopes = AsyncScopes.builder().recorder(new ScopeRecorder() {
		@Override
		public void undelivered(String scope, Throwable error) {
			UnwindingRaceTests.this.undelivered.add(error);
		}
	}).build();

	@Test
	void whatArrivesDuringATransferIsReleasedOnce() throws Exception {
		AtomicInteger acquired = new AtomicInteger();
		AtomicInteger released = new AtomicInteger();
		List<Scope> opened = new ArrayList<>();
		AtomicInteger heard = new AtomicInteger();
		List<MonoSink<String>> sinks = new ArrayList<>();
		AsyncResource<String> resource = AsyncResource.of(() -> Mono.create(sinks::add),
				(value, exit) -> Mono.fromRunnable(() -> {
					value.length();
					released.incrementAndGet();
				}));
		for (int i = 0; i < ROUNDS; i++) {
			Scope scope = this.scopes.open("import");
			scope.enter(resource).subscribe((value) -> heard.incrementAndGet());
			opened.add(scope);
		}
		Scope[] owners = new Scope[ROUNDS];
		race((i) -> {
			acquired.incrementAndGet();
			sinks.get(i).success("connection");
		}, (i) -> owners[i] = opened.get(i).transfer());
		for (int i = 0; i < ROUNDS; i++) {
			opened.get(i).close();
			owners[i].close();
		}
		assertThat(this.undelivered).isEmpty();
		assertThat(released).hasValue(acquired.get());
		assertThat(heard).hasValue(acquired.get());
	}

	@Test
	void whoAsksWhileItIsReleasedSeesWhatWasAcquiredOrNothing() throws Exception {
		DirectResource<String> resource = new DirectResource<>("direct") {
			@Override
			protected String attempt(Waiter waiter) {
				return "held";
			}

			@Override
			protected boolean withdraw(Waiter waiter) {
				return false;
			}

			@Override
			protected void giveBack(String value) {
			}
		};
		List<Scope> opened = new ArrayList<>();
		for (int i = 0; i < ROUNDS; i++) {
			Scope scope = this.scopes.open("import");
			scope.enter(resource).subscribe();
			opened.add(scope);
		}
		List<Object> strange = new CopyOnWriteArrayList<>();
		race((i) -> opened.get(i).close(), (i) -> {
			try {
				for (Object seen = "held"; seen != null; seen = opened.get(i).find(resource)) {
					if (!"held".equals(seen)) {
						strange.add(seen);
					}
				}
			}
			catch (RuntimeException ex) {
				strange.add(ex);
			}
		});
		assertThat(strange).isEmpty();
	}

	/** Both go through all rounds, never far apart. */
	private static void race(IntConsumer one, IntConsumer other) throws Exception {
		CyclicBarrier start = new CyclicBarrier(2);
		AtomicInteger steps = new AtomicInteger();
		CompletableFuture<Void> first = CompletableFuture.runAsync(() -> walk(start, steps, one), OWN_THREAD);
		CompletableFuture<Void> second = CompletableFuture.runAsync(() -> walk(start, steps, other), OWN_THREAD);
		CompletableFuture.allOf(first, second).get(300, TimeUnit.SECONDS);
	}

	private static void walk(CyclicBarrier start, AtomicInteger steps, IntConsumer step) {
		try {
			start.await(30, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
		Random random = new Random(ROUNDS);
		for (int i = 0; i < ROUNDS; i++) {
			steps.incrementAndGet();
			for (int spins = 0; steps.get() < 2 * i + 2; spins++) {
				if (spins > 1_000) {
					Thread.yield();
				}
			}
			for (int delay = random.nextInt(300); delay > 0; delay--) {
				Thread.onSpinWait();
			}
			step.accept(i);
		}
	}

}
