package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Stream;

import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What a release opens has the release limit for its only one.
 */
@ExtendWith(QuietScopes.class)
class ScopesInReleasesTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final Duration RELEASE = Duration.ofSeconds(20);

	private final AsyncScopes scopes = AsyncScopes.builder().releaseTimeout(RELEASE).build();

	private final List<String> done = new CopyOnWriteArrayList<>();

	private final AsyncResource<String> connection = AsyncResource.of(() -> Mono.just("db"),
			(value, exit) -> Mono.empty());

	private Mono<String> query(String what) {
		return this.scopes.use(this.connection,
				(db) -> Scope.current()
					.map((scope) -> scope.remaining().orElseThrow())
					.doOnNext((left) -> assertThat(left).isBetween(Duration.ofSeconds(5), RELEASE))
					.then(Mono.delay(Duration.ofMillis(1)))
					.map((tick) -> {
						this.done.add(what);
						return what;
					}));
	}

	private AsyncResource<String> lease() {
		return AsyncResource.of(() -> Mono.just("lease"), (value, exit) -> query("returned").then());
	}

	/** Works while it is called, not only once it is subscribed to. */
	private AsyncResource<String> blockingLease() {
		return AsyncResource.of(() -> Mono.just("lease"), (value, exit) -> {
			try {
				this.scopes.useBlocking(this.connection, (db) -> {
					assertThat(Scope.current().block().remaining().orElseThrow()).isBetween(Duration.ofSeconds(5),
							RELEASE);
					return this.done.add("returned");
				});
			}
			catch (Exception ex) {
				return Mono.error(ex);
			}
			return Mono.empty();
		});
	}

	@ParameterizedTest
	@EnumSource(Front.class)
	void whatIsHeldIsGivenBackAfterALimit(Front front) {
		ScopeSpec spec = ScopeSpec.of("call").entering(lease()).timeout(Duration.ofMillis(200));
		Front.Call call = front.start(this.scopes, spec, (scope) -> Mono.never());
		assertThat(call.error()).isInstanceOf(DeadlineExceededException.class);
		assertThat(call.error().getSuppressed()).isEmpty();
		assertThat(this.done).containsExactly("returned");
	}

	@Test
	void whatABlockingCallHoldsIsGivenBackByCodeThatBlocks() {
		ScopeSpec spec = ScopeSpec.of("call").entering(blockingLease()).timeout(Duration.ofMillis(200));
		assertThatThrownBy(() -> this.scopes.withBlocking(spec, (scope) -> {
			new CountDownLatch(1).await(LIMIT.toSeconds(), TimeUnit.SECONDS);
			return "x";
		})).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("returned");
	}

	static Stream<Named<Function<ScopesInReleasesTests, AsyncResource<?>>>> kinds() {
		return Stream.of(Named.of("plain", ScopesInReleasesTests::lease),
				Named.of("mapped", (test) -> test.lease().map(String::length)),
				Named.of("flatMapped", (test) -> AsyncResource.just("x").flatMap((x) -> test.lease())),
				Named.of("zipped", (test) -> test.lease().zipWith(AsyncResource.just("x"), (a, b) -> a)),
				Named.of("shared", (test) -> test.lease().shared(Duration.ZERO)));
	}

	@ParameterizedTest
	@MethodSource("kinds")
	void anOuterLimitDoesNotReachARelease(Function<ScopesInReleasesTests, AsyncResource<?>> kind) {
		assertThatThrownBy(() -> this.scopes
			.within(Duration.ofMillis(200), (outer) -> this.scopes.use(kind.apply(this), (value) -> Mono.never()))
			.block(LIMIT)).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("returned");
	}

	@Test
	void aCancelDoesNotReachARelease() {
		CompletableFuture<Void> released = new CompletableFuture<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> query("returned").doOnNext((what) -> released.complete(null)).then());
		this.scopes.use(lease, (value) -> Mono.never()).subscribe().dispose();
		assertThat(released).succeedsWithin(LIMIT);
	}

	@Test
	void aCallbackHasTheReleaseLimitToo() {
		assertThatThrownBy(() -> this.scopes.with(ScopeSpec.of("call").timeout(Duration.ofMillis(200)), (scope) -> {
			scope.onExit((exit) -> query("first").then());
			scope.push((exit) -> query("second").thenReturn(exit));
			return Mono.never();
		}).block(LIMIT)).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("second", "first");
	}

	@Test
	void theScopesOfATaskAreGivenBack() {
		assertThatThrownBy(() -> this.scopes.within(Duration.ofMillis(200), (deadline) -> this.scopes.group((group) -> {
			group.start(ScopeSpec.of("task").entering(lease()), (scope) -> Mono.never());
			return Mono.never();
		})).block(LIMIT)).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.done).containsExactly("returned");
	}

	@Test
	void whatArrivesLateIsGivenBack() {
		CompletableFuture<String> arrival = new CompletableFuture<>();
		CompletableFuture<Void> released = new CompletableFuture<>();
		AsyncScopes impatient = AsyncScopes.builder().releaseTimeout(Duration.ofMillis(50)).build();
		AsyncResource<String> late = AsyncResource.of(() -> Mono.fromFuture(arrival, true),
				(value, exit) -> impatient.use(this.connection, (db) -> Mono.just("returned"))
					.doOnNext((what) -> released.complete(null))
					.then());
		ScopeSpec spec = ScopeSpec.of("call").entering(late).timeout(Duration.ofMillis(50));
		CompletableFuture<String> call = impatient.with(spec, (scope) -> Mono.just("x")).toFuture();
		assertThat(call).failsWithin(LIMIT);
		arrival.complete("late");
		assertThat(released).succeedsWithin(LIMIT);
	}

	@Test
	void whatIsStillHeldIsFoundInARelease() {
		AtomicReference<String> found = new AtomicReference<>();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> this.scopes.with((scope) -> this.connection.held().doOnNext(found::set)).then());
		this.scopes.with(ScopeSpec.of("call").entering(this.connection, lease), (scope) -> Mono.just("x")).block(LIMIT);
		assertThat(found).hasValue("db");
	}

	@Test
	void theReleaseLimitEndsWhatAReleaseOpens() {
		AsyncScopes hurried = AsyncScopes.builder().releaseTimeout(Duration.ofMillis(50)).build();
		CompletableFuture<Exit> inner = new CompletableFuture<>();
		AsyncResource<String> watched = AsyncResource.of(() -> Mono.just("w"),
				(value, exit) -> Mono.fromRunnable(() -> inner.complete(exit)));
		AsyncResource<String> stuck = AsyncResource.of(() -> Mono.just("s"),
				(value, exit) -> hurried.use(watched, (w) -> Mono.never()).then());
		assertThat(hurried.use(stuck, Mono::just).toFuture()).failsWithin(LIMIT);
		assertThat(inner).succeedsWithin(LIMIT).isInstanceOf(Exit.Cancelled.class);
	}

	@Test
	void aShutdownLetsAReleaseDoItsWork() {
		AsyncScopes closing = AsyncScopes.builder().releaseTimeout(RELEASE).shutdownTimeout(Duration.ZERO).build();
		AsyncResource<String> lease = AsyncResource.of(() -> Mono.just("lease"),
				(value, exit) -> closing
					.use(this.connection,
							(db) -> Mono.delay(Duration.ofMillis(100)).map((tick) -> this.done.add("returned")))
					.then());
		closing.use(lease, (value) -> Mono.never()).subscribe((value) -> {
		}, (error) -> {
		});
		closing.close().block(LIMIT);
		assertThat(this.done).containsExactly("returned");
	}

	@Test
	void whatACancelledBodyOpensIsCancelledToo() throws Exception {
		Limiter full = Limiter.builder("full").permits(0).build();
		CountDownLatch inBody = new CountDownLatch(1);
		AtomicReference<Throwable> later = new AtomicReference<>();
		CompletableFuture<Throwable> told = new CompletableFuture<>();
		AtomicReference<Scope> scope = new AtomicReference<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.withBlocking(ScopeSpec.of("call"), (call) -> {
					scope.set(call);
					inBody.countDown();
					try {
						new CountDownLatch(1).await(LIMIT.toSeconds(), TimeUnit.SECONDS);
					}
					catch (InterruptedException ex) {
						// Swallowed, as some code does.
					}
					try {
						this.scopes.useBlocking(full, (permit) -> "never");
					}
					catch (Throwable ex) {
						later.set(ex);
					}
					assertThatThrownBy(() -> call.enter(full).block(LIMIT)).isInstanceOf(ScopeClosedException.class);
					return "x";
				});
				told.complete(null);
			}
			catch (Throwable ex) {
				told.complete(ex);
			}
		});
		caller.setDaemon(true);
		caller.start();
		assertThat(inBody.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		scope.get().cancel("test").block(LIMIT);
		assertThat(told).succeedsWithin(LIMIT).isInstanceOf(ScopeClosedException.class);
		assertThat(later.get()).isInstanceOf(ScopeClosedException.class);
		assertThat(full.statistics().waiting()).isZero();
	}

	@Test
	void aBodyThatReturnsWithItsInterruptPendingIsReleasedAsCancelled() throws Exception {
		CompletableFuture<Exit> released = new CompletableFuture<>();
		AsyncResource<String> watched = AsyncResource.of(() -> Mono.just("w"),
				(value, exit) -> Mono.fromRunnable(() -> released.complete(exit)));
		AtomicInteger flags = new AtomicInteger();
		CompletableFuture<Throwable> told = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.useBlocking(watched, (value) -> {
					Thread.currentThread().interrupt();
					return "x";
				});
				told.complete(null);
			}
			catch (Throwable ex) {
				flags.set(Thread.currentThread().isInterrupted() ? 1 : 0);
				told.complete(ex);
			}
		});
		caller.start();
		assertThat(told).succeedsWithin(LIMIT).isInstanceOf(ScopeClosedException.class);
		assertThat(released).succeedsWithin(LIMIT).isInstanceOf(Exit.Cancelled.class);
		assertThat(flags).hasValue(1);
		caller.join(LIMIT.toMillis());
	}

	@Test
	void whoGoesOnBecauseOfAReleaseIsNotInIt() {
		Sinks.Empty<Void> givenBack = Sinks.empty();
		AsyncResource<String> waking = AsyncResource.of(() -> Mono.just("w"),
				(value, exit) -> Mono.fromRunnable(givenBack::tryEmitEmpty));
		CompletableFuture<Optional<Scope>> around = this.scopes
			.use(this.connection, (db) -> givenBack.asMono().thenReturn("x"))
			.flatMap((x) -> this.scopes.with((next) -> Mono.just(Optional.ofNullable(next.parent()))))
			.toFuture();
		this.scopes.use(waking, (value) -> Mono.delay(Duration.ofMillis(5))).block(LIMIT);
		assertThat(around).succeedsWithin(LIMIT).isEqualTo(Optional.empty());
	}

	@Test
	void afterEveryTimeoutEverythingIsGivenBack() {
		AtomicInteger held = new AtomicInteger();
		AsyncResource<Integer> counted = AsyncResource.of(() -> Mono.fromCallable(held::incrementAndGet),
				(value, exit) -> this.scopes
					.use(this.connection,
							(db) -> Mono.fromRunnable(held::decrementAndGet).subscribeOn(Schedulers.parallel()))
					.then());
		for (int i = 0; i < 2_000; i++) {
			Duration limit = Duration.ofNanos(1 + (i % 50) * 20_000L);
			this.scopes.with(ScopeSpec.of("call").entering(counted).timeout(limit), (scope) -> Mono.never())
				.onErrorComplete()
				.block(LIMIT);
		}
		assertThat(held).hasValue(0);
	}

}
