package io.scopedasync.sync;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeSpec;
import io.scopedasync.ScopeWatcher;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * The condition's promises, one by one.
 */
@Timeout(60)
@EventLoop
class ConditionTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> order = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.watcher(new ScopeWatcher() {
			@Override
			public void outlivedParent(Scope child) {
				ConditionTests.this.order.add("given up: " + child.name());
			}
		})
		.build();

	private final Lock lock = Lock.builder("orders").acquireTimeout(Duration.ofHours(2)).build();

	private final Condition changed = this.lock.condition("changed");

	private final AtomicBoolean flag = new AtomicBoolean();

	@Test
	@Case(127)
	void withoutTheLockNobodyWaitsOrSignals() {
		assertThat(this.changed.name()).isEqualTo("orders.changed");
		for (Mono<Void> call : List.of(this.changed.await(), this.changed.await(() -> true), this.changed.signal(),
				this.changed.signal(2), this.changed.signalAll())) {
			assertThatIllegalStateException().isThrownBy(() -> call.as(EventLoop.Loop::await))
				.withMessageContaining("No scope here holds lock 'orders'");
			assertThatIllegalStateException()
				.isThrownBy(() -> this.scopes.with((scope) -> call).as(EventLoop.Loop::await));
		}
		assertThatIllegalStateException().isThrownBy(this.changed::awaitBlocking);
		assertThatIllegalArgumentException().isThrownBy(() -> this.changed.signal(0));
		// Another one's lock is not mine.
		Hold other = this.lock.tryAcquire();
		assertThatIllegalStateException().isThrownBy(() -> this.changed.signal().as(EventLoop.Loop::await));
		other.close();
	}

	@Test
	@Case(127)
	void whoWaitsAlreadyDoesNotHoldTheLock() {
		assertThatIllegalStateException().isThrownBy(
				() -> this.scopes.use(this.lock, (hold) -> Mono.when(this.changed.await(), this.changed.signal()))
					.as(EventLoop.Loop::await));
		assertThatIllegalStateException().isThrownBy(
				() -> this.scopes.use(this.lock, (hold) -> Mono.when(this.changed.await(), this.changed.await()))
					.as(EventLoop.Loop::await));
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(128)
	void theLockIsFreeMeanwhileAndHeldAgainAfterwards() {
		waits("waiter");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.changed.waiting()).isOne();
		assertThat(this.changed).hasToString("condition 'orders.changed' (1 waiting)");
		// Seen as one that waits for the lock, and not as its holder.
		assertThat(this.scopes.holders(this.lock)).singleElement().satisfies((scope) -> {
			assertThat(scope.name()).isEqualTo("orders.changed");
			assertThat(scope.isWaiting()).isTrue();
			assertThat(scope.find(this.lock)).isNull();
		});
		this.scopes
			.use(this.lock, (hold) -> this.changed.signal().then(Mono.fromRunnable(() -> this.order.add("signalled"))))
			.as(EventLoop.Loop::await);
		assertThat(this.order).containsExactly("signalled", "waiter true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(128)
	void aNamedLockIsLentAsWell() {
		this.scopes.use(this.lock.named("another name"), (hold) -> {
			this.scopes.use(this.lock, (other) -> this.changed.signal()).subscribe();
			return this.changed.await().then(Mono.fromCallable(() -> this.lock.statistics().held()));
		}).subscribe((held) -> this.order.add("held " + held));
		this.scopes.use(this.lock, (other) -> this.changed.signalAll()).as(EventLoop.Loop::await);
		assertThat(this.order).containsExactly("held true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(129)
	void theOldestWakeAndRunOnceTheNotifierLetsGo() {
		for (int i = 0; i < 4; i++) {
			waits("waiter " + i);
		}
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.use(this.lock, (hold) -> this.changed.signal(2).then(end.asMono())).subscribe();
		assertThat(this.changed.waiting()).isEqualTo(2);
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 2));
		assertThat(this.order).isEmpty();
		end.tryEmitEmpty();
		assertThat(this.order).containsExactly("waiter 0 true", "waiter 1 true");
		this.scopes.use(this.lock, (hold) -> this.changed.signal(99)).as(EventLoop.Loop::await);
		assertThat(this.order).hasSize(4).endsWith("waiter 2 true", "waiter 3 true");
		waits("late");
		this.scopes.use(this.lock, (hold) -> this.changed.signalAll()).as(EventLoop.Loop::await);
		assertThat(this.order).endsWith("late true");
	}

	@Test
	@Case(129)
	void whoIsWokenOvertakesNobody() {
		waits("woken");
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.use(this.lock, (hold) -> {
			this.scopes.use(this.lock, (other) -> Mono.fromRunnable(() -> this.order.add("in line"))).subscribe();
			return this.changed.signal().then(end.asMono());
		}).subscribe();
		end.tryEmitEmpty();
		assertThat(this.order).containsExactly("in line", "woken true");
	}

	@Test
	@Case(130)
	void aCancelledWaiterHasTheLockAgainBeforeTheCancelShows() {
		Disposable waiter = waits("never");
		Hold other = this.lock.tryAcquire();
		assertThat(other).isNotNull();
		this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> this.order.add("in line"))).subscribe();
		waiter.dispose();
		assertThat(this.order).isEmpty();
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 2));
		assertThat(this.scopes.openScopes()).hasSize(3);
		other.close();
		assertThat(this.order).containsExactly("in line", "exit Cancelled true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(130)
	void aCancelWhileTheLockIsFreeEndsAtOnce() {
		waits("never").dispose();
		assertThat(this.order).containsExactly("exit Cancelled true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.changed.waiting()).isZero();
	}

	@Test
	@Case({ 73, 130 })
	void aWakeUpOfACancelledWaiterGoesToTheNext() {
		Disposable first = waits("first");
		waits("second");
		this.scopes.use(this.lock, (hold) -> this.changed.signal().then(Mono.fromRunnable(first::dispose)))
			.as(EventLoop.Loop::await);
		assertThat(this.order).containsExactly("exit Cancelled true", "second true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(130)
	void pastTheReleaseLimitTheScopeEndsWithoutTheLockAndGivesNothingBack() {
		Disposable waiter = waits("never");
		Hold other = this.lock.tryAcquire();
		waiter.dispose();
		this.time.advanceTimeBy(Duration.ofMinutes(1));
		assertThat(this.order).containsExactly("given up: orders.changed", "exit Cancelled true");
		// The other one still has it, for itself.
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(true, 1));
		this.scopes.use(this.lock, (hold) -> Mono.fromRunnable(() -> this.order.add("next"))).subscribe();
		assertThat(this.order).hasSize(2);
		other.close();
		assertThat(this.order).last().isEqualTo("next");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(132)
	void aPredicateIsAskedAgainAfterEachWakeUp() {
		AtomicInteger asked = new AtomicInteger();
		AtomicInteger stock = new AtomicInteger();
		this.scopes.use(this.lock, (hold) -> this.changed.awaitValue(() -> {
			asked.incrementAndGet();
			assertThat(this.lock.statistics().held()).isTrue();
			return (stock.get() >= 2) ? "stock is " + stock : null;
		})).subscribe(this.order::add);
		for (int i = 0; i < 3; i++) {
			this.scopes.use(this.lock, (hold) -> {
				stock.incrementAndGet();
				return this.changed.signalAll();
			}).as(EventLoop.Loop::await);
		}
		assertThat(this.order).containsExactly("stock is 2");
		assertThat(asked).hasValue(3);
		this.scopes.use(this.lock, (hold) -> this.changed.await(() -> true)).as(EventLoop.Loop::await);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(this.lock, (hold) -> this.changed.await(() -> {
				throw new IllegalStateException("expected");
			})).as(EventLoop.Loop::await))
			.withMessage("expected");
	}

	@Test
	@Case(133)
	void afterAWaitThatTimedOutTheBlockStillHoldsTheLock() {
		this.scopes.use(this.lock,
				(hold) -> this.scopes
					.with(ScopeSpec.of("wait").timeout(Duration.ofSeconds(1)), (scope) -> this.changed.await())
					.onErrorResume(DeadlineExceededException.class, (error) -> {
						this.order.add("timed out, held " + this.lock.statistics().held());
						return this.lock.held().then(this.changed.signal());
					}))
			.subscribe();
		Hold other = this.lock.tryAcquire();
		this.time.advanceTimeBy(Duration.ofSeconds(2));
		assertThat(this.order).isEmpty();
		other.close();
		assertThat(this.order).containsExactly("timed out, held true");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	void whoWantsTheLockBackDoesNotRunOutOfTimeAndThoseBehindDo() {
		Lock timed = Lock.builder("timed")
			.acquireTimeout(Duration.ofSeconds(1))
			.maxWaiting(1)
			.clock(ScopeClock.of(this.time))
			.build();
		Condition woken = timed.condition("woken");
		this.scopes.use(timed, (hold) -> woken.await().then(Mono.fromRunnable(() -> this.order.add("back"))))
			.subscribe();
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.use(timed, (hold) -> {
			this.scopes.use(timed, (other) -> Mono.never())
				.subscribe(null, (error) -> this.order.add(error.getClass().getSimpleName()));
			return woken.signal().then(end.asMono());
		}).subscribe();
		assertThat(timed.statistics()).isEqualTo(new Lock.Statistics(true, 2));
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(this.order).containsExactly("AcquireTimeoutException");
		end.tryEmitEmpty();
		assertThat(this.order).containsExactly("AcquireTimeoutException", "back");
		assertThat(timed.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	void everyKindOfScopeWaits() throws Exception {
		Queue<String> results = new ArrayDeque<>();
		CompletableFuture<Void> blocking = CompletableFuture.runAsync(() -> {
			try {
				this.scopes.useBlocking(this.lock, (hold) -> {
					this.changed.awaitBlocking();
					return results.add("blocking");
				});
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		CompletableFuture<Void> blocked = CompletableFuture.runAsync(() -> {
			try {
				this.scopes.useBlocking(this.lock, (hold) -> {
					this.changed.await(this.flag::get).as(EventLoop.Loop::await);
					return results.add("blocked");
				});
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		CompletableFuture<Boolean> future = this.scopes.useFuture(this.lock,
				(hold) -> this.changed.await().toFuture().thenApply((done) -> results.add("future")));
		CompletableFuture<Boolean> flux = this.scopes
			.useMany(this.lock, (hold) -> this.changed.await().then(Mono.fromCallable(() -> results.add("flux"))))
			.next()
			.toFuture();
		Awaitility.await().atMost(LIMIT).until(() -> this.changed.waiting() == 4);
		this.flag.set(true);
		this.scopes.use(this.lock, (hold) -> this.changed.signalAll()).as(EventLoop.Loop::await);
		CompletableFuture.allOf(blocking, blocked, future, flux).get(30, TimeUnit.SECONDS);
		assertThat(results).containsExactlyInAnyOrder("blocking", "blocked", "future", "flux");
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	@Test
	@Case(130)
	void anInterruptedWaiterHasTheLockAgain() throws Exception {
		CompletableFuture<String> heard = new CompletableFuture<>();
		Thread thread = new Thread(() -> {
			try {
				this.scopes.useBlocking(this.lock, (hold) -> {
					assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(this.changed::awaitBlocking);
					return heard
						.complete("interrupted " + Thread.interrupted() + ", held " + this.lock.statistics().held());
				});
			}
			catch (Throwable ex) {
				heard.completeExceptionally(ex);
			}
		});
		thread.setDaemon(true);
		thread.start();
		// It stands in line a moment before it gives the lock away.
		Awaitility.await().atMost(LIMIT).until(() -> this.changed.waiting() == 1 && !this.lock.statistics().held());
		Hold other = this.lock.tryAcquire();
		thread.interrupt();
		Awaitility.await().atMost(LIMIT).until(() -> this.lock.statistics().waiting() == 1);
		assertThat(heard).isNotDone();
		other.close();
		assertThat(heard.get(30, TimeUnit.SECONDS)).isEqualTo("interrupted true, held true");
	}

	@Test
	void aHundredThousandWaitersDoNotOverflow() throws Exception {
		AtomicInteger woken = new AtomicInteger();
		for (int i = 0; i < 100_000; i++) {
			this.scopes.use(this.lock, (hold) -> this.changed.await().then(Mono.fromRunnable(woken::incrementAndGet)))
				.subscribe();
		}
		assertThat(this.changed.waiting()).isEqualTo(100_000);
		Thread waking = new EventLoop.Loop(
				() -> this.scopes.use(this.lock, (hold) -> this.changed.signalAll()).as(EventLoop.Loop::await),
				256 * 1024);
		waking.start();
		waking.join(LIMIT.toMillis());
		assertThat(woken).hasValue(100_000);
		assertThat(this.lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
	}

	/** Notes whether the lock is held when it goes on, and when it is cancelled. */
	private Disposable waits(String name) {
		return this.scopes.with(ScopeSpec.of(name).entering(this.lock), (scope) -> {
			scope.onExit((exit) -> {
				if (exit instanceof Exit.Cancelled) {
					this.order.add("exit Cancelled " + this.lock.statistics().held());
				}
				return Mono.empty();
			});
			return this.changed.await()
				.then(Mono.fromRunnable(() -> this.order.add(name + " " + this.lock.statistics().held())));
		}).subscribe();
	}

}
