package io.scopedasync;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What scopes do with values, errors and exits, on every front.
 */
class ScopeCasesTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes = AsyncScopes.builder().recorder(new ScopeRecorder() {
		@Override
		public void undelivered(String scope, Throwable error) {
			ScopeCasesTests.this.undelivered.add(error);
		}
	}).build();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Recording resource = new Recording("r", this.events);

	private final IOException error = new IOException("body");

	private final IllegalStateException releaseError = new IllegalStateException("release");

	private ScopeSpec spec(AsyncResource<?>... resources) {
		return ScopeSpec.of("scope").entering(resources);
	}

	private Throwable failureOf(Front front, AsyncResource<?> resource) {
		return front.start(this.scopes, spec(resource), (scope) -> Mono.error(this.error)).error();
	}

	// Basics.

	@ParameterizedTest
	@EnumSource
	@Case({ 2, 8, 41 })
	void theBodysErrorIsTheCallersAfterTheRelease(Front front) {
		assertThat(failureOf(front, this.resource)).isSameAs(this.error);
		assertThat(this.events).containsExactly("acquire r", "release r failed: " + this.error);
	}

	@ParameterizedTest
	@EnumSource
	@Case(3)
	void aFailedAcquisitionRunsNeitherBodyNorRelease(Front front) {
		this.resource.acquisition = Mono.error(this.error);
		Throwable heard = front.start(this.scopes, spec(this.resource), (scope) -> {
			this.events.add("body");
			return Mono.empty();
		}).error();
		assertThat(heard).isSameAs(this.error);
		assertThat(this.events).containsExactly("acquire r");
	}

	@ParameterizedTest
	@EnumSource
	@Case(4)
	void anAcquisitionWithoutAValueIsAnErrorThatNamesIt(Front front) {
		this.resource.acquisition = Mono.empty();
		Throwable heard = front.start(this.scopes, spec(this.resource), (scope) -> Mono.just("x")).error();
		assertThat(heard).isInstanceOf(IllegalStateException.class).hasMessageContaining("'r'");
	}

	@Test
	@Case(5)
	void aSecondValueIsAnErrorAndBothAreReleased() {
		this.resource.acquisition = Mono.fromDirect(Flux.just("one", "two"));
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(this.resource, Mono::just).block(LIMIT))
			.withMessageContaining("more than one value");
		assertThat(this.resource.released()).isEqualTo(2);
	}

	@Test
	@Case(5)
	void anErrorAfterTheValueReleasesTheValue() {
		this.resource.acquisition = Mono.fromDirect(Flux.just("one").concatWith(Mono.error(this.error)));
		assertThatThrownBy(() -> this.scopes.use(this.resource, Mono::just).block(LIMIT)).hasCause(this.error);
		assertThat(this.resource.released()).isOne();
	}

	@Test
	@Case({ 7, 9 })
	void aDefinitionIsUsedOneAfterTheOtherAndInsideItself() {
		Mono<Integer> recursive = recursive(3);
		assertThat(recursive.block(LIMIT)).isEqualTo(3);
		assertThat(this.resource.acquired()).isEqualTo(3);
		assertThat(recursive.repeat(1).collectList().block(LIMIT)).containsExactly(3, 3);
		assertThat(this.resource.acquired()).isEqualTo(9);
		assertThat(this.resource.released()).isEqualTo(9);
	}

	private Mono<Integer> recursive(int depth) {
		return (depth == 0) ? Mono.just(0)
				: this.scopes.use(this.resource, (value) -> recursive(depth - 1).map((below) -> below + 1));
	}

	@Test
	@Case(9)
	void aDefinitionThatRefusesToBeNestedSaysSo() {
		AsyncResource<String> lock = new Recording("lock", this.events) {
			@Override
			public Nesting nesting() {
				return Nesting.REFUSE;
			}
		};
		Mono<String> once = this.scopes.use(lock, Mono::just);
		assertThat(once.then(once).block(LIMIT)).isEqualTo("lock");
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(lock, (value) -> once).block(LIMIT))
			.withMessageContaining("'lock' is held already");
	}

	@Test
	@Case(172)
	void aDefinitionThatJoinsIsOpenedAndClosedByTheOutermost() {
		AsyncResource<String> session = new Recording("session", this.events) {
			@Override
			public Nesting nesting() {
				return Nesting.JOIN;
			}
		};
		String values = this.scopes
			.use(session, (outer) -> this.scopes.use(session, (inner) -> Mono.just(outer + inner)))
			.block(LIMIT);
		assertThat(values).isEqualTo("sessionsession");
		assertThat(this.events).containsExactly("acquire session", "release session completed");
		this.events.clear();
		this.scopes
			.use(session,
					(outer) -> this.scopes.use(session.fresh(), (inner) -> session.held())
						.then(Mono.fromRunnable(() -> this.events.add("outer is back"))))
			.block(LIMIT);
		assertThat(this.events).containsExactly("acquire session", "acquire session", "release session completed",
				"outer is back", "release session completed");
	}

	@Test
	@Case(10)
	void aSubstituteIsGivenAndNotReleased() {
		assertThat(this.scopes.use(AsyncResource.just("substitute"), Mono::just).block(LIMIT)).isEqualTo("substitute");
	}

	@Test
	@Case(11)
	void whatClosesItselfIsClosedOnSuccessAndOnFailure() {
		Object object = new Object();
		AsyncResource<Object> closing = AsyncResource.closing(() -> Mono.just(object),
				(value) -> Mono.fromRunnable(() -> this.events.add("close " + (value == object))));
		assertThat(this.scopes.use(closing, Mono::just).block(LIMIT)).isSameAs(object);
		this.scopes.use(closing, (value) -> Mono.error(this.error)).onErrorComplete().block(LIMIT);
		assertThat(this.events).containsExactly("close true", "close true");
	}

	@Test
	@Case({ 12, 77 })
	void whoStopsReadingEarlyEndsTheScopeAsCancelled() {
		assertThat(this.scopes.useMany(this.resource, (value) -> Flux.range(1, 10)).take(2).collectList().block(LIMIT))
			.containsExactly(1, 2);
		assertThat(this.scopes.useMany(this.resource, (value) -> Flux.range(1, 10)).next().block(LIMIT)).isOne();
		assertThat(this.events).containsExactly("acquire r", "release r cancelled: by its subscriber", "acquire r",
				"release r cancelled: by its subscriber");
	}

	@ParameterizedTest
	@EnumSource
	@Case(14)
	void aReleaseHearsExactlyOneOfThreeOutcomes(Front front) throws Exception {
		front.start(this.scopes, spec(this.resource), (scope) -> Mono.just("x")).value();
		failureOf(front, this.resource);
		AtomicReference<Scope> running = new AtomicReference<>();
		java.util.concurrent.CountDownLatch inBody = new java.util.concurrent.CountDownLatch(1);
		Front.Call call = front.start(this.scopes, spec(this.resource), (scope) -> {
			running.set(scope);
			inBody.countDown();
			return Mono.never();
		});
		Front.await(inBody);
		running.get().cancel("the reason").block(LIMIT);
		assertThat(call.error()).isNotNull();
		assertThat(this.events).filteredOn((event) -> event.startsWith("release"))
			.containsExactly("release r completed", "release r failed: " + this.error,
					"release r cancelled: the reason");
	}

	@Test
	@Case({ 15, 16 })
	void theStepsOfACompositionAreUndoneInnermostFirst() {
		Recording inner = new Recording("inner", this.events);
		AsyncResource<String> composed = this.resource.flatMap((outer) -> inner);
		assertThat(this.scopes.use(composed, Mono::just).block(LIMIT)).isEqualTo("inner");
		assertThat(this.events).containsExactly("acquire r", "acquire inner", "release inner completed",
				"release r completed");
		this.events.clear();
		inner.acquisition = Mono.error(this.error);
		assertThatThrownBy(() -> this.scopes.use(composed, Mono::just).block(LIMIT)).hasCause(this.error);
		assertThat(this.events).containsExactly("acquire r", "acquire inner", "release r failed: " + this.error);
		this.events.clear();
		AsyncResource<Integer> mapped = this.resource.map((value) -> {
			throw this.releaseError;
		});
		assertThatThrownBy(() -> this.scopes.use(mapped, Mono::just).block(LIMIT)).isSameAs(this.releaseError);
		assertThat(this.events).containsExactly("acquire r", "release r failed: " + this.releaseError);
	}

	@Test
	@Case({ 6, 17 })
	void whatIsTakenOutOfItsScopeIsReleasedByItsOneClose() {
		Scope owner = this.scopes.with((scope) -> scope.enter(this.resource).map((value) -> scope.transfer()))
			.block(LIMIT);
		assertThat(this.resource.released()).isZero();
		owner.close().block(LIMIT);
		owner.close().block(LIMIT);
		assertThat(this.resource.released()).isOne();
		assertThatThrownBy(() -> owner.enter(this.resource).block(LIMIT)).isInstanceOf(ScopeClosedException.class)
			.hasMessageContaining("'r'");
		assertThat(this.resource.acquired()).isOne();
	}

	@ParameterizedTest
	@EnumSource
	@Case(18)
	void aBodyThatThrowsOrReturnsNullIsAFailure(Front front) {
		Throwable thrown = front.start(this.scopes, spec(this.resource), (scope) -> {
			throw this.releaseError;
		}).error();
		assertThat(thrown).isSameAs(this.releaseError);
		Throwable nothing = front.start(this.scopes, spec(this.resource), (scope) -> null).error();
		assertThat(nothing).isInstanceOf(NullPointerException.class);
		assertThat(this.events).containsExactly("acquire r", "release r failed: " + thrown, "acquire r",
				"release r failed: " + nothing);
	}

	@Test
	@Case(19)
	void aReleaseThatThrowsOrReturnsNullIsAFailureOfTheRelease() {
		AsyncResource<String> throwing = AsyncResource.of(() -> Mono.just("x"), (value, exit) -> {
			throw this.releaseError;
		});
		assertThatThrownBy(() -> this.scopes.use(throwing, Mono::just).block(LIMIT)).isSameAs(this.releaseError);
		AsyncResource<String> nothing = AsyncResource.of(() -> Mono.just("x"), ScopeCasesTests::nothing);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(nothing.named("nothing"), Mono::just).block(LIMIT))
			.withMessageContaining("release of 'nothing' returned null");
	}

	@SuppressWarnings("NullAway")
	private static Mono<Void> nothing(String value, Exit exit) {
		return null;
	}

	// Suppression and chaining.

	@ParameterizedTest
	@EnumSource
	@Case(40)
	void anErrorDeclaredHandledIsANormalEndWithoutAValue(Front front) {
		Front.Call call = front.start(this.scopes, spec(this.resource.suppressing(IOException.class)),
				(scope) -> Mono.error(this.error));
		assertThat(call.value()).isNull();
		assertThat(this.events).containsExactly("acquire r", "release r failed: " + this.error);
	}

	@ParameterizedTest
	@EnumSource
	@Case(42)
	void byPythonsRuleTheReleasesErrorComesFirst(Front front) {
		this.resource.release = Mono.error(this.releaseError);
		assertThat(failureOf(front, this.resource.releaseErrorFirst())).isSameAs(this.releaseError);
		assertThat(this.releaseError.getSuppressed()).containsExactly(this.error);
	}

	@ParameterizedTest
	@EnumSource
	@Case({ 43, 51 })
	void byJavasRuleTheBodysErrorStaysAndCanBeMatched(Front front) {
		this.resource.release = Mono.error(this.releaseError);
		Throwable heard = failureOf(front, this.resource);
		assertThat(heard).isSameAs(this.error).isInstanceOf(IOException.class);
		assertThat(heard.getSuppressed()).containsExactly(this.releaseError);
	}

	@ParameterizedTest
	@EnumSource
	@Case(44)
	void afterASuccessTheReleasesErrorIsTheCallers(Front front) {
		this.resource.release = Mono.error(this.releaseError);
		assertThat(front.start(this.scopes, spec(this.resource), (scope) -> Mono.just("lost")).error())
			.isSameAs(this.releaseError);
	}

	@Test
	@Case(45)
	void oneErrorCarriesAllTheOthersInTheOrderOfTheUnwinding() {
		Recording[] resources = { new Recording("a"), new Recording("b"), new Recording("c") };
		for (Recording each : resources) {
			each.release = Mono.error(new IllegalStateException(each.name()));
		}
		assertThatThrownBy(() -> this.scopes.withBlocking(spec(resources), (scope) -> "x")).hasMessage("c")
			.satisfies((heard) -> assertThat(heard.getSuppressed()).extracting(Throwable::getMessage)
				.containsExactly("b", "a"));
	}

	@Test
	@Case(47)
	void anOuterExitMaySuppressWhatInnerOnesFailedWith() {
		Recording inner = new Recording("inner");
		inner.release = Mono.error(this.releaseError);
		AsyncResource<String> outer = this.resource.suppressing(IllegalStateException.class);
		assertThat(this.scopes.with(spec(outer, inner), (scope) -> Mono.just("forgotten")).blockOptional(LIMIT))
			.isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	@Case(49)
	void anExitMayTranslateTheError(Front front) {
		AsyncResource<String> translating = new Recording("t", this.events) {
			@Override
			public Mono<Exit> exit(String value, Exit exit) {
				return (exit instanceof Exit.Failed failed)
						? Mono.just(Exit.failed(new IllegalArgumentException("translated", failed.error())))
						: Mono.empty();
			}
		};
		assertThat(failureOf(front, translating)).isInstanceOf(IllegalArgumentException.class).hasCause(this.error);
	}

	@Test
	@Case(50)
	void onlyListedTypesAreSuppressedAlsoWithinAGroup() {
		AsyncResource<String> suppressing = this.resource.suppressing(IOException.class, TimeoutException.class);
		Throwable subtype = new FileNotFoundException("subtype");
		assertThat(this.scopes.use(suppressing, (value) -> Mono.error(subtype)).blockOptional(LIMIT)).isEmpty();
		assertThatThrownBy(() -> this.scopes.use(suppressing, (value) -> Mono.error(this.releaseError)).block(LIMIT))
			.isSameAs(this.releaseError);
		Throwable group = Exceptions.multiple(subtype, this.releaseError, new TimeoutException());
		Throwable rest = this.scopes.use(suppressing, (value) -> Mono.error(group))
			.materialize()
			.block(LIMIT)
			.getThrowable();
		assertThat(Exceptions.unwrapMultiple(rest)).containsExactly(this.releaseError);
		Throwable matching = Exceptions.multiple(subtype, new TimeoutException());
		assertThat(this.scopes.use(suppressing, (value) -> Mono.error(matching)).blockOptional(LIMIT)).isEmpty();
	}

	@Test
	@Case(52)
	void aReleaseThatFailsAfterACancelIsTold() {
		this.resource.release = Mono.error(this.releaseError);
		this.scopes.use(this.resource, (value) -> Mono.never()).subscribe().dispose();
		assertThat(this.undelivered).containsExactly(this.releaseError);
	}

	@Test
	@Case(53)
	void aValueThatIsThrownAwayIsSeenByTheDiscardHook() {
		List<Object> discarded = new ArrayList<>();
		this.resource.release = Mono.error(this.releaseError);
		this.scopes.use(this.resource, (value) -> Mono.just("lost"))
			.contextWrite(Context.of("reactor.onDiscard.local", (Consumer<Object>) discarded::add))
			.onErrorComplete()
			.block(LIMIT);
		assertThat(discarded).containsExactly("lost");
	}

	@Test
	@Case(54)
	void theFirstErrorOutlivesAReleaseThatTakesTooLong() {
		AsyncScopes impatient = AsyncScopes.builder().releaseTimeout(Duration.ofMillis(10)).build();
		this.resource.release = Mono.never();
		assertThatThrownBy(() -> impatient.withBlocking(spec(this.resource), (scope) -> Mono.error(this.error).block()))
			.satisfies((heard) -> assertThat(heard.getSuppressed())
				.anySatisfy((late) -> assertThat(late).isInstanceOf(ReleaseTimeoutException.class)));
	}

	// Cancellation.

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(55)
	void aCancelReachesTheBodyFirst(Front front) {
		Front.Call call = front.start(this.scopes, spec(this.resource),
				(scope) -> Mono.<String>never().doOnCancel(() -> this.events.add("body cancelled")));
		call.cancel();
		assertThat(this.events).hasSize(3);
		assertThat(this.events.get(1)).isEqualTo("body cancelled");
		assertThat(this.events.get(2)).startsWith("release r cancelled");
	}

	@Test
	@Case(56)
	void whoIsCancelledBeforeItStartsAcquiresNothing() {
		this.scopes.use(this.resource, Mono::just).subscribe(new reactor.core.publisher.BaseSubscriber<>() {
			@Override
			protected void hookOnSubscribe(org.reactivestreams.Subscription subscription) {
				subscription.cancel();
			}
		});
		this.scopes.useMany(this.resource, Mono::just).take(0).subscribe();
		assertThat(this.events).isEmpty();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(61)
	void anAcquisitionThatFailsAfterTheCancelIsTold(Front front) {
		reactor.core.publisher.Sinks.One<String> acquisition = reactor.core.publisher.Sinks.one();
		this.resource.acquisition = acquisition.asMono();
		front.start(this.scopes, spec(this.resource), (scope) -> Mono.just("x")).cancel();
		acquisition.tryEmitError(this.error);
		assertThat(this.undelivered).containsExactly(this.error);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case({ 62, 63 })
	void aReleaseUnderWayIsNotDisturbedByCancels(Front front) {
		reactor.core.publisher.Sinks.Empty<Void> release = reactor.core.publisher.Sinks.empty();
		this.resource.release = release.asMono()
			.doOnCancel(() -> this.events.add("release cancelled"))
			.doOnSuccess((nothing) -> this.events.add("release done"));
		Front.Call call = front.start(this.scopes, spec(this.resource), (scope) -> Mono.just("x"));
		call.cancel();
		call.cancel();
		release.tryEmitEmpty();
		call.cancel();
		assertThat(this.events).containsExactly("acquire r", "release r completed", "release done");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(74)
	void aCancelGoesInwardsAndNotOutwards(Front front) {
		Recording inner = new Recording("inner", this.events);
		Front.Call call = front.start(this.scopes, spec(this.resource),
				(scope) -> this.scopes.use(inner, (value) -> Mono.never()));
		call.cancel();
		assertThat(this.events).hasSize(4);
		assertThat(this.events.get(2)).startsWith("release inner cancelled");
		assertThat(this.events.get(3)).startsWith("release r cancelled");
		this.events.clear();
		String value = front
			.start(this.scopes, spec(this.resource),
					(scope) -> this.scopes
						.with(spec(inner), (within) -> Mono.fromRunnable(() -> within.cancel("only the inner one")))
						.thenReturn("goes on")
						.onErrorReturn(ScopeClosedException.class, "goes on"))
			.value();
		assertThat(value).isEqualTo("goes on");
		assertThat(this.events).containsExactly("acquire r", "acquire inner",
				"release inner cancelled: only the inner one", "release r completed");
	}

	@Test
	@Case(78)
	void afterAnybodyCompletesTheFutureTheScopeEnds() throws Exception {
		List<Consumer<CompletableFuture<String>>> ways = List.of((future) -> future.cancel(true),
				(future) -> future.complete("x"), (future) -> future.completeExceptionally(this.error),
				(future) -> future.obtrudeValue("x"), (future) -> future.obtrudeException(this.error),
				(future) -> future.completeAsync(() -> "x", Runnable::run),
				(future) -> future.orTimeout(1, java.util.concurrent.TimeUnit.MILLISECONDS),
				(future) -> future.completeOnTimeout("x", 1, java.util.concurrent.TimeUnit.MILLISECONDS));
		for (Consumer<CompletableFuture<String>> way : ways) {
			this.events.clear();
			CompletableFuture<String> body = new CompletableFuture<>();
			way.accept(this.scopes.useFuture(this.resource, (value) -> body));
			org.awaitility.Awaitility.await()
				.pollInterval(Duration.ofMillis(1))
				.atMost(LIMIT)
				.until(() -> this.resource.released() == 1);
			assertThat(body).isCancelled();
			assertThat(this.events.get(1)).contains("cancelled or completed by somebody else");
		}
	}

	@Test
	@Case({ 52, 78 })
	void anErrorThatAFutureCannotTellAnyMoreIsTold() {
		this.resource.release = Mono.error(this.releaseError);
		this.scopes.useFuture(this.resource, (value) -> new CompletableFuture<>()).complete("x");
		assertThat(this.undelivered).containsExactly(this.releaseError);
	}

	@Test
	@Case(79)
	void anInterruptedBodyIsReleasedAsCancelledWithTheFlagClearMeanwhile() throws Exception {
		java.util.concurrent.CountDownLatch inBody = new java.util.concurrent.CountDownLatch(1);
		AsyncResource<String> watching = AsyncResource.of(() -> Mono.just("x"), (value, exit) -> Mono
			.fromRunnable(() -> this.events.add(exit + ", flag " + Thread.currentThread().isInterrupted())));
		AtomicReference<Boolean> flagAtEnd = new AtomicReference<>();
		CompletableFuture<Throwable> heard = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.useBlocking(watching, (value) -> {
					inBody.countDown();
					// Keeps the flag, as channels do; a park may end for no reason.
					while (!Thread.currentThread().isInterrupted()) {
						java.util.concurrent.locks.LockSupport.park();
					}
					throw this.error;
				});
			}
			catch (Exception ex) {
				flagAtEnd.set(Thread.currentThread().isInterrupted());
				heard.complete(ex);
			}
		});
		caller.start();
		Front.await(inBody);
		caller.interrupt();
		assertThat(heard.get(10, java.util.concurrent.TimeUnit.SECONDS)).isSameAs(this.error);
		assertThat(flagAtEnd).hasValue(true);
		assertThat(this.events).containsExactly("cancelled: its thread was interrupted, flag false");
	}

	@Test
	@Case(79)
	void anInterruptThatTheBodyThrewOnIsThrownOn() {
		java.util.concurrent.CountDownLatch inBody = new java.util.concurrent.CountDownLatch(1);
		Front.Call call = Front.BLOCKING.start(this.scopes, spec(this.resource), (scope) -> {
			inBody.countDown();
			return Mono.never();
		});
		Front.await(inBody);
		call.cancel();
		assertThat(call.error()).isInstanceOf(InterruptedException.class);
		assertThat(this.events).containsExactly("acquire r", "release r cancelled: its thread was interrupted");
	}

	@Test
	@Case(79)
	void anInterruptWhileWaitingEndsTheCall() {
		io.scopedasync.limiter.Limiter limiter = io.scopedasync.limiter.Limiter.builder("full").permits(0).build();
		Front.Call call = Front.BLOCKING.start(this.scopes, spec(limiter), (scope) -> Mono.just("x"));
		org.awaitility.Awaitility.await()
			.pollInterval(Duration.ofMillis(1))
			.atMost(LIMIT)
			.until(() -> limiter.statistics().waiting() == 1);
		call.cancel();
		assertThat(call.error()).isInstanceOf(ScopeClosedException.class).hasMessageContaining("interrupted");
		assertThat(limiter.statistics().waiting()).isZero();
		org.awaitility.Awaitility.await().atMost(LIMIT).until(() -> call.interruptedAtEnd);
	}

	@Test
	void aBlockingCallIsRefusedOnAThreadThatMustNotBlock() {
		Mono<String> refused = Mono.fromCallable(() -> this.scopes.useBlocking(this.resource, (value) -> value))
			.subscribeOn(Schedulers.parallel());
		assertThatIllegalStateException().isThrownBy(() -> refused.block(LIMIT))
			.withMessageContaining("parallel-")
			.withMessageContaining("nothing was acquired");
		assertThat(this.events).isEmpty();
	}

	// At every single step.

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(177)
	void whateverStepIsCancelledAtEverythingIsReleased(Front front) {
		for (int step = 0; step < 8; step++) {
			this.events.clear();
			AtomicReference<Front.Call> call = new AtomicReference<>();
			int cancelAt = step;
			java.util.concurrent.atomic.AtomicInteger steps = new java.util.concurrent.atomic.AtomicInteger();
			reactor.core.publisher.Sinks.Empty<Void> start = reactor.core.publisher.Sinks.empty();
			Runnable at = () -> {
				if (steps.getAndIncrement() == cancelAt) {
					call.get().cancel();
				}
			};
			Recording first = stepped("first", at);
			first.acquisition = start.asMono().then(first.acquisition);
			Recording second = stepped("second", at);
			Recording third = stepped("third", at);
			call.set(front.start(this.scopes, spec(first, second),
					(scope) -> scope.enter(third).doOnNext((value) -> at.run()).thenReturn("x")));
			start.tryEmitEmpty();
			for (Recording each : List.of(first, second, third)) {
				assertThat(each.released()).as("step " + step + " " + this.events).isEqualTo(each.acquired());
			}
			assertThat(this.scopes.openScopes()).isEmpty();
		}
	}

	private Recording stepped(String name, Runnable at) {
		Recording stepped = new Recording(name);
		stepped.acquisition = Mono.fromCallable(() -> {
			at.run();
			return name;
		});
		stepped.release = Mono.fromRunnable(at);
		return stepped;
	}

}
