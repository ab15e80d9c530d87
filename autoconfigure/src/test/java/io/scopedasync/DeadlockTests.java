package io.scopedasync;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Scopes that wait for each other are found, all of them and no others.
 */
@Timeout(60)
@EventLoop
class DeadlockTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Limiter a = Limiter.builder("a").build();

	private final Limiter b = Limiter.builder("b").build();

	private final Limiter c = Limiter.builder("c").build();

	private final List<Deadlock> found = new ArrayList<>();

	/** Opens when every scope has what it is to hold. */
	private final Sinks.Empty<String> gate = Sinks.empty();

	@AfterEach
	void everythingIsGivenBack() {
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(List.of(this.a, this.b, this.c)).allSatisfy((limiter) -> {
			assertThat(limiter.statistics().borrowed()).as(limiter.name()).isZero();
			assertThat(limiter.statistics().waiting()).as(limiter.name()).isZero();
		});
		this.time.dispose();
	}

	private void look() {
		this.scopes.breakDeadlocks(this.found::add);
	}

	private void open() {
		this.gate.tryEmitEmpty();
	}

	/** Waits for the gate between the two, in its acquisitions only. */
	private CompletableFuture<String> entering(String name, AsyncResource<?> first, AsyncResource<?> second) {
		AsyncResource<String> gate = AsyncResource.of(() -> this.gate.asMono().defaultIfEmpty("open"),
				(open, exit) -> Mono.empty());
		return begin(this.scopes.with(ScopeSpec.of(name).entering(first, gate, second), (scope) -> Mono.just(name)));
	}

	private CompletableFuture<String> nesting(String name, AsyncResource<?> first, AsyncResource<?> second) {
		return begin(this.scopes.with(ScopeSpec.of(name).entering(first), (scope) -> this.gate.asMono()
			.then(this.scopes.with(ScopeSpec.of(name + ".inner").entering(second), (inner) -> Mono.just(name)))));
	}

	private <T> CompletableFuture<T> begin(Mono<T> mono) {
		CompletableFuture<T> result = mono.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		return result;
	}

	private static void failed(CompletableFuture<?> call, String... words) {
		assertThat(call).failsWithin(BOUND)
			.withThrowableOfType(ExecutionException.class)
			.withCauseInstanceOf(DeadlockException.class)
			.satisfies((ex) -> assertThat(List.of(words))
				.allSatisfy((word) -> assertThat(ex.getCause()).hasMessageContaining(word)));
	}

	@Test
	void theYoungestOfTwoThatWaitForEachOtherFailsAndTheOtherGoesOn() {
		CompletableFuture<String> one = entering("one", this.a, this.b);
		CompletableFuture<String> two = entering("two", this.b, this.a);
		open();
		look();
		assertThat(this.found).as("one look is not enough").isEmpty();
		look();
		failed(two, "Scope 'two' would have waited for 'a' for ever", "holds 'b' and waits for 'a', held by 'one' #",
				"; 'one' #", "holds 'a' and waits for 'b', held by 'two' #", "in the same order");
		assertThat(one).isCompletedWithValue("one");
		Deadlock deadlock = this.found.get(0);
		assertThat(this.found).hasSize(1);
		assertThat(deadlock.youngest().name()).isEqualTo("two");
		assertThat(deadlock.resource()).isEqualTo("a");
		assertThat(deadlock.cycle()).extracting(Deadlock.Member::scope).containsExactly("two", "one");
		assertThat(deadlock.cycle()).extracting(Deadlock.Member::age)
			.containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2));
		assertThat(deadlock.cycle()).extracting(Deadlock.Member::thread).containsOnly(Thread.currentThread().getName());
		assertThat(deadlock.others()).isEmpty();
	}

	@Test
	void itIsToldWhileItsMembersStillWait() {
		entering("one", this.a, this.b);
		CompletableFuture<String> two = entering("two", this.b, this.a);
		open();
		look();
		List<Object> seen = new ArrayList<>();
		this.scopes.breakDeadlocks((deadlock) -> {
			seen.add(two.isDone());
			seen.add(deadlock.youngest().state());
			seen.add(deadlock.youngest().resources());
		});
		assertThat(seen).containsExactly(false, Scope.State.ENTERING, List.of("b", "resource", "a"));
		failed(two);
	}

	@Test
	void whoIsToldMayFailAndTheDeadlockEndsAllTheSame() {
		entering("one", this.a, this.b);
		CompletableFuture<String> two = entering("two", this.b, this.a);
		open();
		look();
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.breakDeadlocks((deadlock) -> {
			throw new IllegalStateException("told");
		}));
		failed(two);
	}

	@Test
	void threeInARingThroughInnerScopesAndWhatABodyEnters() {
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(this.scopes.with(ScopeSpec.of("two").entering(this.b),
				(scope) -> this.gate.asMono().then(scope.enter(this.c)).thenReturn("two")));
		CompletableFuture<String> three = nesting("three", this.c, this.a);
		open();
		look();
		look();
		failed(three, "'three.inner' #", "waits for 'a', held by 'one' #", "waits for the scope inside it, 'one.inner'",
				"waits for 'b', held by 'two' #", "holds 'b' and waits for 'c', held by 'three' #",
				"holds 'c' and waits for the scope inside it, 'three.inner'");
		assertThat(this.found.get(0).cycle()).extracting(Deadlock.Member::scope)
			.containsExactly("three.inner", "one", "one.inner", "two", "three");
		assertThat(one).isCompletedWithValue("one");
		assertThat(two).isCompletedWithValue("two");
	}

	@Test
	void blockingThreadsAndFutures() throws Exception {
		CountDownLatch held = new CountDownLatch(2);
		CompletableFuture<String> blocking = new CompletableFuture<>();
		Thread thread = new Thread(() -> {
			try {
				blocking.complete(this.scopes.useBlocking(this.a, (permit) -> {
					held.countDown();
					held.await(30, TimeUnit.SECONDS);
					return this.scopes.useBlocking(this.b, (second) -> "blocking");
				}));
			}
			catch (Throwable ex) {
				blocking.completeExceptionally(ex);
			}
		});
		thread.start();
		CompletableFuture<String> future = this.scopes.useFuture(this.b, (permit) -> {
			CompletableFuture<String> inner = this.gate.asMono().thenReturn("x").toFuture();
			held.countDown();
			return inner.thenCompose(
					(x) -> this.scopes.with(ScopeSpec.of("future"), (scope) -> scope.enter(this.a).thenReturn("future"))
						.contextWrite((context) -> context.put(Scope.class,
								this.scopes.holders(this.b)
									.stream()
									.filter((scope) -> scope.state() == Scope.State.RUNNING)
									.findFirst()
									.orElseThrow()))
						.toFuture());
		});
		Awaitility.await().atMost(BOUND).until(() -> this.b.statistics().waiting() == 1);
		open();
		Awaitility.await().atMost(BOUND).until(() -> {
			look();
			return !this.found.isEmpty();
		});
		assertThat(this.found.get(0).count()).isEqualTo(4);
		thread.join(BOUND.toMillis());
		Awaitility.await().atMost(BOUND).until(() -> future.isDone() && blocking.isDone());
		assertThat(List.of(future, blocking)).filteredOn(CompletableFuture::isCompletedExceptionally).hasSize(1);
		assertThat(this.found).hasSize(1);
		Awaitility.await().atMost(BOUND).until(() -> this.scopes.openScopes().isEmpty());
	}

	@Test
	void whatIsAcquiredWithinAScopeWaitsForThat() {
		AsyncResource<String> login = AsyncResource.of(
				() -> this.gate.asMono().then(this.scopes.use(this.a, (permit) -> Mono.just("token"))),
				(token, exit) -> Mono.empty());
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(
				this.scopes.with(ScopeSpec.of("two").entering(this.b, login), (scope) -> Mono.just("two")));
		open();
		look();
		look();
		failed(two, "'a' #", "waits for 'a', held by 'one' #", "holds 'b' and waits for the scope inside it, 'a' #");
		assertThat(one).isCompletedWithValue("one");
	}

	@Test
	void aScopeInsideOneThatHoldsAllWaitsForItself() {
		CompletableFuture<String> call = nesting("outer", this.a, this.a);
		open();
		look();
		look();
		failed(call, "'outer.inner' #", "waits for 'a', held by 'outer' #",
				"holds 'a' and waits for the scope inside it, 'outer.inner'");
	}

	@Test
	void aScopeAloneWaitsForItself() {
		CompletableFuture<String> call = begin(this.scopes.with(ScopeSpec.of("alone").entering(this.a),
				(scope) -> scope.enter(this.a).map(Permit::toString)));
		look();
		look();
		failed(call, "'alone' #", "holds 'a' and waits for 'a', held by 'alone' #");
		assertThat(this.found.get(0).count()).isOne();
	}

	@Test
	void ofSeveralPermitsAllHoldersMustBeStuck() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		Sinks.Empty<Void> end = Sinks.empty();
		CompletableFuture<Void> live = begin(this.scopes.use(two, (permit) -> end.asMono()));
		CompletableFuture<String> one = nesting("one", two, this.a);
		CompletableFuture<String> other = nesting("other", this.a, two);
		open();
		for (int i = 0; i < 3; i++) {
			look();
		}
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(live).isCompleted();
		assertThat(other).isCompletedWithValue("other");
		assertThat(one).isCompletedWithValue("one");
		assertThat(two.statistics().borrowed()).isZero();
	}

	@Test
	void ofSeveralPermitsAllHoldersAreNamed() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		CompletableFuture<String> first = nesting("first", two, this.a);
		CompletableFuture<String> second = nesting("second", two, this.a);
		CompletableFuture<String> third = nesting("third", this.a, two);
		open();
		look();
		look();
		failed(third, "waits for 'two-permits', held by", "and another one", "; and 2 more.");
		Deadlock deadlock = this.found.get(0);
		assertThat(deadlock.count()).isEqualTo(6);
		List<String> all = new ArrayList<>(deadlock.cycle().stream().map(Deadlock.Member::scope).toList());
		all.addAll(deadlock.others().stream().map(Deadlock.Member::scope).toList());
		assertThat(all).containsExactlyInAnyOrder("first", "first.inner", "second", "second.inner", "third",
				"third.inner");
		assertThat(first).isCompletedWithValue("first");
		assertThat(second).isCompletedWithValue("second");
	}

	@Test
	void whatIsHeldByHandMayBeGivenBackByAnybody() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		Permit byHand = two.tryAcquire();
		CompletableFuture<String> one = nesting("one", two, this.a);
		CompletableFuture<String> other = nesting("other", this.a, two);
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		assertThat(byHand).isNotNull();
		byHand.close();
		assertThat(one).isCompletedWithValue("one");
		assertThat(other).isCompletedWithValue("other");
	}

	@Test
	void whoMerelyWaitsBehindADeadlockIsLeftAlone() {
		CompletableFuture<String> one = entering("one", this.a, this.b);
		CompletableFuture<String> two = entering("two", this.b, this.a);
		CompletableFuture<String> bystander = begin(this.scopes.use(this.a, (permit) -> Mono.just("bystander")));
		open();
		CompletableFuture<String> last = begin(this.scopes.use(this.b, (permit) -> Mono.just("last")));
		look();
		look();
		failed(two);
		assertThat(this.found.get(0).count()).isEqualTo(2);
		assertThat(one).isCompletedWithValue("one");
		assertThat(bystander).isCompletedWithValue("bystander");
		assertThat(last).isCompletedWithValue("last");
	}

	@Test
	void aLargeRequestAtTheHeadOfTheQueueBlocksThoseBehindIt() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		// Holds one of two and waits for what the one behind the head holds.
		CompletableFuture<String> holder = entering("holder", two, this.a);
		CompletableFuture<String> behind = entering("behind", this.a, two);
		CompletableFuture<String> head = begin(
				this.scopes.with(ScopeSpec.of("head").entering(two.permits(2)), (scope) -> Mono.just("head")));
		open();
		look();
		look();
		failed(head, "'head' #", "waits for 2 of 'two-permits', held by 'holder' #",
				"waits for 'a', held by 'behind' #",
				"holds 'a' and waits for 'two-permits', in its queue behind 'head' #");
		assertThat(behind).isCompletedWithValue("behind");
		assertThat(holder).isCompletedWithValue("holder");
	}

	@Test
	void theHeadOfTheQueueNeedsToHoldNothing() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		CompletableFuture<String> holder = entering("holder", two, this.a);
		CompletableFuture<String> behind = entering("behind", this.a, two);
		CompletableFuture<String> head = begin(
				this.scopes.with(ScopeSpec.of("head"), (scope) -> scope.enter(two.permits(2)).thenReturn("head")));
		open();
		look();
		look();
		failed(head, "waits for 2 of 'two-permits', held by 'holder' #");
		assertThat(behind).isCompletedWithValue("behind");
		assertThat(holder).isCompletedWithValue("holder");
	}

	@Test
	void ofTwoThatDependOnEachOtherOnlyTheInnermostDeadlockIsEnded() {
		Limiter two = Limiter.builder("two-permits").permits(2).build();
		// One permit is in a deadlock of x and y; when that ends, p and q go on as well.
		CompletableFuture<String> x = begin(this.scopes
			.with(ScopeSpec.of("x").entering(two, this.b), (scope) -> this.gate.asMono().then(scope.enter(this.c)))
			.map((permit) -> "x"));
		CompletableFuture<String> y = entering("y", this.c, this.b);
		CompletableFuture<String> p = entering("p", two, this.a);
		CompletableFuture<String> q = entering("q", this.a, two);
		open();
		look();
		look();
		failed(y);
		assertThat(this.found).hasSize(1);
		assertThat(x).isCompletedWithValue("x");
		assertThat(p).isCompletedWithValue("p");
		assertThat(q).isCompletedWithValue("q");
	}

	@Test
	void theKeysOfOneLimiterAreDifferentResources() {
		KeyedLimiter accounts = KeyedLimiter.builder("account").build();
		CompletableFuture<String> one = entering("transfer", accounts.forKey("s3cret-1"), accounts.forKey("s3cret-2"));
		Sinks.Empty<Void> end = Sinks.empty();
		CompletableFuture<Void> live = begin(this.scopes.use(accounts.forKey("s3cret-2"), (permit) -> end.asMono()));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(live).isCompleted();
		assertThat(one).isCompletedWithValue("transfer");
	}

	@Test
	void keysAreToldApartAndNotShown() {
		KeyedLimiter accounts = KeyedLimiter.builder("account").build();
		CompletableFuture<String> one = entering("transfer", accounts.forKey("s3cret-1"), accounts.forKey("s3cret-2"));
		CompletableFuture<String> two = entering("transfer", accounts.forKey("s3cret-2"), accounts.forKey("s3cret-1"));
		open();
		look();
		look();
		failed(two, "holds 'account' (key no. 1) and waits for 'account' (key no. 2), held by 'transfer' #");
		assertThat(this.found.get(0).toString()).doesNotContain("s3cret");
		assertThat(one).isCompletedWithValue("transfer");
		assertThat(accounts.statistics().keys()).isZero();
	}

	@Test
	void anOuterScopeWithAnotherLiveOneInsideGoesOn() {
		Sinks.Empty<String> end = Sinks.empty();
		CompletableFuture<String> outer = begin(this.scopes.with(ScopeSpec.of("outer").entering(this.a),
				(scope) -> Mono.firstWithSignal(this.scopes.use(this.b, (permit) -> Mono.just("got it")),
						this.scopes.use(this.c, (permit) -> end.asMono()).thenReturn("without"))));
		CompletableFuture<String> other;
		assertThat(outer).isCompletedWithValue("got it");
		other = entering("other", this.b, this.a);
		outer = begin(this.scopes.with(ScopeSpec.of("outer").entering(this.a),
				(scope) -> Mono.firstWithSignal(this.scopes.use(this.b, (permit) -> Mono.just("got it")),
						this.scopes.use(this.c, (permit) -> end.asMono()).thenReturn("without"))));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(outer).isCompletedWithValue("without");
		assertThat(other).isCompletedWithValue("other");
	}

	@Test
	void whatIsOpenedByHandIsClosedByHandWhateverItHasInside() {
		Scope session = this.scopes.open("session");
		session.enter(this.a).as(EventLoop.Loop::await);
		CompletableFuture<String> inside = begin(
				waitingIn(session, this.scopes.use(this.b, (permit) -> Mono.just("x"))));
		CompletableFuture<String> other = entering("other", this.b, this.a);
		CompletableFuture<String> late = begin(waitingIn(session, this.scopes.use(this.b, (permit) -> Mono.just("y"))));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		session.close().as(EventLoop.Loop::await);
		assertThat(inside).isCompletedWithValue("x");
		assertThat(other).isCompletedWithValue("other");
		assertThat(late).isCompletedWithValue("y");
	}

	@Test
	void aBodyDoesNotWaitForWhatItsEndCloses() {
		Sinks.Empty<String> end = Sinks.empty();
		CompletableFuture<String> outer = begin(this.scopes.with(ScopeSpec.of("outer").entering(this.a), (scope) -> {
			this.gate.asMono().then(scope.child("child").enter(this.b)).onErrorComplete().subscribe();
			return end.asMono().thenReturn("outer");
		}));
		aBodyThatGoesOnIsLeftAlone(end, outer);
	}

	@Test
	void aBodyDoesNotWaitForWhatOthersMakeOfWhatItShares() {
		Sinks.Empty<String> end = Sinks.empty();
		List<AsyncResource<Permit>> memoized = new ArrayList<>();
		CompletableFuture<String> outer = begin(this.scopes.with(ScopeSpec.of("outer").entering(this.a), (scope) -> {
			memoized.add(scope.memoize(this.b));
			return end.asMono().thenReturn("outer");
		}));
		CompletableFuture<Permit> user = this.gate.asMono()
			.then(this.scopes.use(memoized.get(0), Mono::just))
			.toFuture();
		aBodyThatGoesOnIsLeftAlone(end, outer);
		assertThat(user).isCompletedExceptionally();
	}

	private void aBodyThatGoesOnIsLeftAlone(Sinks.Empty<String> end, CompletableFuture<String> outer) {
		CompletableFuture<String> other = entering("other", this.b, this.a);
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(outer).isCompletedWithValue("outer");
		assertThat(other).isCompletedWithValue("other");
	}

	@Test
	void aGroupWhoseBodyCancelsTheRestDoesNotWaitForIt() {
		Sinks.Empty<String> end = Sinks.empty();
		CompletableFuture<String> outer = begin(this.scopes.use(this.a,
				(permit) -> this.scopes.group(ScopeSpec.of("group"), TaskPolicy.supervising().cancelRest(), (group) -> {
					group.start(this.gate.asMono().then(this.scopes.use(this.b, (second) -> Mono.just("task"))));
					return end.asMono().thenReturn("outer");
				})));
		aBodyThatGoesOnIsLeftAlone(end, outer);
	}

	@Test
	void aGroupThatHoldsWhatItsTaskWaitsForWaitsForItself() {
		CompletableFuture<String> outer = begin(this.scopes.use(this.a, (permit) -> this.scopes.group((group) -> {
			group.start(this.scopes.use(this.a, (second) -> Mono.just("task")));
			return Mono.just("outer");
		})));
		look();
		look();
		failed(outer, "waits for 'a', held by");
	}

	private <T> Mono<T> waitingIn(Scope scope, Mono<T> work) {
		return work.contextWrite((context) -> context.put(Scope.class, scope));
	}

	@Test
	void aThreadThatIsBusyGoesOn() throws Exception {
		AtomicBoolean busy = new AtomicBoolean(true);
		CountDownLatch running = new CountDownLatch(1);
		CompletableFuture<?>[] inner = new CompletableFuture<?>[1];
		Thread thread = new Thread(() -> {
			try {
				this.scopes.useBlocking(this.a, (permit) -> {
					inner[0] = this.scopes.use(this.b, (second) -> Mono.just("inner")).toFuture();
					running.countDown();
					while (busy.get()) {
						Thread.onSpinWait();
					}
					return "done";
				});
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		CompletableFuture<String> other = entering("other", this.b, this.a);
		thread.start();
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		busy.set(false);
		thread.join(BOUND.toMillis());
		assertThat(other).succeedsWithin(BOUND);
		assertThat(inner[0]).succeedsWithin(BOUND);
	}

	@Test
	void aTaskWhoseThreadIsBusyGoesOn() throws Exception {
		AtomicBoolean busy = new AtomicBoolean(true);
		CountDownLatch running = new CountDownLatch(1);
		CompletableFuture<String> other = entering("other", this.b, this.a);
		CompletableFuture<String> outer = this.scopes
			.use(this.a, (permit) -> this.scopes.<String>group((group) -> group.<String>startBlocking(() -> {
				CompletableFuture<String> inner = this.scopes.use(this.b, (second) -> Mono.just("inner")).toFuture();
				running.countDown();
				while (busy.get()) {
					Thread.onSpinWait();
				}
				inner.cancel(false);
				return "done";
			}).result()))
			.toFuture();
		assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
		open();
		look();
		look();
		busy.set(false);
		assertThat(outer).succeedsWithin(BOUND).isEqualTo("done");
		assertThat(other).succeedsWithin(BOUND);
		assertThat(this.found).isEmpty();
	}

	@Test
	void aWaitForALargerTotalIsNone() {
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		this.b.resize(0);
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		this.b.resize(1);
		assertThat(one).isCompletedWithValue("one");
	}

	static Stream<UnaryOperator<AsyncResource<?>>> viewsOfSeveral() {
		return Stream.of((all) -> all, (all) -> all.map(Object::toString).named("seen"));
	}

	@ParameterizedTest
	@MethodSource("viewsOfSeveral")
	void whatIsAcquiredAtTheSameTimeIsInNoOrder(UnaryOperator<AsyncResource<?>> view) {
		AsyncResource<?> both = view.apply(AsyncResource.all(this.a, this.b));
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(
				this.scopes.with(ScopeSpec.of("two").entering(both), (scope) -> Mono.just("two")));
		open();
		look();
		assertThat(this.found).isEmpty();
		look();
		failed(one, "'one.inner' #", "waits for 'b', held by 'two' #", "holds 'b' and waits for the scope inside it");
		assertThat(two).isCompletedWithValue("two");
	}

	@ParameterizedTest
	@MethodSource("viewsOfSeveral")
	void whatIsHeldTogetherBelongsToWhoHoldsIt(UnaryOperator<AsyncResource<?>> view) {
		CompletableFuture<String> one = nesting("one", view.apply(AsyncResource.all(this.a, this.b)), this.c);
		CompletableFuture<String> two = nesting("two", this.c, this.a);
		open();
		look();
		look();
		failed(two, "waits for 'a', held by 'one' #");
		assertThat(one).isCompletedWithValue("one");
	}

	@Test
	void whatABodyEntersAtTheSameTimeIsInNoOrder() {
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(this.scopes.with(ScopeSpec.of("two"),
				(scope) -> scope.enter(AsyncResource.all(this.a, this.b)).thenReturn("two")));
		open();
		look();
		look();
		failed(one, "waits for 'b', held by 'two' #");
		assertThat(two).isCompletedWithValue("two");
	}

	@Test
	void thePartOfTheYoungestFailsAndWithItTheOthers() {
		Sinks.Empty<String> end = Sinks.empty();
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> holder = begin(this.scopes.use(this.c, (permit) -> end.asMono().thenReturn("live")));
		CompletableFuture<String> two = begin(
				this.scopes.with(ScopeSpec.of("two").entering(AsyncResource.all(this.c, this.b)),
						(scope) -> this.gate.asMono().then(this.scopes.use(this.a, (permit) -> Mono.just("two")))));
		open();
		look();
		look();
		assertThat(this.found).as("a part goes on").isEmpty();
		end.tryEmitEmpty();
		assertThat(holder).isCompletedWithValue("live");
		look();
		look();
		failed(two, "holds 'b' and waits for the scope inside it", "waits for 'a', held by 'one' #");
		assertThat(one).isCompletedWithValue("one");
	}

	@Test
	void aPartThatNeedsNoRoomGoesOn() {
		Sinks.Empty<String> end = Sinks.empty();
		AsyncResource<String> slow = AsyncResource
			.of(() -> end.asMono().then(Mono.error(new IllegalStateException("x"))), (value, exit) -> Mono.empty());
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(this.scopes
			.with(ScopeSpec.of("two").entering(AsyncResource.all(this.a, this.b, slow)), (scope) -> Mono.just("two")));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(two).isCompletedExceptionally();
		assertThat(one).isCompletedWithValue("one");
	}

	@Test
	void whoeverRacesGoesOnWithTheOther() {
		Sinks.Empty<String> end = Sinks.empty();
		CompletableFuture<String> holder = begin(this.scopes.use(this.c, (permit) -> end.asMono().thenReturn("live")));
		CompletableFuture<String> one = nesting("one", this.a, this.b);
		CompletableFuture<String> two = begin(this.scopes.with(
				ScopeSpec.of("two").entering(this.b, AsyncResource.race(this.a, this.c)), (scope) -> Mono.just("two")));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(List.of(holder, one, two)).allMatch((call) -> call.isDone() && !call.isCompletedExceptionally());
	}

	static Stream<UnaryOperator<AsyncResource<?>>> views() {
		return Stream.of((limiter) -> limiter.map(Object::toString), (limiter) -> limiter.named("other"),
				AsyncResource::fresh, (limiter) -> limiter.suppressing(IOException.class),
				AsyncResource::releaseErrorFirst,
				(limiter) -> limiter.map(List::of).named("other").map(List::size).fresh());
	}

	@ParameterizedTest
	@MethodSource("views")
	void itIsTheSameHoweverItIsSeen(UnaryOperator<AsyncResource<?>> view) {
		CompletableFuture<String> one = entering("one", view.apply(this.a), view.apply(this.b));
		CompletableFuture<String> two = entering("two", view.apply(this.b), view.apply(this.a));
		open();
		look();
		look();
		failed(two, "held by 'one' #", "held by 'two' #");
		assertThat(one).isCompletedWithValue("one");
		assertThat(this.found).hasSize(1);
	}

	@Test
	void whatIsSharedIsTakenForOneThatGoesOn() {
		CompletableFuture<String> one = entering("one", this.a, this.b);
		CompletableFuture<String> two = entering("two", this.b, this.a.shared(Duration.ZERO));
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		this.scopes.openScopes().get(0).cancel("the test is over");
		assertThat(one).isCompletedExceptionally();
		assertThat(two).isCompletedWithValue("two");
	}

	@Test
	void waitsThatChangeBetweenTwoLooksAreNone() {
		for (int i = 0; i < 3; i++) {
			CompletableFuture<String> call = nesting("outer", this.a, this.a);
			open();
			look();
			assertThat(call).isNotDone();
			this.scopes.openScopes().get(0).cancel("not again");
			assertThat(call).isCompletedExceptionally();
		}
		assertThat(this.found).isEmpty();
	}

	@Test
	void aResourceOfOnesOwnTakesPartOnceItTellsItsStanding() {
		Turnstile turnstile = new Turnstile(true);
		CompletableFuture<String> one = entering("one", turnstile, this.b);
		CompletableFuture<String> two = entering("two", this.b, turnstile);
		open();
		look();
		look();
		failed(two, "waits for 'turnstile', held by 'one' #");
		assertThat(one).isCompletedWithValue("one");
		assertThat(turnstile.inside).isFalse();
	}

	@Test
	void aResourceOfOnesOwnThatTellsNothingIsTakenForOneThatServes() {
		Turnstile turnstile = new Turnstile(false);
		entering("one", turnstile, this.b);
		entering("two", this.b, turnstile);
		open();
		look();
		look();
		assertThat(this.found).isEmpty();
		this.scopes.openScopes().forEach((scope) -> scope.cancel("the test is over"));
	}

	@Test
	void severalDeadlocksAreEndedAtOnce() {
		List<Limiter> limiters = new ArrayList<>();
		List<CompletableFuture<String>> calls = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			Limiter left = Limiter.builder("left-" + i).build();
			Limiter right = Limiter.builder("right-" + i).build();
			limiters.addAll(List.of(left, right));
			calls.add(entering("one-" + i, left, right));
			calls.add(entering("two-" + i, right, left));
		}
		open();
		look();
		look();
		assertThat(this.found).hasSize(100);
		assertThat(calls).allMatch(CompletableFuture::isDone);
		assertThat(calls).filteredOn(CompletableFuture::isCompletedExceptionally).hasSize(100);
		assertThat(limiters).allMatch((limiter) -> limiter.statistics().borrowed() == 0);
	}

	@Test
	void aHundredThousandThatWaitAreLookedAtAtOnce() {
		Sinks.Empty<Void> end = Sinks.empty();
		CompletableFuture<Void> holder = begin(this.scopes.use(this.a, (permit) -> end.asMono()));
		List<CompletableFuture<String>> waiting = new ArrayList<>();
		for (int i = 0; i < 100_000; i++) {
			waiting.add(this.scopes.use(this.a, (permit) -> Mono.just("x")).toFuture());
		}
		look("alone");
		AsyncResource<String> other = AsyncResource.just("other");
		for (int i = 0; i < 100_000; i++) {
			waiting.add(this.scopes.with(ScopeSpec.of("holder").entering(other, this.a), (scope) -> Mono.just("x"))
				.toFuture());
		}
		look("that hold something more");
		assertThat(this.found).isEmpty();
		end.tryEmitEmpty();
		assertThat(holder).isCompleted();
		assertThat(waiting).allMatch(CompletableFuture::isDone);
	}

	private void look(String what) {
		for (int i = 0; i < 5; i++) {
			long before = System.nanoTime();
			look();
			System.out.println("A look at scopes " + what + ": " + (System.nanoTime() - before) / 1_000_000 + " ms");
		}
	}

	@Test
	void aRingOfTenThousandIsOneDeadlock() {
		int size = 10_000;
		List<Limiter> limiters = new ArrayList<>();
		for (int i = 0; i < size; i++) {
			limiters.add(Limiter.builder("fork-" + i).build());
		}
		List<CompletableFuture<String>> diners = new ArrayList<>();
		for (int i = 0; i < size; i++) {
			diners.add(entering("diner-" + i, limiters.get(i), limiters.get((i + 1) % size)));
		}
		open();
		look();
		look();
		assertThat(this.found).hasSize(1);
		Deadlock deadlock = this.found.get(0);
		assertThat(deadlock.count()).isEqualTo(size);
		assertThat(deadlock.cycle()).hasSize(Deadlock.LISTED);
		failed(diners.get(size - 1), "; and " + (size - Deadlock.LISTED) + " more.");
		assertThat(diners.subList(0, size - 1))
			.allMatch((diner) -> diner.isDone() && !diner.isCompletedExceptionally());
	}

	/** One at a time. */
	private static final class Turnstile extends DirectResource<String> {

		private final boolean tells;

		private final WaitQueue queue = new WaitQueue();

		private boolean inside;

		Turnstile(boolean tells) {
			super("turnstile");
			this.tells = tells;
		}

		@Override
		protected synchronized @Nullable String attempt(Waiter waiter) {
			if (this.inside) {
				this.queue.add(waiter, 1, 0);
				return null;
			}
			this.inside = true;
			return "inside";
		}

		@Override
		protected synchronized boolean withdraw(Waiter waiter) {
			return this.queue.remove(waiter);
		}

		@Override
		protected void giveBack(String value) {
			Waiter next;
			synchronized (this) {
				next = this.queue.peek();
				this.inside = next != null && this.queue.remove(next);
			}
			if (next != null) {
				next.grant(value);
			}
		}

		@Override
		protected synchronized @Nullable Standing standing() {
			return this.tells ? new Standing(this.inside ? 0 : 1, this.inside ? 1 : 0, this.queue.peek()) : null;
		}

	}

}
