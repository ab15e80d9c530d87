package io.scopedasync;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import io.scopedasync.limiter.Limiter;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What a body does with its scope: enters, pushes, moves on, asks.
 */
class ScopeStackTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Recording a = new Recording("a", this.events);

	private final Recording b = new Recording("b", this.events);

	private final Recording c = new Recording("c", this.events);

	@Test
	@Case(21)
	void whatTheBodyEntersIsReleasedInReverse() {
		String result = this.scopes
			.with(ScopeSpec.of("stack").entering(this.a),
					(scope) -> scope.enter(this.b)
						.zipWhen((first) -> scope.enter(this.c), (first, second) -> first + second + scope.resources()))
			.block(LIMIT);
		assertThat(result).isEqualTo("bc[a, b, c]");
		assertThat(this.events).containsExactly("acquire a", "acquire b", "acquire c", "release c completed",
				"release b completed", "release a completed");
	}

	@Test
	@Case(22)
	void aFailedAcquisitionUndoesThoseBeforeIt() {
		IOException error = new IOException("c");
		this.c.acquisition = Mono.error(error);
		assertThatThrownBy(() -> this.scopes.withBlocking(ScopeSpec.of("stack").entering(this.a, this.b, this.c),
				(scope) -> this.events.add("body")))
			.isSameAs(error);
		assertThat(this.events).containsExactly("acquire a", "acquire b", "acquire c", "release b failed: " + error,
				"release a failed: " + error);
	}

	@Test
	@Case({ 23, 45 })
	void everyReleaseRunsAndNoErrorIsLost() {
		IOException first = new IOException("c");
		IOException second = new IOException("a");
		this.c.release = Mono.error(first);
		this.a.release = Mono.error(second);
		assertThatThrownBy(() -> this.scopes.withBlocking(ScopeSpec.of("stack").entering(this.a, this.b, this.c),
				(scope) -> "value"))
			.isSameAs(first)
			.hasSuppressedException(second);
		assertThat(this.events).endsWith("release c completed", "release b failed: " + first,
				"release a failed: " + first);
	}

	@Test
	@Case({ 24, 25, 47 })
	void callbacksAndHandlersStandOnTheStack() {
		this.scopes.<Object>with((scope) -> {
			scope.push((exit) -> {
				this.events.add("handler " + exit);
				return Mono.just(Exit.completed());
			});
			scope.onExit((exit) -> {
				this.events.add("callback " + exit);
				return Mono.empty();
			});
			return Mono.error(new IllegalStateException("body"));
		}).block(LIMIT);
		assertThat(this.events).containsExactly("callback failed: java.lang.IllegalStateException: body",
				"handler failed: java.lang.IllegalStateException: body");
	}

	@Test
	@Case({ 26, 27 })
	void transferMovesEverythingToANewOwner() {
		Scope owner = this.scopes
			.with(ScopeSpec.of("stack").entering(this.a),
					(scope) -> scope.enter(this.b).thenReturn(scope).map(Scope::transfer))
			.block(LIMIT);
		assertThat(this.events).containsExactly("acquire a", "acquire b");
		assertThat(owner.resources()).containsExactly("a", "b");
		owner.close().block(LIMIT);
		owner.close().block(LIMIT);
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release b completed", "release a completed");
	}

	@Test
	@Case(29)
	void tenThousandEntriesNeitherRecurseNorOverflow() {
		Long entered = this.scopes.with((scope) -> Flux.range(0, 10_000).concatMap((i) -> scope.enter(this.a)).count())
			.block(LIMIT);
		assertThat(entered).isEqualTo(10_000);
		assertThat(this.a.released()).isEqualTo(10_000);
	}

	@Test
	@Case(32)
	void aCallbackAddedTooLateRunsAtOnce() {
		Scope scope = this.scopes.open("late");
		scope.close().block(LIMIT);
		scope.onExit((exit) -> {
			this.events.add("callback " + exit);
			return Mono.empty();
		});
		assertThat(this.events).containsExactly("callback completed");
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> scope.enter(this.a).block(LIMIT))
			.withMessageContaining("'late'");
	}

	@Test
	void aScopeThatHasEndedOpensNoChild() {
		Scope parent = this.scopes.open("parent");
		parent.close().block(LIMIT);
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> parent.child("child"))
			.withMessage("Scope 'parent' is ending: open 'child' before its body ends.");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(36)
	void aChildEndsWithItsParentUnlessItIsClosedBefore() {
		Scope parent = this.scopes.open("parent");
		Scope early = parent.child("early");
		Scope other = parent.child("other");
		early.enter(this.a).block(LIMIT);
		other.enter(this.b).block(LIMIT);
		early.close().block(LIMIT);
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release a completed");
		parent.close().block(LIMIT);
		assertThat(this.events).endsWith("release b completed");
		assertThat(other.state()).isEqualTo(Scope.State.CLOSED);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(74)
	void anOuterScopeReleasesOnlyAfterTheInnerOneHas() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.b.release = release.asMono();
		Disposable running = this.scopes.use(this.a, (outer) -> this.scopes.use(this.b, (inner) -> Mono.never()))
			.subscribe();
		running.dispose();
		assertThat(this.events).containsExactly("acquire a", "acquire b", "release b cancelled: by its subscriber");
		release.tryEmitEmpty();
		assertThat(this.events).endsWith("release a cancelled: by its subscriber");
	}

	@Test
	@Case({ 63, 72, 76 })
	void aCancelIsWaitedForAndItsFirstReasonStays() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.a.release = release.asMono();
		AtomicReference<Scope> scope = new AtomicReference<>();
		AtomicReference<Throwable> heard = new AtomicReference<>();
		this.scopes.with(ScopeSpec.of("slow").entering(this.a), (running) -> {
			scope.set(running);
			return Mono.never();
		}).subscribe(null, heard::set);
		Mono<Void> cancelled = scope.get().cancel("first");
		scope.get().cancel("second");
		cancelled.doOnSuccess((done) -> this.events.add("cancel is over")).subscribe();
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: first");
		release.tryEmitEmpty();
		assertThat(this.events).endsWith("cancel is over");
		assertThat(heard.get()).isInstanceOf(ScopeClosedException.class).hasMessageContaining("first");
	}

	@Test
	void whatIsEnteredAndNoLongerWantedIsReleasedAtOnce() {
		Sinks.One<String> acquisition = Sinks.one();
		this.b.acquisition = acquisition.asMono();
		Scope scope = this.scopes.open("open");
		Disposable entering = scope.enter(this.b).subscribe();
		entering.dispose();
		acquisition.tryEmitValue("b");
		assertThat(this.events).containsExactly("acquire b", "release b cancelled: not wanted any more");
		scope.close().block(LIMIT);
		assertThat(this.events).hasSize(2);
	}

	@Test
	void aScopeThatEndsWaitsForWhatIsBeingEntered() {
		Sinks.One<String> acquisition = Sinks.one();
		this.b.acquisition = acquisition.asMono();
		Scope scope = this.scopes.open("open");
		AtomicReference<Throwable> heard = new AtomicReference<>();
		scope.enter(this.b).subscribe(null, heard::set);
		Mono<Void> closed = scope.close();
		assertThat(scope.state()).isEqualTo(Scope.State.RELEASING);
		acquisition.tryEmitValue("b");
		closed.block(LIMIT);
		assertThat(this.events).containsExactly("acquire b", "release b completed");
		assertThat(heard.get()).isInstanceOf(ScopeClosedException.class);
	}

	@Test
	void aWaitForAPermitIsTakenBackWithItsScope() {
		Limiter limiter = Limiter.builder("one").build();
		try (var held = limiter.tryAcquire()) {
			Scope scope = this.scopes.open("open");
			AtomicReference<Throwable> heard = new AtomicReference<>();
			scope.enter(limiter).subscribe(null, heard::set);
			assertThat(limiter.statistics().waiting()).isOne();
			scope.close().block(LIMIT);
			assertThat(limiter.statistics().waiting()).isZero();
			assertThat(heard.get()).isInstanceOf(ScopeClosedException.class);
		}
	}

	@Test
	void aResourceIsAskedForWhatTheScopeHolds() throws Exception {
		String onAnotherThread = this.scopes
			.use(this.a, (value) -> Mono.just("x").publishOn(Schedulers.parallel()).flatMap((x) -> this.a.held()))
			.block(LIMIT);
		assertThat(onAnotherThread).isEqualTo("a");
		String blocking = this.scopes.useBlocking(this.a, (value) -> this.a.held().block(LIMIT));
		assertThat(blocking).isEqualTo("a");
		assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> this.a.held().block(LIMIT))
			.withMessageContaining("@ScopedAsync(\"a\")");
	}

	@Test
	@Case(176)
	void aResourceAskedForAfterItsScopeIsAnErrorThatNamesTheScope() {
		Mono<String> late = this.scopes
			.with(ScopeSpec.of("over").entering(this.a),
					(scope) -> Mono.deferContextual((context) -> Mono.just(this.a.held().contextWrite(context))))
			.block(LIMIT);
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> late.block(LIMIT))
			.withMessageContaining("'over'");
	}

	@Test
	@Case(175)
	void closingRefusesNewScopesAndCancelsTheRest() {
		AtomicReference<Throwable> heard = new AtomicReference<>();
		AsyncScopes closing = AsyncScopes.builder().shutdownTimeout(Duration.ZERO).build();
		closing.use(this.a, (value) -> Mono.never()).subscribe(null, heard::set);
		List<String> forced = new CopyOnWriteArrayList<>();
		closing.close((scopes) -> scopes.forEach((scope) -> forced.add(scope.name() + scope.resources()))).block(LIMIT);
		assertThat(forced).containsExactly("a[a]");
		assertThat(heard.get()).isInstanceOf(ScopeClosedException.class).hasMessageContaining("shutting down");
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: the application is shutting down");
		assertThatExceptionOfType(ScopeClosedException.class)
			.isThrownBy(() -> closing.use(this.b, Mono::just).block(LIMIT));
		assertThat(this.events).doesNotContain("acquire b");
	}

	@Test
	void holdersSaysWhoHoldsAndWhoWaits() {
		Limiter limiter = Limiter.builder("one").build();
		Disposable first = this.scopes.with(ScopeSpec.of("first").entering(limiter), (scope) -> Mono.never())
			.subscribe();
		Disposable second = this.scopes.with(ScopeSpec.of("second").entering(limiter), (scope) -> Mono.never())
			.subscribe();
		assertThat(this.scopes.holders(limiter)).extracting(Scope::name).containsExactlyInAnyOrder("first", "second");
		assertThat(this.scopes.holders(this.a)).isEmpty();
		second.dispose();
		first.dispose();
		assertThat(this.scopes.holders(limiter)).isEmpty();
	}

	@Test
	@Case({ 55, 64 })
	void nothingIsReleasedWhileTheBodysCancelIsStillRunning() throws Exception {
		CountDownLatch cancelling = new CountDownLatch(1);
		CountDownLatch cancelled = new CountDownLatch(1);
		AtomicReference<Subscriber<? super String>> body = new AtomicReference<>();
		Publisher<String> publisher = (subscriber) -> {
			body.set(subscriber);
			subscriber.onSubscribe(new Subscription() {

				@Override
				public void request(long n) {
				}

				@Override
				public void cancel() {
					cancelling.countDown();
					await(cancelled);
				}

			});
		};
		Disposable running = this.scopes.use(this.a, (value) -> Mono.fromDirect(publisher)).subscribe();
		Thread canceller = new Thread(running::dispose);
		canceller.start();
		await(cancelling);
		body.get().onComplete();
		assertThat(this.events).containsExactly("acquire a");
		cancelled.countDown();
		canceller.join(LIMIT.toMillis());
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: by its subscriber");
	}

	private static void await(CountDownLatch latch) {
		try {
			assertThat(latch.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
