package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What the application holds.
 */
@Timeout(60)
class ApplicationScopeTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Recording connection = new Recording("connection", this.events);

	private final Recording login = new Recording("login", this.events);

	private final AsyncScopes scopes = scopes();

	private AsyncScopes scopes() {
		return AsyncScopes.builder()
			.clock(ScopeClock.of(this.time))
			.shutdownTimeout(Duration.ofSeconds(5))
			.releaseTimeout(Duration.ofSeconds(2))
			.tracked(true)
			.build();
	}

	@AfterEach
	void end() {
		this.scopes.application().close().onErrorComplete().block(LIMIT);
		this.time.dispose();
	}

	private void hold(AsyncResource<?>... resources) {
		for (AsyncResource<?> resource : resources) {
			this.scopes.application().enter(resource).block(LIMIT);
		}
	}

	// Looking it up.

	@Test
	void whatItHoldsIsFoundInEveryScopeAndOutsideOfAll() throws Exception {
		hold(this.connection);
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("connection");
		assertThat(this.connection.named("other").held().block(LIMIT)).isEqualTo("connection");
		assertThat(this.scopes.use(this.login, (value) -> this.connection.held()).block(LIMIT)).isEqualTo("connection");
		assertThat(this.scopes.with((scope) -> Mono.justOrEmpty(scope.find(this.connection))).block(LIMIT))
			.isEqualTo("connection");
		assertThat(this.scopes.<String, String>useBlocking(this.login, (value) -> this.connection.held().block(LIMIT)))
			.isEqualTo("connection");
	}

	@Test
	void whatItHeldIsFoundNoMore() {
		hold(this.connection);
		this.scopes.application().close().block(LIMIT);
		assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> this.connection.held().block(LIMIT));
		assertThatExceptionOfType(NoScopeException.class)
			.isThrownBy(() -> this.scopes.use(this.login, (value) -> this.connection.held()).block(LIMIT));
	}

	@Test
	void anInnerScopeShadowsIt() {
		hold(this.connection);
		this.connection.acquisition = Mono.just("another");
		List<String> seen = new ArrayList<>();
		this.scopes
			.use(this.connection.fresh(),
					(own) -> this.connection.held()
						.doOnNext(seen::add)
						.then(this.scopes.use(this.connection, (joined) -> Mono.fromRunnable(() -> seen.add(joined)))))
			.block(LIMIT);
		this.connection.held().doOnNext(seen::add).block(LIMIT);
		assertThat(seen).containsExactly("another", "another", "connection");
		assertThat(this.connection.acquired()).isEqualTo(2);
		assertThat(this.connection.released()).isOne();
	}

	@Test
	void twoApplicationsDoNotMix() {
		AsyncScopes others = scopes();
		Recording same = new Recording("other", this.events);
		others.application().enter(same).block(LIMIT);
		hold(this.connection);
		assertThat(same.held().block(LIMIT)).isEqualTo("other");
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("connection");
		// One resource in both: in its scopes each has its own,
		this.connection.acquisition = Mono.just("theirs");
		others.application().enter(this.connection).block(LIMIT);
		assertThat(this.scopes.use(this.connection, Mono::just).block(LIMIT)).isEqualTo("connection");
		assertThat(others.use(this.connection, Mono::just).block(LIMIT)).isEqualTo("theirs");
		// and outside there is one as long as one of them holds it.
		assertThat(this.connection.held().block(LIMIT)).isIn("connection", "theirs");
		others.application().close().block(LIMIT);
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("connection");
		assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> same.held().block(LIMIT));
	}

	@Test
	void keepsNothingAliveThatNobodyClosed() throws Exception {
		Recording forgotten = new Recording("forgotten");
		scopes().application().enter(forgotten).block(LIMIT);
		for (int i = 0; i < 100; i++) {
			System.gc();
			if (forgotten.held().onErrorResume((error) -> Mono.empty()).block(LIMIT) == null) {
				return;
			}
			new java.util.concurrent.CountDownLatch(1).await(50, java.util.concurrent.TimeUnit.MILLISECONDS);
		}
		throw new AssertionError("still there");
	}

	// Joining it.

	@Test
	void whoAsksForItJoinsIt() {
		hold(this.connection);
		assertThat(this.scopes.use(this.connection, Mono::just).block(LIMIT)).isEqualTo("connection");
		assertThat(this.scopes.with((scope) -> scope.enter(this.connection.named("again"))).block(LIMIT))
			.isEqualTo("connection");
		assertThat(this.events).containsExactly("acquire connection");
	}

	@Test
	void whoAsksForAFreshOneGetsIt() {
		hold(this.connection);
		this.scopes.use(this.connection.fresh(), Mono::just).block(LIMIT);
		this.scopes.use(this.connection.fresh().named("named"), Mono::just).block(LIMIT);
		assertThat(this.connection.acquired()).isEqualTo(3);
		assertThat(this.connection.released()).isEqualTo(2);
	}

	@Test
	void whatIsMadeOfOthersCanBeHadFreshToo() {
		AsyncResource<String> flat = this.connection.flatMap((value) -> this.login);
		AsyncResource<List<String>> all = AsyncResource.all(this.connection, this.login);
		AsyncResource<String> race = AsyncResource.race(this.connection);
		for (AsyncResource<?> each : List.of(flat, all, race)) {
			hold(each);
			long before = this.connection.acquired();
			this.scopes.use(each, Mono::just).block(LIMIT);
			assertThat(this.connection.acquired()).isEqualTo(before);
			this.scopes.use(each.fresh(), Mono::just).block(LIMIT);
			assertThat(this.connection.acquired()).isEqualTo(before + 1);
		}
	}

	@Test
	void aLimiterStillCountsEveryCall() {
		Limiter limiter = Limiter.builder("limit").permits(2).build();
		hold(limiter);
		Limiter.Statistics used = this.scopes.use(limiter, (permit) -> Mono.fromCallable(limiter::statistics))
			.block(LIMIT);
		assertThat(used).isEqualTo(new Limiter.Statistics(2, 2, 0));
		assertThat(this.scopes.use(limiter.named("other"), (permit) -> Mono.fromCallable(limiter::statistics))
			.block(LIMIT)).isEqualTo(used);
	}

	@Test
	void whatRefusesToBeAskedForTwiceDoesSo() {
		AsyncResource<String> lock = new AsyncResource<>() {

			@Override
			public Mono<String> acquire() {
				return Mono.just("lock");
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				return Mono.empty();
			}

			@Override
			public Nesting nesting() {
				return Nesting.REFUSE;
			}

		};
		hold(lock);
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(lock, Mono::just).block(LIMIT))
			.withMessageContaining("is held already by scope 'application'");
	}

	@Test
	void whatIsBeingAcquiredIsNotJoined() {
		Sinks.One<String> arrival = Sinks.one();
		this.connection.acquisition = arrival.asMono();
		List<String> arrived = new ArrayList<>();
		this.scopes.application().enter(this.connection).subscribe(arrived::add);
		assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> this.connection.held().block(LIMIT));
		arrival.tryEmitValue("late");
		assertThat(arrived).containsExactly("late");
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("late");
	}

	@Test
	void whoEntersItIsAnsweredAlsoIfItEndsAtThatMoment() {
		List<Scope> ending = new ArrayList<>();
		AsyncScopes closing = AsyncScopes.builder().recorder(new ScopeRecorder() {

			@Override
			public void acquired(String resource, Outcome outcome, long nanos) {
				ending.forEach(Scope::close);
			}

		}).build();
		ending.add(closing.application());
		assertThat(closing.application().enter(this.connection).onErrorReturn("refused").block(LIMIT))
			.isIn("connection", "refused");
		ending.get(0).close().block(LIMIT);
		assertThat(this.events).containsExactly("acquire connection", "release connection completed");
	}

	// Its place among the others.

	@Test
	void isNoneOfTheOpenScopes() {
		hold(this.connection);
		Scope application = this.scopes.application();
		assertThat(application.resources()).containsExactly("connection");
		assertThat(application.state()).isEqualTo(Scope.State.RUNNING);
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.scopes.takeLost()).isEmpty();
		assertThat(this.scopes.holders(this.connection)).containsExactly(application);
		this.time.advanceTimeBy(Duration.ofDays(400));
		assertThat(application.age()).isEqualTo(Duration.ofDays(400));
		assertThat(application.age()).isLessThan(application.leakThreshold());
	}

	@Test
	void endsAfterAllOthersAndIsNotLeftOpen() {
		hold(this.connection, this.login);
		Sinks.Empty<Void> body = Sinks.empty();
		this.scopes
			.with((scope) -> body.asMono().then(this.connection.held()).doOnNext((value) -> this.events.add("body")))
			.subscribe();
		List<Scope> leftOpen = new ArrayList<>();
		List<String> ends = new ArrayList<>();
		this.scopes.close(leftOpen::addAll).subscribe(null, null, () -> ends.add("closed"));
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("connection");
		body.tryEmitEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.events).containsExactly("acquire connection", "acquire login", "body",
				"release login completed", "release connection completed");
		assertThat(leftOpen).isEmpty();
		assertThat(ends).containsExactly("closed");
	}

	@Test
	void aShutdownWithNothingElseOpenEndsItAtOnce() {
		hold(this.connection);
		this.scopes.close().block(LIMIT);
		assertThat(this.events).containsExactly("acquire connection", "release connection completed");
	}

	@Test
	void aShutdownEndsItAfterWhatItHadToCancel() {
		hold(this.connection);
		this.scopes.use(this.login, (value) -> Mono.never()).subscribe();
		List<Scope> leftOpen = new ArrayList<>();
		this.scopes.close(leftOpen::addAll).subscribe();
		this.time.advanceTimeBy(Duration.ofSeconds(6));
		assertThat(leftOpen).extracting(Scope::name).containsExactly("login");
		assertThat(this.events).containsExactly("acquire connection", "acquire login",
				"release login cancelled: the application is shutting down", "release connection completed");
	}

	@Test
	void eachReleaseIsBounded() {
		hold(this.connection, this.login);
		this.login.release = Mono.never();
		List<String> ends = new ArrayList<>();
		this.scopes.close().subscribe(null, null, () -> ends.add("closed"));
		assertThat(this.connection.released()).isZero();
		this.time.advanceTimeBy(Duration.ofSeconds(2));
		assertThat(this.connection.released()).isOne();
		assertThat(ends).containsExactly("closed");
	}

	@Test
	void itsReleasesMayOpenScopesAndNobodyElseMay() {
		List<String> seen = new ArrayList<>();
		this.connection.release = this.scopes
			.use(this.login, (value) -> this.scopes.use(new Recording("inner", this.events), Mono::just))
			.doOnNext(seen::add)
			.then(Mono.fromRunnable(() -> seen.add(useElsewhere())));
		hold(this.connection);
		this.scopes.close().block(LIMIT);
		assertThat(seen).containsExactly("inner", "ScopeClosedException");
		assertThat(this.scopes.openScopes()).isEmpty();
		this.scopes.use(this.login, Mono::just).subscribe(null, (error) -> seen.add("refused"));
		assertThat(seen).endsWith("refused");
	}

	private String useElsewhere() {
		return CompletableFuture
			.supplyAsync(() -> this.scopes.use(this.login, Mono::just)
				.onErrorResume((error) -> Mono.just(error.getClass().getSimpleName()))
				.block(LIMIT))
			.join();
	}

	@Test
	void whatOneNeedsIsHeldWhileItIsReleased() {
		this.login.release = this.connection.held()
			.doOnNext((value) -> this.events.add("logs out over " + value))
			.then();
		hold(this.connection, this.login);
		this.scopes.close().block(LIMIT);
		assertThat(this.events).containsExactly("acquire connection", "acquire login", "release login completed",
				"logs out over connection", "release connection completed");
	}

	@Test
	void anotherOneFollowsIt() {
		hold(this.connection);
		Scope first = this.scopes.application();
		assertThat(this.scopes.application()).isSameAs(first);
		first.close().block(LIMIT);
		hold(this.connection);
		assertThat(this.scopes.application()).isNotSameAs(first);
		assertThat(this.connection.acquired()).isEqualTo(2);
		assertThat(this.connection.held().block(LIMIT)).isEqualTo("connection");
	}

	@Test
	void noneFollowsAShutdown() {
		this.scopes.close().block(LIMIT);
		Scope application = this.scopes.application();
		assertThat(application.state()).isEqualTo(Scope.State.CLOSED);
		assertThatExceptionOfType(ScopeClosedException.class)
			.isThrownBy(() -> application.enter(this.connection).block(LIMIT));
		assertThat(this.events).isEmpty();
	}

}
