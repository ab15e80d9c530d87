package io.scopedasync;

import java.lang.ref.Reference;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * One acquisition for many scopes: shared, per key, per scope, exchanged in use.
 */
@Timeout(60)
@EventLoop
class SharedResourceTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final Duration IDLE = Duration.ofSeconds(30);

	private static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.tracked(true)
		.recorder(this.told)
		.build();

	private final Recording db = new Recording("db", this.events);

	private final AsyncResource<String> shared = this.db.shared(IDLE);

	private final IllegalStateException error = new IllegalStateException("expected");

	private final Sinks.Empty<Void> go = Sinks.empty();

	private CompletableFuture<String> use(AsyncResource<String> resource) {
		return this.scopes.use(resource, (value) -> this.go.asMono().thenReturn(value)).toFuture();
	}

	private void idles(Duration duration) {
		this.time.advanceTimeBy(duration);
	}

	// Shared.

	@Test
	@Case(170)
	void firstUsersTogetherShareOneAcquisition() {
		Sinks.One<String> arrival = Sinks.one();
		this.db.acquisition = arrival.asMono();
		CompletableFuture<String> one = use(this.shared);
		CompletableFuture<String> other = use(this.shared);
		assertThat(this.db.acquired()).isOne();
		arrival.tryEmitValue("connected");
		CompletableFuture<String> late = use(this.shared);
		this.go.tryEmitEmpty();
		assertThat(List.of(one.join(), other.join(), late.join())).containsOnly("connected");
		assertThat(this.events).containsExactly("acquire db");
	}

	@Test
	@Case(170)
	void theLastUserAndTheIdleTimeReleaseIt() {
		CompletableFuture<String> one = use(this.shared);
		idles(IDLE);
		assertThat(this.db.released()).isZero();
		this.go.tryEmitEmpty();
		assertThat(one).isCompletedWithValue("db");
		idles(IDLE.minusSeconds(1));
		assertThat(use(this.shared)).isCompletedWithValue("db");
		idles(IDLE.minusSeconds(1));
		assertThat(this.events).containsExactly("acquire db");
		idles(Duration.ofSeconds(1));
		assertThat(this.events).containsExactly("acquire db", "release db completed");
		assertThat(this.scopes.openScopes()).isEmpty();
		use(this.shared);
		assertThat(this.db.acquired()).isEqualTo(2);
	}

	@Test
	@Case(170)
	void aFailureIsThatOfThoseWhoWaitAndNotRemembered() {
		Sinks.One<String> arrival = Sinks.one();
		this.db.acquisition = arrival.asMono();
		CompletableFuture<String> one = use(this.shared);
		CompletableFuture<String> other = use(this.shared);
		arrival.tryEmitError(this.error);
		assertThat(one).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(other).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.told.undelivered).isEmpty();
		this.db.acquisition = Mono.just("again");
		this.go.tryEmitEmpty();
		assertThat(use(this.shared)).isCompletedWithValue("again");
	}

	@Test
	@Case(170)
	void whoCancelsHarmsNobodyAndTheLastOneGivesItUp() {
		Sinks.One<String> arrival = Sinks.one();
		this.db.acquisition = arrival.asMono();
		Disposable first = this.scopes.use(this.shared, Mono::just).subscribe();
		CompletableFuture<String> other = use(this.shared);
		first.dispose();
		assertThat(this.scopes.openScopes()).hasSize(2);
		other.cancel(true);
		assertThat(this.scopes.openScopes()).extracting(Scope::name, Scope::state)
			.containsExactly(org.assertj.core.groups.Tuple.tuple("shared db", Scope.State.RELEASING));
		Sinks.One<String> again = Sinks.one();
		this.db.acquisition = again.asMono();
		CompletableFuture<String> next = use(this.shared);
		assertThat(this.db.acquired()).as("one at a time").isOne();
		arrival.tryEmitValue("too late");
		assertThat(this.events).containsExactly("acquire db", "release db cancelled: nobody waits for it any more",
				"acquire db");
		again.tryEmitValue("db");
		this.go.tryEmitEmpty();
		assertThat(next).isCompletedWithValue("db");
	}

	@Test
	@Case(170)
	void withoutIdleTimeTheLastUserWaitsForTheReleaseAndHearsItsError() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.db.release = release.asMono();
		CompletableFuture<String> one = use(this.db.shared(Duration.ZERO));
		this.go.tryEmitEmpty();
		assertThat(one).isNotDone();
		release.tryEmitError(this.error);
		assertThat(one).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	void theErrorOfAnIdleReleaseIsNotLost() {
		this.db.release = Mono.error(this.error);
		this.go.tryEmitEmpty();
		assertThat(use(this.shared)).isCompletedWithValue("db");
		idles(IDLE);
		assertThat(this.told.undelivered).containsExactly(this.error);
	}

	@Test
	void aFullQueueOfTheSharedIsWaitedForByItsOwnScope() {
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		Permit held = limiter.tryAcquire();
		AsyncResource<Permit> sharedPermit = limiter.shared(Duration.ZERO);
		CompletableFuture<Boolean> one = this.scopes.use(sharedPermit, (permit) -> Mono.just(true)).toFuture();
		CompletableFuture<Boolean> other = this.scopes.use(sharedPermit, (permit) -> Mono.just(true)).toFuture();
		assertThat(limiter.statistics().waiting()).isOne();
		one.cancel(true);
		other.cancel(true);
		assertThat(limiter.statistics().waiting()).isZero();
		held.close();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	void whatIsSharedIsFoundByItselfAndByWhatItShares() {
		String found = this.scopes
			.use(this.shared.map(String::length),
					(length) -> Mono.zip(this.shared.held(), this.db.held(), (x, y) -> x + y + length))
			.as(EventLoop.Loop::await);
		assertThat(found).isEqualTo("dbdb2");
	}

	@Test
	void nobodysContextIsThatOfTheShared() {
		AsyncResource<String> asking = AsyncResource.of(
				() -> Mono.deferContextual((context) -> Mono.just(context.getOrDefault("user", "nobody"))),
				(String value, Exit exit) -> Mono.empty());
		String user = this.scopes.use(asking.shared(IDLE), Mono::just)
			.contextWrite((context) -> context.put("user", "alice"))
			.as(EventLoop.Loop::await);
		assertThat(user).isEqualTo("nobody");
	}

	@Test
	void aNegativeIdleTimeIsAMistake() {
		assertThatIllegalArgumentException().isThrownBy(() -> this.db.shared(Duration.ofSeconds(-1)))
			.withMessageContaining("'db'")
			.withMessageContaining("PT-1S");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> KeyedResource.shared("dbs", Duration.ofSeconds(-1), (key) -> this.db));
	}

	// Shutdown and leaks.

	@Test
	void aShutdownReleasesWhatIsIdleAtOnceAndTheRestAfterItsLastUser() {
		AsyncResource<String> forever = this.db.shared(FOREVER);
		CompletableFuture<String> using = use(forever);
		this.go.tryEmitEmpty();
		assertThat(using).isDone();
		assertThat(this.scopes.openScopes()).extracting(Scope::name).containsExactly("shared db");
		Sinks.Empty<Void> busy = Sinks.empty();
		Recording other = new Recording("other", this.events);
		CompletableFuture<String> user = this.scopes
			.use(other.shared(FOREVER), (value) -> busy.asMono().thenReturn(value))
			.toFuture();
		CompletableFuture<List<Scope>> left = new CompletableFuture<>();
		CompletableFuture<Void> closed = this.scopes.close(left::complete).toFuture();
		assertThat(this.events).containsExactly("acquire db", "acquire other", "release db completed");
		busy.tryEmitEmpty();
		assertThat(this.events).endsWith("release other completed");
		assertThat(user).isCompletedWithValue("other");
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(closed).isCompleted();
		assertThat(left).isNotDone();
	}

	@Test
	void aUserInsideAShutdownIsServed() {
		CompletableFuture<String> user = this.scopes
			.<String>with((scope) -> this.go.asMono().then(scope.enter(this.shared)))
			.toFuture();
		this.scopes.close().subscribe();
		this.go.tryEmitEmpty();
		assertThat(user).isCompletedWithValue("db");
		assertThat(this.events).containsExactly("acquire db", "release db completed");
	}

	@Test
	void theScopeOfTheSharedIsNeverOverdue() {
		Leaks leaks = new Leaks(List.of());
		LeakDetector detector = new LeakDetector(this.scopes, leaks, ScopeClock.of(this.time), Duration.ofMinutes(1),
				Duration.ofSeconds(10));
		detector.start();
		AsyncResource<String> kept = this.db.shared(FOREVER);
		use(kept);
		this.go.tryEmitEmpty();
		this.time.advanceTimeBy(Duration.ofHours(1));
		assertThat(leaks.count(LeakReason.OVERDUE)).isZero();
		assertThat(this.scopes.openScopes()).singleElement()
			.satisfies((scope) -> assertThat(scope.resources()).containsExactly("db"));
		// Or else it would be lost.
		Reference.reachabilityFence(kept);
		detector.stop();
	}

	// Keyed.

	@Test
	@Case(170)
	void eachKeyHasItsOwnAndCostsNothingWhenIdle() {
		KeyedSharing<String> tenants = new KeyedSharing<>("tenants", IDLE,
				(key) -> new Recording("db " + key, this.events));
		CompletableFuture<String> one = use(tenants.forKey("one"));
		CompletableFuture<String> again = use(tenants.forKey("one"));
		CompletableFuture<String> other = use(tenants.forKey("other"));
		assertThat(this.events).containsExactly("acquire db one", "acquire db other");
		assertThat(this.scopes.openScopes()).filteredOn((scope) -> scope.name().equals("shared tenants"))
			.extracting(Scope::keys)
			.containsExactlyInAnyOrder(java.util.Map.of("db one", "one"), java.util.Map.of("db other", "other"));
		this.go.tryEmitEmpty();
		assertThat(List.of(one.join(), again.join(), other.join())).containsExactly("db one", "db one", "db other");
		assertThat(tenants.size()).isEqualTo(2);
		idles(IDLE);
		assertThat(tenants.size()).isZero();
		assertThat(this.events).endsWith("release db one completed", "release db other completed");
	}

	@Test
	void whatIsHeldOfAKeyIsThatKeys() {
		KeyedResource<String> tenants = KeyedResource.shared("tenants", IDLE,
				(key) -> AsyncResource.just("db of " + key));
		String found = this.scopes.use(tenants.forKey("one"), (one) -> this.scopes.use(tenants.forKey("two"),
				(two) -> Mono.zip(tenants.forKey("one").held(), tenants.forKey("two").held(), (x, y) -> x + ", " + y)))
			.as(EventLoop.Loop::await);
		assertThat(found).isEqualTo("db of one, db of two");
		assertThat(tenants.forKey("three").held().toFuture()).isCompletedExceptionally();
	}

	@Test
	void aFunctionThatFailsForAKeyFailsItsCallersOnly() {
		KeyedSharing<String> tenants = new KeyedSharing<>("tenants", IDLE, (key) -> {
			if (key.equals("bad")) {
				throw this.error;
			}
			return this.db;
		});
		assertThat(use(tenants.forKey("bad"))).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isSameAs(this.error);
		this.go.tryEmitEmpty();
		assertThat(use(tenants.forKey("good"))).isCompletedWithValue("db");
		idles(IDLE);
		assertThat(tenants.size()).isZero();
	}

	// Memoized.

	@Test
	@Case(39)
	void aMemoizedResourceIsAcquiredOnFirstUseAndReleasedWithItsScope() {
		Sinks.One<String> arrival = Sinks.one();
		this.db.acquisition = arrival.asMono();
		Scope owner = this.scopes.open("owner");
		AsyncResource<String> memoized = owner.memoize(this.db);
		assertThat(this.events).isEmpty();
		this.scopes.use(memoized, Mono::just).subscribe().dispose();
		arrival.tryEmitValue("db");
		this.go.tryEmitEmpty();
		assertThat(use(memoized)).isCompletedWithValue("db");
		assertThat(owner.child("inner").enter(memoized).toFuture().join()).isEqualTo("db");
		assertThat(this.events).containsExactly("acquire db");
		owner.close().as(EventLoop.Loop::await);
		assertThat(this.events).containsExactly("acquire db", "release db completed");
		assertThat(use(memoized)).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(ScopeClosedException.class);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void closeOfASwappableGivesUpWaitingForItsUsers() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		CompletableFuture<Object> user = this.scopes.use(swappable, (db) -> Mono.never()).toFuture();
		CompletableFuture<Void> closed = swappable.close().toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(14));
		assertThat(closed).isNotDone();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(closed).isDone();
		assertThat(this.events).as("while it is used").containsExactly("acquire db");
		user.cancel(true);
		assertThat(this.events).hasSize(2);
	}

	@Test
	@Case(39)
	void aMemoizedResourceThatIsNotUsedIsNeverAcquired() {
		this.scopes.with((scope) -> Mono.just(scope.memoize(this.db))).as(EventLoop.Loop::await);
		assertThat(this.events).isEmpty();
	}

	@Test
	@Case(39)
	void aMemoizedResourceIsReleasedInTheOrderOfItsFirstUse() {
		Recording other = new Recording("other", this.events);
		this.scopes.with((scope) -> {
			AsyncResource<String> memoized = scope.memoize(this.db);
			return this.scopes.use(memoized, Mono::just).then(scope.enter(other)).then(scope.enter(memoized));
		}).as(EventLoop.Loop::await);
		assertThat(this.events).containsExactly("acquire db", "acquire other", "release other completed",
				"release db completed");
	}

	// Swapped.

	@Test
	@Case(171)
	void theOldOneIsReleasedAfterItsLastUser() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		Recording better = new Recording("better", this.events);
		Sinks.One<String> arrival = Sinks.one();
		better.acquisition = arrival.asMono();
		CompletableFuture<String> old = use(swappable);
		CompletableFuture<Void> swap = swappable.swap(better).toFuture();
		assertThat(swap).isNotDone();
		assertThat(this.scopes.use(swappable, Mono::just).toFuture().join()).isEqualTo("db");
		arrival.tryEmitValue("better");
		assertThat(swap).isCompleted();
		assertThat(this.scopes.use(swappable, Mono::just).toFuture().join()).isEqualTo("better");
		assertThat(this.db.released()).isZero();
		this.go.tryEmitEmpty();
		assertThat(old).isCompletedWithValue("db");
		assertThat(this.events).containsExactly("acquire db", "acquire better", "release db completed");
		swappable.close().as(EventLoop.Loop::await);
		assertThat(this.events).endsWith("release better completed");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(171)
	void ifTheNewOneFailsTheOldOneStays() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		this.go.tryEmitEmpty();
		use(swappable);
		AsyncResource<String> broken = AsyncResource.of(() -> Mono.error(this.error), (value, exit) -> Mono.empty());
		assertThat(swappable.swap(broken).toFuture()).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isSameAs(this.error);
		assertThat(use(swappable)).isCompletedWithValue("db");
		assertThat(this.events).containsExactly("acquire db");
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(171)
	void afterACloseASwapFailsAndTheNewcomerIsReleased() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		Sinks.One<String> arrival = Sinks.one();
		Recording newcomer = new Recording("newcomer", this.events);
		newcomer.acquisition = arrival.asMono();
		CompletableFuture<Void> swap = swappable.swap(newcomer).toFuture();
		CompletableFuture<Void> closed = swappable.close().toFuture();
		assertThat(swap).isNotDone();
		assertThat(closed).isNotDone();
		arrival.tryEmitValue("newcomer");
		assertThat(this.events).containsExactly("acquire newcomer", "release newcomer cancelled: 'db' was closed");
		assertThat(swap).failsWithin(LIMIT).withThrowableThat().havingCause().isInstanceOf(ScopeClosedException.class);
		assertThat(closed).isCompleted();
		assertThat(swappable.swap(newcomer).toFuture()).isCompletedExceptionally();
		assertThat(use(swappable)).isCompletedExceptionally();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(171)
	void aCancelledSwapLeavesTheOldOne() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		Sinks.One<String> arrival = Sinks.one();
		Recording newcomer = new Recording("newcomer", this.events);
		newcomer.acquisition = arrival.asMono();
		swappable.swap(newcomer).subscribe().dispose();
		arrival.tryEmitValue("newcomer");
		assertThat(newcomer.released()).isOne();
		this.go.tryEmitEmpty();
		assertThat(use(swappable)).isCompletedWithValue("db");
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	void ofSeveralSwapsTheLatestCounts() {
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		Sinks.One<String> slow = Sinks.one();
		Recording first = new Recording("first", this.events);
		first.acquisition = slow.asMono();
		CompletableFuture<Void> early = swappable.swap(first).toFuture();
		swappable.swap(new Recording("second", this.events)).as(EventLoop.Loop::await);
		slow.tryEmitValue("first");
		assertThat(early).isCompleted();
		assertThat(this.events).containsExactly("acquire first", "acquire second", "release first completed");
		this.go.tryEmitEmpty();
		assertThat(use(swappable)).isCompletedWithValue("second");
	}

	@Test
	void whoWaitsForTheFirstGetsTheOneThatTookItsPlace() {
		this.db.acquisition = Mono.never();
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		CompletableFuture<String> waiting = use(swappable);
		swappable.swap(AsyncResource.just("better")).as(EventLoop.Loop::await);
		this.go.tryEmitEmpty();
		assertThat(waiting).isCompletedWithValue("better");
	}

	@Test
	@Case({ 45, 171 })
	void theErrorOfAReleaseThatNobodyWaitsForIsHeard() {
		this.db.release = Mono.error(this.error);
		SwappableResource<String> swappable = this.scopes.swappable(this.db);
		this.go.tryEmitEmpty();
		use(swappable);
		swappable.swap(AsyncResource.just("better")).as(EventLoop.Loop::await);
		assertThat(this.db.released()).isOne();
		assertThat(this.told.undelivered).as("after a swap").containsExactly(this.error);
		use(this.shared);
		this.scopes.close().subscribe();
		assertThat(this.db.released()).isEqualTo(2);
		assertThat(this.told.undelivered).as("at shutdown").hasSize(2);
	}

	@Test
	@Case(45)
	@SuppressWarnings("unchecked")
	void theErrorOfAReleaseAfterAUserWhoNeverGotItIsHeard() {
		this.db.release = Mono.error(this.error);
		AsyncResource<String> shared = this.db.shared(Duration.ZERO);
		// Arrives in the subscriber that asks for nothing, and so never gets it.
		this.scopes.with((scope) -> Mono.deferContextual((context) -> {
			((Mono<Object>) RawResource.acquire(shared)).contextWrite(context)
				.subscribeWith(new BaseSubscriber<Object>() {
					@Override
					protected void hookOnSubscribe(Subscription subscription) {
						// Not yet.
					}
				})
				.dispose();
			return Mono.empty();
		})).as(EventLoop.Loop::await);
		assertThat(this.db.released()).isOne();
		assertThat(this.told.undelivered).containsExactly(this.error);
	}

}
