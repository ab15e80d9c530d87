package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link PooledResource}.
 */
class PooledResourceTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder().clock(this.clock).build();

	private final AtomicInteger made = new AtomicInteger();

	private final List<String> destroyed = new CopyOnWriteArrayList<>();

	/** How long it takes to make one, and to destroy one. */
	private Mono<Void> making = Mono.empty();

	private Mono<Void> destroying = Mono.empty();

	private final AsyncResource<Integer> number = new AsyncResource<>() {
		@Override
		public Mono<Integer> acquire() {
			return PooledResourceTests.this.making
				.then(Mono.fromCallable(PooledResourceTests.this.made::incrementAndGet));
		}

		@Override
		public Mono<Void> release(Integer value, Exit exit) {
			PooledResourceTests.this.destroyed.add(value + " " + exit.getClass().getSimpleName());
			return PooledResourceTests.this.destroying;
		}

		@Override
		public Mono<Void> abort(Integer value) {
			PooledResourceTests.this.destroyed.add(value + " by force");
			return Mono.empty();
		}

		@Override
		public String name() {
			return "numbers";
		}
	};

	private PooledResource<Integer> pool(Consumer<PoolSettings<Integer>> settings) {
		return this.number.pooled((pool) -> settings.accept(pool.clock(this.clock)));
	}

	private Disposable hold(PooledResource<Integer> pool) {
		return this.scopes.use(pool, (value) -> Mono.never()).subscribe(null, (error) -> {
		});
	}

	// Lending.

	@Test
	@Case(164)
	void whatIsReturnedIsLentAgain() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(2));
		List<Integer> seen = new ArrayList<>();
		for (int i = 0; i < 5; i++) {
			this.scopes.use(pool, (value) -> Mono.fromRunnable(() -> seen.add(value))).block(LIMIT);
		}
		assertThat(seen).containsOnly(1);
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(0, 0, 2, 1));
		assertThat(this.destroyed).isEmpty();
	}

	@Test
	@Case(164)
	@EventLoop
	void thereAreNeverMoreThanTheMost() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(2));
		List<Disposable> holders = List.of(hold(pool), hold(pool));
		List<Integer> seen = new ArrayList<>();
		Disposable third = this.scopes.use(pool, (value) -> Mono.just(value)).subscribe(seen::add);
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(2, 1, 2, 0));
		assertThat(this.made).hasValue(2);
		holders.get(0).dispose();
		assertThat(seen).as("a new one in the place of the first").containsExactly(3);
		holders.get(1).dispose();
		assertThat(third.isDisposed()).isTrue();
		assertThat(this.destroyed).containsExactly("1 Cancelled", "2 Cancelled");
	}

	@Test
	void scopesInsideJoin() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Integer sum = this.scopes
			.use(pool, (outer) -> this.scopes.use(pool, (inner) -> pool.held().map((held) -> outer + inner + held)))
			.block(LIMIT);
		assertThat(sum).isEqualTo(3);
	}

	@Test
	void oneThatStopsWaitingLeavesNoTrace() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Disposable holder = hold(pool);
		Disposable waiter = hold(pool);
		assertThat(this.scopes.openScopes()).hasSize(2).filteredOn(Scope::isWaiting).hasSize(1);
		waiter.dispose();
		assertThat(pool.usage().pending()).isZero();
		assertThat(this.scopes.openScopes()).hasSize(1);
		holder.dispose();
	}

	@Test
	void whatIsMadeForOneWhoHasGoneIsTheNextOnes() {
		Sinks.Empty<Void> gate = Sinks.empty();
		this.making = gate.asMono();
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		hold(pool).dispose();
		assertThat(this.scopes.openScopes()).isEmpty();
		gate.tryEmitEmpty();
		assertThat(pool.usage().idle()).isEqualTo(1);
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(1);
	}

	@Test
	@EventLoop
	void rejectsAndTimesOutWithTheNumberAndTheRemedy() {
		PooledResource<Integer> pool = pool(
				(settings) -> settings.maxSize(1).maxWaiting(1).acquireTimeout(Duration.ofSeconds(2)));
		Disposable holder = hold(pool);
		List<Throwable> errors = new ArrayList<>();
		this.scopes.use(pool, Mono::just).subscribe(null, errors::add);
		this.scopes.use(pool, Mono::just).subscribe(null, errors::add);
		assertThat(errors).singleElement()
			.isInstanceOf(AcquireRejectedException.class)
			.satisfies((error) -> assertThat(error).hasMessageContaining("All 1 objects of pool 'numbers'")
				.hasMessageContaining("max-waiting"));
		this.time.advanceTimeBy(Duration.ofSeconds(2));
		assertThat(errors).last()
			.isInstanceOf(AcquireTimeoutException.class)
			.satisfies((error) -> assertThat(error).hasMessageContaining("2000 ms").hasMessageContaining("max-size"));
		holder.dispose();
	}

	@Test
	void anEmptyOrFailedMakingIsTheCallersError() {
		PooledResource<Object> empty = AsyncResource.of(Mono::empty, (value, exit) -> Mono.empty())
			.named("none")
			.pooled((settings) -> {
			});
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(empty, Mono::just).block(LIMIT))
			.withMessageContaining("'none' ended without a value");
		this.making = Mono.error(new IllegalStateException("refused"));
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(pool, Mono::just).block(LIMIT))
			.withMessage("refused");
		this.making = Mono.empty();
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(1);
		pool.close().block(LIMIT);
	}

	@Test
	void whatIsMadeBelongsToNoCaller() {
		List<Boolean> seen = new ArrayList<>();
		this.making = Mono.deferContextual((context) -> {
			seen.add(context.hasKey("tenant"));
			return Mono.empty();
		});
		this.scopes.use(pool((settings) -> settings.maxSize(1)), Mono::just)
			.contextWrite(Context.of("tenant", "a"))
			.block(LIMIT);
		assertThat(seen).containsExactly(false);
	}

	@Test
	void refusesSettingsThatMakeNoSense() {
		assertThatIllegalArgumentException().isThrownBy(() -> pool((settings) -> settings.maxSize(0)))
			.withMessageContaining("'numbers': max-size is 0, give 1 or more");
		assertThatIllegalArgumentException().isThrownBy(() -> pool((settings) -> settings.minSize(3).maxSize(2)))
			.withMessageContaining("min-size is 3 and max-size 2");
		assertThatIllegalArgumentException().isThrownBy(() -> pool((settings) -> settings.idleTime(Duration.ZERO)))
			.withMessageContaining("idle-time is PT0S");
	}

	// Using again.

	@Test
	@Case(167)
	@EventLoop
	void whatAFailedOrCancelledScopeHadIsDestroyedAndWaitersGetANewOne() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Sinks.Empty<Integer> body = Sinks.empty();
		this.scopes.use(pool, (value) -> body.asMono()).subscribe(null, (error) -> {
		});
		List<Integer> next = new ArrayList<>();
		this.scopes.use(pool, Mono::just).subscribe(next::add);
		body.tryEmitError(new IllegalStateException("expected"));
		assertThat(next).containsExactly(2);
		hold(pool).dispose();
		assertThat(this.destroyed).containsExactly("1 Failed", "2 Cancelled");
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(0, 0, 1, 0));
	}

	@Test
	@Case(167)
	void thePolicyLooksAtTheObjectAndTheExit() {
		Set<Integer> broken = new HashSet<>();
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1)
			.reuse((value, exit) -> !broken.contains(value) && !(exit instanceof Exit.Cancelled)));
		assertThatIllegalStateException().isThrownBy(
				() -> this.scopes.use(pool, (value) -> Mono.error(new IllegalStateException("expected"))).block(LIMIT));
		assertThat(this.destroyed).as("a failure is all right here").isEmpty();
		this.scopes.use(pool, (value) -> Mono.fromRunnable(() -> broken.add(value))).block(LIMIT);
		assertThat(this.destroyed).containsExactly("1 Completed");
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(2);
	}

	@Test
	@Case(167)
	void aPolicyThatFailsIsTheCallersErrorAndKeepsNothing() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1).reuse((value, exit) -> {
			throw new IllegalStateException("policy");
		}));
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(pool, Mono::just).block(LIMIT))
			.withMessage("policy");
		assertThat(this.destroyed).containsExactly("1 Completed");
	}

	@Test
	@EventLoop
	void whatCannotBeDestroyedIsClosedByForceAndItsPlaceIsFree() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		this.destroying = Mono.never();
		hold(pool).dispose();
		List<Integer> next = new ArrayList<>();
		this.scopes.use(pool, Mono::just).subscribe(next::add);
		assertThat(next).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(10));
		assertThat(this.destroyed).containsExactly("1 Cancelled", "1 by force");
		assertThat(next).containsExactly(2);
		this.destroying = Mono.empty();
		assertThat(pool.close().toFuture()).isDone();
		assertThat(this.destroyed).hasSize(3);
	}

	@Test
	void destroysWhatIsIdleOrOldForTooLong() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1).lifeTime(Duration.ofSeconds(30)));
		this.scopes.use(pool, Mono::just).block(LIMIT);
		this.time.advanceTimeBy(Duration.ofSeconds(20));
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(1);
		this.time.advanceTimeBy(Duration.ofSeconds(20));
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(2);
		assertThat(this.destroyed).containsExactly("1 Completed");
	}

	@Test
	void keepsAsManyAsItHasAtLeast() {
		PooledResource<Integer> pool = pool((settings) -> settings.minSize(2).maxSize(3));
		assertThat(pool.warmUp().block(LIMIT)).isEqualTo(2);
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(0, 0, 3, 2));
	}

	// Closing.

	@Test
	@Case(168)
	void closesIdleOnesNowLentOnesOnReturnAndRefusesWhoWaits() {
		PooledResource<Integer> pool = pool((settings) -> settings.minSize(2).maxSize(2));
		pool.warmUp().block(LIMIT);
		Sinks.Empty<Integer> body = Sinks.empty();
		Mono<Integer> lent = this.scopes.use(pool, (value) -> body.asMono());
		List<String> order = new ArrayList<>();
		lent.subscribe(null, null, () -> order.add("lent one returned"));
		Mono<Void> first = pool.close();
		assertThat(this.destroyed).hasSize(1);
		Mono<Void> second = pool.close();
		first.subscribe(null, null, () -> order.add("first"));
		second.subscribe(null, null, () -> order.add("second"));
		assertThat(order).isEmpty();
		assertThatExceptionOfType(ScopeClosedException.class)
			.isThrownBy(() -> this.scopes.use(pool, Mono::just).block(LIMIT))
			.withMessageContaining("The pool 'numbers' is closed");
		body.tryEmitEmpty();
		assertThat(order).containsExactlyInAnyOrder("first", "second", "lent one returned");
		assertThat(this.destroyed).hasSize(2);
		pool.close().block(LIMIT);
	}

	@Test
	@Case(168)
	@EventLoop
	void waitersFailWhenItCloses() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Disposable holder = hold(pool);
		List<Throwable> errors = new ArrayList<>();
		this.scopes.use(pool, Mono::just).subscribe(null, errors::add);
		Mono<Void> closed = pool.close();
		assertThat(errors).singleElement().isInstanceOf(ScopeClosedException.class);
		holder.dispose();
		assertThat(closed.toFuture()).isDone();
		assertThat(this.destroyed).containsExactly("1 Cancelled");
	}

	@Test
	@Case(168)
	@EventLoop
	void whatIsBeingMadeWhenItClosesIsDestroyed() {
		Sinks.Empty<Void> gate = Sinks.empty();
		this.making = gate.asMono();
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		List<Throwable> errors = new ArrayList<>();
		this.scopes.use(pool, Mono::just).subscribe(null, errors::add);
		List<String> ended = new ArrayList<>();
		pool.close().subscribe(null, null, () -> ended.add("closed"));
		gate.tryEmitEmpty();
		assertThat(this.destroyed).hasSize(this.made.get());
		assertThat(ended).containsExactly("closed");
		assertThat(errors).singleElement().isInstanceOf(ScopeClosedException.class);
	}

	// Giving back.

	@Test
	@Case(169)
	@EventLoop
	void givingBackNeedsNoSubscriberAndCountsOnce() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		Scope scope = this.scopes.open("by hand");
		assertThat(scope.enter(pool).toFuture().getNow(null)).isEqualTo(1);
		scope.close();
		scope.close();
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(0, 0, 1, 1));
		Disposable first = hold(pool);
		hold(pool);
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(1, 1, 1, 0));
		first.dispose();
		assertThat(pool.usage()).isEqualTo(new Measured.Usage(1, 0, 1, 0));
	}

	@Test
	@Case(169)
	void nobodyIsLentAnObjectThatNoScopeKnows() {
		PooledResource<Integer> pool = pool((settings) -> settings.maxSize(1));
		assertThatExceptionOfType(UnsupportedOperationException.class).isThrownBy(() -> pool.acquire().block(LIMIT))
			.withMessageContaining("'numbers'")
			.withMessageContaining("AsyncScopes.use");
		Scope scope = this.scopes.open("forgotten");
		scope.enter(pool).block(LIMIT);
		assertThat(this.scopes.holders(pool)).as("seen until it gives back").containsExactly(scope);
		scope.close();
	}

	@Test
	@Case(177)
	void whoStopsWarmingUpCostsNoPlace() {
		Sinks.Empty<Void> slow = Sinks.empty();
		this.making = slow.asMono();
		PooledResource<Integer> pool = pool((settings) -> settings.minSize(1).maxSize(1));
		pool.warmUp().subscribe().dispose();
		slow.tryEmitEmpty();
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo(1);
		pool.close().block(LIMIT);
		assertThat(this.destroyed).hasSize(1);
	}

}
