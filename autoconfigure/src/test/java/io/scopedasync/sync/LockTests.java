package io.scopedasync.sync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.scopedasync.EventLoop;
import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.ScopeWatcher;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * The lock's promises, one by one.
 */
@Timeout(60)
@EventLoop
class LockTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<String> order = new CopyOnWriteArrayList<>();

	private final AtomicInteger twice = new AtomicInteger();

	private final Lock lock = Lock.builder("account").watcher(new ScopeWatcher() {
		@Override
		public void releasedTwice(String resource) {
			assertThat(resource).isEqualTo("account");
			LockTests.this.twice.incrementAndGet();
		}
	}).build();

	@EventLoop(false)
	@Test
	@Case(121)
	void oneIsInsideAtATimeInOrderOfArrival() {
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		List<Integer> entered = new CopyOnWriteArrayList<>();
		Flux.range(0, 100).flatMap((i) -> this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> {
			entered.add(i);
			most.accumulateAndGet(inside.incrementAndGet(), Math::max);
		}).then(Mono.delay(Duration.ofMillis(1))).doOnTerminate(inside::decrementAndGet)), 100).blockLast(LIMIT);
		assertThat(most).hasValue(1);
		assertThat(entered).containsExactlyElementsOf(IntStream.range(0, 100).boxed().toList());
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(121)
	void allKindsOfCallersShareOneOrder() throws Exception {
		Hold held = this.lock.tryAcquire();
		int callers = 12;
		CountDownLatch ends = new CountDownLatch(callers);
		for (int i = 0; i < callers; i++) {
			String number = String.valueOf(i);
			switch (i % 4) {
				case 0 -> this.scopes.use(this.lock, (hold) -> Mono.fromCallable(() -> this.order.add(number)))
					.doFinally((signal) -> ends.countDown())
					.subscribe();
				case 1 -> this.scopes.useMany(this.lock, (hold) -> Mono.fromCallable(() -> this.order.add(number)))
					.doFinally((signal) -> ends.countDown())
					.subscribe();
				case 2 -> this.scopes
					.useFuture(this.lock, (hold) -> CompletableFuture.supplyAsync(() -> this.order.add(number)))
					.whenComplete((value, error) -> ends.countDown());
				default -> startThread(() -> {
					this.scopes.useBlocking(this.lock, (hold) -> this.order.add(number));
					ends.countDown();
				});
			}
			awaitWaiting(i + 1);
		}
		held.close();
		assertThat(ends.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(this.order)
			.containsExactlyElementsOf(IntStream.range(0, callers).mapToObj(String::valueOf).toList());
	}

	@Test
	@Case(122)
	void aHoldIsGivenBackByItsOwnerAndOnce() {
		Hold hold = this.lock.tryAcquire();
		hold.close();
		assertThatIllegalStateException().isThrownBy(hold::close).withMessageContaining("'account'");
		assertThat(this.twice).hasValue(1);
		Hold other = this.lock.tryAcquire();
		// The hold of before is not that of now.
		assertThatIllegalStateException().isThrownBy(hold::close);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.lock.release(hold, Exit.completed()).as(EventLoop.Loop::await));
		assertThat(this.lock.statistics().held()).isTrue();
		other.close();
		this.scopes.use(this.lock, (held) -> {
			assertThatIllegalStateException().isThrownBy(held::close).withMessageContaining("belongs to a scope");
			assertThat(this.lock.statistics().held()).isTrue();
			return Mono.empty();
		}).as(EventLoop.Loop::await);
		assertThat(this.twice).hasValue(4);
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(122)
	void theHoldOfOneLockDoesNotOpenAnother() {
		Lock other = Lock.builder("other").build();
		Hold mine = this.lock.tryAcquire();
		Hold theirs = other.tryAcquire();
		assertThatIllegalStateException()
			.isThrownBy(() -> other.release(mine, Exit.completed()).as(EventLoop.Loop::await))
			.withMessageContaining("'account'")
			.withMessageContaining("'other'");
		assertThat(other.statistics().held()).isTrue();
		theirs.close();
		mine.close();
	}

	@EventLoop(false)
	@Test
	@Case(122)
	void takenAgainByItsOwnerItFailsAtOnce() throws Exception {
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes
				.use(this.lock, (outer) -> this.scopes.use(this.lock, (inner) -> Mono.just("both")))
				.as(EventLoop.Loop::await))
			.withMessageContaining("'account' is held already by scope 'account' around this one");
		// Nor is there a fresh one.
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes
				.use(this.lock, (outer) -> this.scopes.use(this.lock.fresh(), (inner) -> Mono.just("both")))
				.as(EventLoop.Loop::await))
			.withMessageContaining("held already");
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.useBlocking(this.lock,
					(outer) -> this.scopes.useBlocking(this.lock, (inner) -> "both")))
			.withMessageContaining("held already");
		assertThatIllegalStateException()
			.isThrownBy(
					() -> this.scopes.with(ScopeSpec.of("twice").entering(this.lock), (scope) -> scope.enter(this.lock))
						.as(EventLoop.Loop::await))
			.withMessageContaining("held already by scope 'twice'");
		// It is the same one however it is seen.
		AsyncResource<String> seen = this.lock.map(Hold::toString).named("seen");
		List<List<AsyncResource<?>>> pairs = List.of(List.of(seen, seen), List.of(this.lock, seen),
				List.of(seen, this.lock), List.of(this.lock.map(Hold::toString), seen));
		for (List<AsyncResource<?>> pair : pairs) {
			assertThatIllegalStateException()
				.isThrownBy(() -> this.scopes
					.use(pair.get(0), (outer) -> this.scopes.use(pair.get(1), (inner) -> Mono.just("both")))
					.as(EventLoop.Loop::await))
				.withMessageContaining("held already");
		}
		assertThatIllegalArgumentException().isThrownBy(() -> AsyncResource.all(this.lock, seen))
			.withMessageContaining("ask for it once");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(123)
	void aReleaseThatMeetsTheCancelOfTheNextGoesToExactlyOneLater() {
		Disposable.Swap second = Disposables.swap();
		this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> {
			this.order.add("first");
			second.dispose();
		})).subscribe();
		Hold held = this.lock.tryAcquire();
		Sinks.Empty<Void> third = Sinks.empty();
		this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> {
			this.order.add("before");
			second.dispose();
		})).subscribe();
		second.update(waits("second", Sinks.empty()));
		waits("third", third);
		waits("fourth", Sinks.empty());
		held.close();
		assertThat(this.order).containsExactly("first", "before", "third");
		third.tryEmitEmpty();
		assertThat(this.order).containsExactly("first", "before", "third", "fourth");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 0));
	}

	@Test
	@Case(124)
	void handedOverItNeverLooksFree() {
		Hold held = this.lock.tryAcquire();
		this.scopes.use(this.lock, (hold) -> {
			assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 1));
			assertThat(this.lock.tryAcquire()).isNull();
			return Mono.fromRunnable(() -> this.order.add("first"));
		}).doOnTerminate(() -> {
			// Given back, and handed on at that moment.
			assertThat(this.lock.tryAcquire()).isNull();
			this.order.add("looked");
		}).subscribe();
		waits("second", Sinks.empty());
		held.close();
		assertThat(this.order).contains("first", "looked", "second").hasSize(3);
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 0));
	}

	@EventLoop(false)
	@Test
	@Case(126)
	void itIsFreeWhenTheNextStepStarts() throws Exception {
		assertThat(this.scopes.use(this.lock, (hold) -> Mono.just("x"))
			.map((value) -> this.lock.statistics().held())
			.toFuture()
			.join()).isFalse();
		assertThat(this.scopes.useMany(this.lock, (hold) -> Flux.just(1, 2))
			.then(Mono.fromCallable(() -> this.lock.statistics().held()))
			.toFuture()
			.join()).isFalse();
		assertThat(this.scopes.useFuture(this.lock, (hold) -> CompletableFuture.completedFuture("x"))
			.thenApply((value) -> this.lock.statistics().held())
			.get(30, TimeUnit.SECONDS)).isFalse();
		assertThat(this.scopes.<Hold, String>useBlocking(this.lock, (hold) -> "x")).isEqualTo("x");
		assertThat(this.lock.statistics().held()).isFalse();
	}

	@Test
	void whoHoldsAndWhoWaitsIsKnown() {
		Sinks.Empty<Void> end = Sinks.empty();
		waits("holder", end);
		Disposable waiter = waits("waiter", Sinks.empty());
		List<Scope> known = this.scopes.holders(this.lock);
		assertThat(known).hasSize(2);
		assertThat(known).filteredOn(Scope::isWaiting).hasSize(1);
		assertThat(this.lock.usage()).isEqualTo(new io.scopedasync.Measured.Usage(1, 1, 1, 0));
		assertThat(this.lock.type()).isEqualTo("lock");
		assertThat(this.lock).hasToString("lock 'account' (held, 1 waiting)");
		waiter.dispose();
		end.tryEmitEmpty();
		assertThat(this.scopes.holders(this.lock)).isEmpty();
		assertThat(this.lock).hasToString("lock 'account' (free, 0 waiting)");
	}

	@Test
	void waitersAreBoundedInNumberAndTime() {
		Lock bounded = Lock.builder("bounded")
			.maxWaiting(1)
			.acquireTimeout(Duration.ofSeconds(2))
			.leakThreshold(Duration.ofMinutes(5))
			.clock(ScopeClock.of(this.time))
			.build();
		assertThat(bounded.leakThreshold()).isEqualTo(Duration.ofMinutes(5));
		Hold held = bounded.tryAcquire();
		List<Throwable> heard = new ArrayList<>();
		this.scopes.use(bounded, (hold) -> Mono.empty()).subscribe((value) -> {
		}, heard::add);
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> this.scopes.use(bounded, (hold) -> Mono.empty()).as(EventLoop.Loop::await))
			.withMessageContaining("Lock 'bounded'")
			.satisfies((error) -> assertThat(error.getMaxWaiting()).isOne());
		this.time.advanceTimeBy(Duration.ofMillis(1999));
		assertThat(heard).isEmpty();
		this.time.advanceTimeBy(Duration.ofMillis(1));
		assertThat(heard).singleElement().isInstanceOf(AcquireTimeoutException.class);
		held.close();
		assertThat(bounded.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	void aHundredThousandQueuedBodiesDoNotOverflow() throws Exception {
		Hold held = this.lock.tryAcquire();
		int callers = 100_000;
		AtomicInteger bodies = new AtomicInteger();
		for (int i = 0; i < callers; i++) {
			this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(bodies::incrementAndGet)).subscribe();
		}
		Thread releasing = new EventLoop.Loop(held::close, 128 * 1024);
		releasing.start();
		releasing.join(LIMIT.toMillis());
		assertThat(bodies).hasValue(callers);
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	private Disposable waits(String name, Sinks.Empty<Void> end) {
		return this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> this.order.add(name)).then(end.asMono()))
			.subscribe();
	}

	private void awaitWaiting(int waiting) {
		Awaitility.await()
			.pollDelay(Duration.ZERO)
			.pollInterval(Duration.ofMillis(1))
			.atMost(LIMIT)
			.until(() -> this.lock.statistics().waiting() == waiting);
	}

	private static void startThread(Blocking body) {
		Thread thread = new Thread(() -> {
			try {
				body.run();
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		thread.setDaemon(true);
		thread.start();
	}

	private interface Blocking {

		void run() throws Exception;

	}

}
