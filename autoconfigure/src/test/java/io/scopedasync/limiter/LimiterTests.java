package io.scopedasync.limiter;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.EventLoop;
import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * The limiter's promises, one by one.
 */
@EventLoop
class LimiterTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<String> order = new CopyOnWriteArrayList<>();

	@Test
	@Case(100)
	void atMostNBodiesRunAtOnce() {
		Limiter limiter = Limiter.builder("three").permits(3).build();
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		Mono<Long> scoped = this.scopes.use(limiter,
				(permit) -> Mono.fromRunnable(() -> most.accumulateAndGet(inside.incrementAndGet(), Math::max))
					.then(Mono.delay(Duration.ofMillis(1)))
					.doOnTerminate(inside::decrementAndGet));
		assertThat(Flux.range(0, 100).flatMap((i) -> scoped, 100).count().toFuture().join()).isEqualTo(100);
		assertThat(most).hasValue(3);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 0, 0));
	}

	@Test
	@Case(101)
	void waitersAreServedInOrderOfArrival() {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		List<Sinks.One<String>> bodies = new ArrayList<>();
		for (int i = 0; i < 5; i++) {
			bodies.add(waits(limiter, "caller " + i));
		}
		held.close();
		for (int i = 0; i < 5; i++) {
			assertThat(this.order).last().isEqualTo("caller " + i);
			bodies.get(i).tryEmitEmpty();
		}
		assertThat(this.order).hasSize(5);
	}

	@Test
	@Case(102)
	void aNewcomerQueuesBehindWaitersEvenIfPermitsAreFree() {
		Limiter limiter = Limiter.builder("three").permits(3).build();
		Permit held = limiter.tryAcquire();
		waits(limiter.permits(3), "large");
		waits(limiter, "small");
		assertThat(limiter.tryAcquire()).isNull();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 1, 2));
		held.close();
		assertThat(this.order).containsExactly("large");
	}

	@Test
	@Case({ 58, 73, 104 })
	void aCancelledWaiterLeavesWithoutAPermit() {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		Disposable first = use(limiter, "first").subscribe();
		use(limiter, "second").subscribe();
		first.dispose();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 1, 1));
		held.close();
		assertThat(this.order).containsExactly("second");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	@Case(105)
	void aWaiterCancelledByTheBodyBeforeItPassesItsPermitOn() {
		Limiter limiter = Limiter.builder("two").permits(2).build();
		Permit one = limiter.tryAcquire();
		Permit two = limiter.tryAcquire();
		Disposable.Swap second = reactor.core.Disposables.swap();
		// Both permits come back inside the first body: the second caller has been
		// handed one when the first cancels it.
		this.scopes.use(limiter, (permit) -> {
			this.order.add("first");
			two.close();
			second.dispose();
			return Mono.empty();
		}).subscribe();
		second.update(use(limiter, "second").subscribe());
		use(limiter, "third").subscribe();
		one.close();
		assertThat(this.order).containsExactly("first", "third");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 0, 0));
	}

	@Test
	@Case({ 6, 108, 113 })
	void aPermitIsGivenBackOnceAndByItsHolder() {
		Limiter limiter = Limiter.builder("two").permits(2).build();
		Permit permit = limiter.tryAcquire();
		permit.close();
		assertThatIllegalStateException().isThrownBy(permit::close).withMessageContaining("'two'");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 0, 0));
		this.scopes.use(limiter, (held) -> {
			assertThatIllegalStateException().isThrownBy(held::close).withMessageContaining("belongs to a scope");
			assertThat(limiter.statistics().borrowed()).isOne();
			return Mono.empty();
		}).as(EventLoop.Loop::await);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 0, 0));
	}

	@Test
	@Case(109)
	void thePermitReturnsWhateverTheBodyDoes() {
		Limiter limiter = Limiter.builder("one").build();
		this.scopes.use(limiter, (permit) -> Mono.just("x")).as(EventLoop.Loop::await);
		assertThat(limiter.statistics().borrowed()).isZero();
		this.scopes.use(limiter, (permit) -> Mono.error(new IllegalStateException("expected")))
			.onErrorComplete()
			.as(EventLoop.Loop::await);
		assertThat(limiter.statistics().borrowed()).isZero();
		Disposable running = this.scopes.use(limiter, (permit) -> Mono.never()).subscribe();
		assertThat(limiter.statistics().borrowed()).isOne();
		running.dispose();
		assertThat(limiter.statistics().borrowed()).isZero();
	}

	@Test
	@Case(110)
	void aLargeRequestIsNotOvertakenBySmallOnes() {
		Limiter limiter = Limiter.builder("five").permits(5).build();
		List<Permit> held = new ArrayList<>();
		for (int i = 0; i < 5; i++) {
			held.add(limiter.tryAcquire());
		}
		Sinks.One<String> large = waits(limiter.permits(3), "large");
		waits(limiter, "small");
		held.get(0).close();
		held.get(1).close();
		assertThat(this.order).isEmpty();
		held.get(2).close();
		assertThat(this.order).containsExactly("large");
		large.tryEmitEmpty();
		assertThat(this.order).containsExactly("large", "small");
	}

	@Test
	@Case(110)
	void whoWaitsBehindACancelledLargeRequestGoesOn() {
		Limiter limiter = Limiter.builder("three").permits(3).build();
		limiter.tryAcquire();
		Disposable large = use(limiter.permits(3), "large").subscribe();
		waits(limiter, "small");
		waits(limiter, "another");
		large.dispose();
		assertThat(this.order).containsExactly("small", "another");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 3, 0));
	}

	@Test
	@Case(112)
	void moreThanThereAreFailsAtOnce() {
		Limiter limiter = Limiter.builder("two").permits(2).build();
		assertThatIllegalArgumentException().isThrownBy(() -> limiter.permits(3))
			.withMessageContaining("'two' has 2 permits, a call asks for 3");
		assertThatIllegalArgumentException().isThrownBy(() -> limiter.permits(0));
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(2).build();
		assertThatIllegalArgumentException().isThrownBy(() -> keyed.forKey("k", 3)).withMessageContaining("'keyed'");
	}

	@Test
	@Case({ 112, 115 })
	void aRequestAboveALoweredTotalIsRefusedAndBlocksNobody() {
		Limiter limiter = Limiter.builder("five").permits(5).build();
		AsyncResource<Permit> three = limiter.permits(3);
		Permit held = limiter.tryAcquire();
		List<Throwable> refused = new ArrayList<>();
		limiter.resize(3);
		use(three, "large").subscribe((value) -> {
		}, refused::add);
		use(limiter, "small").subscribe();
		limiter.resize(2);
		assertThat(refused).singleElement().isInstanceOf(IllegalArgumentException.class);
		assertThat(this.order).containsExactly("small");
		this.scopes.use(three, (permit) -> Mono.just("x")).subscribe((value) -> {
		}, refused::add);
		assertThat(refused).hasSize(2);
		held.close();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 0, 0));
	}

	@Test
	@Case(115)
	void zeroPermitsArePause() {
		Limiter limiter = Limiter.builder("paused").permits(0).build();
		waits(limiter.permits(2), "first");
		waits(limiter, "second");
		assertThat(limiter.tryAcquire()).isNull();
		assertThat(this.order).isEmpty();
		limiter.resize(3);
		assertThat(this.order).containsExactly("first", "second");
	}

	@Test
	@Case(114)
	void asManyWakeAsPlacesWereAdded() {
		Limiter limiter = Limiter.builder("one").build();
		limiter.tryAcquire();
		for (int i = 0; i < 5; i++) {
			waits(limiter, "caller " + i);
		}
		limiter.resize(3);
		assertThat(this.order).containsExactly("caller 0", "caller 1");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 3, 3));
	}

	@Test
	@Case(115)
	void holdersKeepTheirsWhenTheTotalIsLowered() {
		Limiter limiter = Limiter.builder("three").permits(3).build();
		Permit one = limiter.tryAcquire();
		Permit two = limiter.tryAcquire();
		Permit three = limiter.tryAcquire();
		waits(limiter, "waiter");
		limiter.resize(1);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 3, 1));
		one.close();
		two.close();
		assertThat(this.order).isEmpty();
		three.close();
		assertThat(this.order).containsExactly("waiter");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 1, 0));
	}

	@Test
	@Case(116)
	void itReportsTotalBorrowedAndWaitingAndWhoHolds() {
		Limiter limiter = Limiter.builder("two").permits(2).build();
		this.scopes.useFuture(limiter, (permit) -> new CompletableFuture<>());
		this.scopes.useFuture(limiter.permits(1), (permit) -> new CompletableFuture<>());
		this.scopes.useFuture(limiter, (permit) -> new CompletableFuture<>());
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(2, 2, 1));
		assertThat(limiter).hasToString("limiter 'two' (2/2 in use, 1 waiting)");
		assertThat(this.scopes.holders(limiter)).hasSize(3);
		assertThat(this.scopes.holders(limiter).get(0).resources()).containsExactly("two");
	}

	@Test
	@Case(118)
	void aFullQueueRejectsAtOnce() {
		Limiter limiter = Limiter.builder("one").maxWaiting(1).build();
		Permit held = limiter.tryAcquire();
		Disposable waiting = use(limiter, "waiter").subscribe();
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> use(limiter, "too many").as(EventLoop.Loop::await))
			.withMessageContaining("'one'")
			.satisfies((ex) -> assertThat(ex.getMaxWaiting()).isOne());
		// A place that a cancel freed may be taken.
		waiting.dispose();
		use(limiter, "next").subscribe();
		held.close();
		assertThat(this.order).containsExactly("next");
	}

	@Test
	@Case(118)
	void withNoPlaceToWaitOnlyAFreePermitHelps() {
		Limiter limiter = Limiter.builder("one").maxWaiting(0).build();
		use(limiter, "first").as(EventLoop.Loop::await);
		limiter.tryAcquire();
		assertThatExceptionOfType(AcquireRejectedException.class)
			.isThrownBy(() -> use(limiter, "x").as(EventLoop.Loop::await));
		assertThat(limiter.statistics().waiting()).isZero();
	}

	@Test
	@Case(99)
	void waitersRunOutOfTimeInOrderAndOnTheDot() {
		Limiter limiter = Limiter.builder("one")
			.acquireTimeout(Duration.ofMillis(100))
			.clock(ScopeClock.of(this.time))
			.build();
		Permit held = limiter.tryAcquire();
		List<Throwable> errors = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			String name = "caller " + i;
			use(limiter, name).subscribe((value) -> {
			}, (error) -> {
				errors.add(error);
				this.order.add(name + " late");
			});
			this.time.advanceTimeBy(Duration.ofMillis(10));
		}
		this.time.advanceTimeBy(Duration.ofNanos(69_999_999));
		assertThat(this.order).isEmpty();
		this.time.advanceTimeBy(Duration.ofNanos(1));
		assertThat(this.order).containsExactly("caller 0 late");
		this.time.advanceTimeBy(Duration.ofMillis(10));
		assertThat(this.order).containsExactly("caller 0 late", "caller 1 late");
		held.close();
		assertThat(this.order).last().isEqualTo("caller 2");
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.order).hasSize(3);
		assertThat(errors).allSatisfy((error) -> assertThat(error).isInstanceOf(AcquireTimeoutException.class)
			.hasMessageContaining("'one'")
			.hasMessageContaining("100 ms"));
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	void whoQueuesAfterAllRanOutOfTimeHasTheWholeTime() {
		Limiter limiter = Limiter.builder("one")
			.acquireTimeout(Duration.ofMillis(100))
			.clock(ScopeClock.of(this.time))
			.build();
		limiter.tryAcquire();
		List<Throwable> errors = new ArrayList<>();
		Disposable cancelled = use(limiter, "cancelled").subscribe();
		cancelled.dispose();
		this.time.advanceTimeBy(Duration.ofMillis(50));
		use(limiter, "late").subscribe((value) -> {
		}, errors::add);
		this.time.advanceTimeBy(Duration.ofMillis(99));
		assertThat(errors).isEmpty();
		this.time.advanceTimeBy(Duration.ofMillis(1));
		assertThat(errors).hasSize(1);
		assertThat(limiter.statistics().waiting()).isZero();
	}

	@Test
	void aLargeRequestThatRunsOutOfTimeLetsThoseBehindGoOn() {
		Limiter limiter = Limiter.builder("three")
			.permits(3)
			.acquireTimeout(Duration.ofMillis(100))
			.clock(ScopeClock.of(this.time))
			.build();
		limiter.tryAcquire();
		use(limiter.permits(3), "large").subscribe((value) -> {
		}, (error) -> this.order.add("late"));
		this.time.advanceTimeBy(Duration.ofMillis(50));
		waits(limiter, "small");
		this.time.advanceTimeBy(Duration.ofMillis(50));
		assertThat(this.order).containsExactly("late", "small");
	}

	@Test
	@Case(17)
	void anAcquisitionByHandIsGivenBackByHandOnce() {
		Limiter limiter = Limiter.builder("one").build();
		Permit permit = limiter.acquire().as(EventLoop.Loop::await);
		assertThat(limiter.statistics().borrowed()).isOne();
		limiter.release(permit, io.scopedasync.Exit.completed()).as(EventLoop.Loop::await);
		assertThat(limiter.statistics().borrowed()).isZero();
		Permit held = limiter.tryAcquire();
		limiter.acquire().subscribe().dispose();
		assertThat(limiter.statistics().waiting()).isZero();
		held.close();
		// A caller that asks for nothing holds what it was granted until it goes.
		Disposable silent = limiter.acquire().subscribeWith(new reactor.core.publisher.BaseSubscriber<>() {
			@Override
			protected void hookOnSubscribe(org.reactivestreams.Subscription subscription) {
			}
		});
		assertThat(limiter.statistics().borrowed()).isOne();
		silent.dispose();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	private Sinks.One<String> waits(AsyncResource<Permit> resource, String name) {
		Sinks.One<String> body = Sinks.one();
		this.scopes.use(resource, (permit) -> {
			this.order.add(name);
			return body.asMono();
		}).subscribe();
		return body;
	}

	private Mono<String> use(AsyncResource<Permit> resource, String name) {
		return this.scopes.use(resource, (permit) -> {
			this.order.add(name);
			return Mono.just(name);
		});
	}

}
