package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Several resources at the same time: all of them, or the first.
 */
@Timeout(60)
class ParallelResourceTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.tracked(true)
		.recorder(this.told)
		.watcher(this.told)
		.build();

	private final Recording a = new Recording("a", this.events);

	private final Recording b = new Recording("b", this.events);

	private final Recording c = new Recording("c", this.events);

	private final IllegalStateException error = new IllegalStateException("expected");

	// All.

	@Test
	@Case({ 33, 35 })
	void allAreAcquiredAtTheSameTimeAndReleasedAtTheSameTime() {
		Sinks.One<String> first = Sinks.one();
		Sinks.Empty<Void> last = Sinks.empty();
		this.a.acquisition = first.asMono();
		this.b.release = last.asMono();
		CompletableFuture<List<String>> heard = this.scopes.use(AsyncResource.all(this.a, this.b), Mono::just)
			.toFuture();
		assertThat(this.events).containsExactly("acquire a", "acquire b");
		first.tryEmitValue("a");
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release b completed", "release a completed");
		assertThat(heard).isNotDone();
		last.tryEmitEmpty();
		assertThat(heard).isCompletedWithValue(List.of("a", "b"));
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(35)
	void eachBranchKeepsItsOwnReverseOrderAndAllAreToldTheSameExit() {
		Sinks.Empty<Void> slow = Sinks.empty();
		Recording d = new Recording("d", this.events);
		this.b.release = slow.asMono();
		AsyncResource<List<String>> branches = AsyncResource.all(this.a.flatMap((value) -> this.b),
				this.c.flatMap((value) -> d));
		CompletableFuture<String> heard = this.scopes
			.<List<String>, String>use(branches, (all) -> Mono.error(this.error))
			.toFuture();
		String failed = " failed: " + this.error;
		assertThat(this.events).containsExactly("acquire a", "acquire b", "acquire c", "acquire d",
				"release d" + failed, "release c" + failed, "release b" + failed);
		slow.tryEmitEmpty();
		assertThat(this.events).endsWith("release a" + failed);
		assertThat(heard).isCompletedExceptionally();
	}

	@Test
	@Case(33)
	void oneThatFailsUndoesTheOthersBeforeItsErrorSurfaces() {
		Sinks.One<String> failing = Sinks.one();
		Sinks.Empty<Void> release = Sinks.empty();
		this.a.release = release.asMono();
		this.b.acquisition = failing.asMono();
		Limiter full = Limiter.builder("full").permits(1).build();
		Permit held = full.tryAcquire();
		CompletableFuture<?> heard = this.scopes
			.use(AsyncResource.all(List.of(this.a, this.b, full)), (all) -> Mono.just("never"))
			.toFuture();
		assertThat(full.statistics().waiting()).isOne();
		failing.tryEmitError(this.error);
		assertThat(full.statistics().waiting()).isZero();
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release a failed: " + this.error);
		assertThat(heard).isNotDone();
		release.tryEmitEmpty();
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.told.recorded).contains("acquired a SUCCESS", "released a SUCCESS", "acquired b ERROR",
				"acquired full CANCELLED");
		assertThat(this.told.undelivered).isEmpty();
		held.close();
	}

	@Test
	@Case(34)
	void oneThatCanNotBeCancelledIsWaitedForAndReleased() {
		Sinks.One<String> masked = Sinks.one();
		this.a.acquisition = masked.asMono();
		this.b.acquisition = Mono.error(this.error);
		CompletableFuture<?> heard = this.scopes.use(AsyncResource.all(this.a, this.b), Mono::just).toFuture();
		assertThat(heard).isNotDone();
		masked.tryEmitValue("a");
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release a failed: " + this.error);
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
	}

	@Test
	@Case(34)
	void oneThatNeverArrivesIsGivenUpAfterTheReleaseLimit() {
		this.a.acquisition = Mono.never();
		this.b.acquisition = Mono.error(this.error);
		CompletableFuture<?> heard = this.scopes.use(AsyncResource.all(this.a, this.b), Mono::just).toFuture();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.error.getSuppressed()).singleElement().isInstanceOf(ReleaseTimeoutException.class);
	}

	@Test
	@Case({ 34, 57, 58 })
	void aCancelEndsTheWaitsWaitsForTheMaskedAndReleasesTheRestAtOnce() {
		Sinks.One<String> masked = Sinks.one();
		this.a.acquisition = masked.asMono();
		Limiter full = Limiter.builder("full").permits(1).build();
		Permit held = full.tryAcquire();
		Disposable call = this.scopes.use(AsyncResource.all(List.of(this.a, this.b, full)), (all) -> Mono.just("never"))
			.subscribe();
		Scope scope = this.scopes.openScopes().get(0);
		assertThat(scope.isWaiting()).as("has something in the making").isFalse();
		call.dispose();
		assertThat(full.statistics().waiting()).isZero();
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release b cancelled: by its subscriber");
		assertThat(scope.state()).isEqualTo(Scope.State.RELEASING);
		masked.tryEmitValue("a");
		assertThat(this.events).endsWith("release a cancelled: by its subscriber");
		assertThat(scope.state()).isEqualTo(Scope.State.CLOSED);
		assertThat(this.told.watched).isEmpty();
		assertThat(this.told.undelivered).isEmpty();
		held.close();
	}

	@Test
	void whoStopsEnteringThemEndsAllOfThem() {
		Sinks.One<String> masked = Sinks.one();
		this.a.acquisition = masked.asMono();
		Scope scope = this.scopes.open("by hand");
		scope.enter(AsyncResource.all(this.a, this.b)).subscribe().dispose();
		masked.tryEmitValue("a");
		assertThat(this.a.released()).isOne();
		assertThat(this.b.released()).isOne();
		assertThat(scope.state()).isEqualTo(Scope.State.RUNNING);
		scope.close().block(LIMIT);
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	void whatPartsHoldIsFoundAndJoined() {
		AsyncResource<String> joining = new Joining();
		AsyncResource<List<String>> both = AsyncResource.all(this.a.flatMap((value) -> this.b), joining).named("both");
		List<String> found = this.scopes
			.use(both, (values) -> Mono.zip(this.a.held(), this.b.held(), both.held())
				.flatMap((held) -> this.scopes.use(joining,
						(joined) -> Mono
							.just(List.of(held.getT1(), held.getT2(), joined, String.join(" ", held.getT3()))))))
			.block(LIMIT);
		assertThat(found).containsExactly("a", "b", "joining", "b joining");
		assertThat(Joining.acquired).isOne();
		assertThat(this.told.recorded).contains("acquired joining SUCCESS", "released joining SUCCESS",
				"acquired both SUCCESS", "released both SUCCESS");
		assertThat(this.told.closed).contains("both completed");
	}

	private static final class Joining implements AsyncResource<String> {

		static int acquired;

		Joining() {
			acquired = 0;
		}

		@Override
		public Mono<String> acquire() {
			acquired++;
			return Mono.just("joining");
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return Mono.empty();
		}

		@Override
		public Nesting nesting() {
			return Nesting.JOIN;
		}

		@Override
		public String name() {
			return "joining";
		}

	}

	@Test
	void holdersOfAPartAreKnown() {
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		this.a.acquisition = Mono.never();
		Disposable call = this.scopes.use(AsyncResource.all(List.of(this.a, limiter)), (all) -> Mono.never())
			.subscribe();
		assertThat(this.scopes.holders(limiter)).hasSize(1);
		assertThat(this.scopes.openScopes()).as("parts are no scopes of their own").hasSize(1);
		call.dispose();
		this.time.advanceTimeBy(LIMIT);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case({ 26, 35 })
	void whatIsTransferredMovesAsAWhole() {
		Scope first = this.scopes.open("first");
		first.enter(AsyncResource.all(this.a, this.b)).block(LIMIT);
		Scope owner = first.transfer();
		first.close().block(LIMIT);
		assertThat(this.a.released() + this.b.released()).isZero();
		assertThat(owner.find(this.a)).isEqualTo("a");
		owner.close().block(LIMIT);
		assertThat(this.events).endsWith("release b completed", "release a completed");
	}

	@Test
	void whatTheReleaseOfAPartFindsIsWhatTheScopeHolds() {
		List<Object> found = new ArrayList<>();
		AsyncResource<String> using = AsyncResource.closing(() -> Mono.just("using"),
				(value) -> this.c.held().doOnNext(found::add).then());
		this.scopes
			.with(ScopeSpec.of("outer").entering(this.c, AsyncResource.all(using, this.a)), (scope) -> Mono.empty())
			.block(LIMIT);
		assertThat(found).containsExactly("c");
	}

	@Test
	@Case({ 23, 45 })
	void errorsOfReleasesStayTogether() {
		IllegalStateException other = new IllegalStateException("other");
		this.a.release = Mono.error(other);
		this.b.release = Mono.error(this.error);
		CompletableFuture<?> heard = this.scopes.use(AsyncResource.all(this.a, this.b), Mono::just).toFuture();
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.error.getSuppressed()).containsExactly(other);
	}

	@Test
	@Case(47)
	void oneThatDeclaresAnErrorHandledIsEnough() {
		AsyncResource<List<String>> both = AsyncResource.all(this.a, this.b.suppressing(IllegalStateException.class));
		String nothing = this.scopes.<List<String>, String>use(both, (values) -> Mono.error(this.error)).block(LIMIT);
		assertThat(nothing).isNull();
		assertThat(this.events).contains("release a failed: " + this.error);
	}

	@Test
	@Case(70)
	void eachPartHasAReleaseLimitOfItsOwn() {
		this.a.release = Mono.never();
		CompletableFuture<?> heard = this.scopes.use(AsyncResource.all(this.a, this.b).named("both"), Mono::just)
			.toFuture();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(ReleaseTimeoutException.class)
			.withMessageContaining("'a'");
		assertThat(this.told.watched).containsExactly("stuck both a");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case({ 33, 15 })
	void aCombinatorThatFailsReleasesBoth() {
		AsyncResource<String> zipped = this.a.zipWith(this.b, (x, y) -> {
			throw this.error;
		});
		CompletableFuture<?> heard = this.scopes.use(zipped, Mono::just).toFuture();
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.events).endsWith("release b failed: " + this.error, "release a failed: " + this.error);
		assertThat(this.scopes.use(this.a.zipWith(this.b, String::concat), Mono::just).block(LIMIT)).isEqualTo("ab");
	}

	@Test
	void ofNothingThereIsAnEmptyList() {
		assertThat(this.scopes.use(AsyncResource.all(List.of()), Mono::just).block(LIMIT)).isEmpty();
		assertThatIllegalArgumentException().isThrownBy(AsyncResource::race);
	}

	@Test
	void nestAsDeepAsOneLikes() {
		AsyncResource<List<Object>> deep = AsyncResource.all(List.of(this.a));
		for (int i = 0; i < 200; i++) {
			deep = AsyncResource.all(List.of(deep, this.b));
		}
		assertThat(this.scopes.use(deep, Mono::just).block(LIMIT)).hasSize(2);
		assertThat(this.b.released()).isEqualTo(200);
		assertThat(this.a.released()).isOne();
	}

	@Test
	void outsideAnyScopeTheyAreRefused() {
		assertThat(AsyncResource.all(this.a, this.b).acquire().toFuture()).isCompletedExceptionally();
		assertThat(this.events).isEmpty();
	}

	// Race.

	@Test
	@Case(38)
	void theLoserIsReleasedAtOnceAsCancelledAndTheWinnerLivesOn() {
		Sinks.One<String> slow = Sinks.one();
		Sinks.One<String> body = Sinks.one();
		this.a.acquisition = slow.asMono();
		CompletableFuture<String> heard = this.scopes
			.use(AsyncResource.race(this.a, this.b), (value) -> body.asMono().map(value::concat))
			.toFuture();
		assertThat(this.events).containsExactly("acquire a", "acquire b");
		slow.tryEmitValue("a");
		assertThat(this.events).endsWith("release a cancelled: another one was there first");
		body.tryEmitValue("!");
		assertThat(heard).isCompletedWithValue("b!");
		assertThat(this.events).endsWith("release b completed");
		assertThat(this.told.watched).isEmpty();
	}

	@Test
	@Case(38)
	void aLoserThatWaitsLeavesTheQueueAndOneNotBegunNeverBegins() {
		Limiter full = Limiter.builder("full").permits(1).build();
		Permit held = full.tryAcquire();
		AsyncResource<Object> race = AsyncResource.race(full, this.a, this.b);
		assertThat(this.scopes.use(race, Mono::just).block(LIMIT)).isEqualTo("a");
		assertThat(full.statistics().waiting()).isZero();
		assertThat(this.b.acquired()).isZero();
		held.close();
	}

	@Test
	@Case(38)
	void theEndOfTheScopeWaitsForALoser() {
		Sinks.One<String> slow = Sinks.one();
		this.a.acquisition = slow.asMono();
		CompletableFuture<String> heard = this.scopes.use(AsyncResource.race(this.a, this.b), Mono::just).toFuture();
		assertThat(heard).isNotDone();
		slow.tryEmitValue("a");
		assertThat(heard).isCompletedWithValue("b");
		assertThat(this.a.released()).isOne();
	}

	@Test
	@Case(38)
	void whoFailsIsOutOfTheRaceAndIfAllFailTheErrorIsTheFirst() {
		IllegalStateException other = new IllegalStateException("other");
		this.a.acquisition = Mono.error(this.error);
		assertThat(this.scopes.use(AsyncResource.race(this.a, this.b), Mono::just).block(LIMIT)).isEqualTo("b");
		this.b.acquisition = Mono.error(other);
		CompletableFuture<?> heard = this.scopes.use(AsyncResource.race(this.a, this.b), Mono::just).toFuture();
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.error.getSuppressed()).containsExactly(other);
	}

	// The stack.

	@Test
	@Case(30)
	void synchronousAndAsynchronousExitsShareOneReverseOrder() {
		Sinks.Empty<Void> slow = Sinks.empty();
		this.b.release = slow.asMono();
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		CompletableFuture<String> heard = this.scopes
			.<String>with((scope) -> scope.enter(this.a).then(scope.enter(limiter)).flatMap((permit) -> {
				scope.onExit((exit) -> Mono.fromRunnable(() -> this.events.add("callback")));
				return scope.enter(this.b);
			}).flatMap((value) -> {
				scope.onExit((exit) -> {
					this.events.add("synchronous");
					return Mono.empty();
				});
				return scope.enter(this.c);
			}))
			.toFuture();
		assertThat(this.events).containsExactly("acquire a", "acquire b", "acquire c", "release c completed",
				"synchronous", "release b completed");
		assertThat(limiter.statistics().borrowed()).isOne();
		slow.tryEmitEmpty();
		assertThat(this.events).endsWith("callback", "release a completed");
		assertThat(limiter.statistics().borrowed()).isZero();
		assertThat(heard).isCompletedWithValue("c");
	}

	@Test
	void oneOfManyIsReleasedEarly() {
		Sinks.Empty<Void> slow = Sinks.empty();
		CompletableFuture<String> heard = this.scopes
			.<String>with((scope) -> scope.enter(this.a).then(scope.enter(this.b)).flatMap((b) -> {
				this.a.release = slow.asMono();
				return scope.release(this.a, "a").thenReturn(b);
			}).flatMap((b) -> Mono.fromCallable(() -> {
				this.events.add("body, a is " + scope.find(this.a));
				return b;
			})))
			.toFuture();
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release a completed");
		slow.tryEmitEmpty();
		assertThat(this.events).endsWith("body, a is null", "release b completed");
		assertThat(heard).isCompletedWithValue("b");
		assertThat(this.a.released()).isOne();
	}

	@Test
	void theEndOfTheScopeWaitsForAnEarlyReleaseWhichIsBounded() {
		this.a.release = Mono.never();
		CompletableFuture<String> heard = this.scopes
			.<String>with((scope) -> scope.enter(this.a).doOnNext((a) -> scope.release(this.a, a)))
			.toFuture();
		assertThat(heard).isNotDone();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).isDone();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void anEarlyReleaseOfWhatIsNotHeldIsAMistake() {
		this.scopes.with((scope) -> scope.enter(this.a).flatMap((a) -> {
			scope.release(this.a, a).block(LIMIT);
			assertThatIllegalStateException().isThrownBy(() -> scope.release(this.a, a).block(LIMIT))
				.withMessageContaining("'a'");
			return Mono.just(a);
		})).block(LIMIT);
		assertThat(this.a.released()).isOne();
	}

	@Test
	void aScopeThatIsEndingReleasesByItself() {
		List<Throwable> refused = new ArrayList<>();
		this.scopes.with((scope) -> scope.enter(this.a).doOnNext((a) -> scope.onExit((exit) -> {
			scope.release(this.a, a).subscribe(null, refused::add);
			return Mono.empty();
		}))).block(LIMIT);
		assertThat(refused).singleElement().isInstanceOf(ScopeClosedException.class);
		assertThat(this.a.released()).isOne();
		assertThat(this.told.watched).isEmpty();
	}

	@Test
	@Case(177)
	void anEarlyReleaseThatMeetsTheEndReleasesOnce() throws Exception {
		Recording raced = new Recording("raced");
		AsyncScopes plain = AsyncScopes.create();
		for (int i = 0; i < 2_000; i++) {
			Scope scope = plain.open("raced");
			String value = scope.enter(raced).block(LIMIT);
			CompletableFuture<Void> other = CompletableFuture
				.runAsync(() -> scope.release(raced, value).onErrorComplete().block(LIMIT));
			scope.close().block(LIMIT);
			other.get(10, java.util.concurrent.TimeUnit.SECONDS);
			assertThat(raced.released()).isEqualTo(1);
			raced.events.clear();
		}
	}

	@Test
	void anEarlyReleaseThatFailsIsHeardByWhoAskedForIt() {
		this.a.release = Mono.error(this.error);
		String value = this.scopes
			.with((scope) -> scope.enter(this.a)
				.flatMap((a) -> scope.release(this.a, a).thenReturn("no").onErrorResume((ex) -> Mono.just("heard"))))
			.block(LIMIT);
		assertThat(value).isEqualTo("heard");
	}

}
