package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * One resource after the other as one, and one whose value is seen through a function.
 */
@Timeout(60)
class FlatMappedResourceTests {

	private static final Duration LIMIT = Duration.ofSeconds(10);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private final Told told = new Told();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.tracked(true)
		.recorder(this.told)
		.build();

	private final Recording a = new Recording("a", this.events);

	private final Recording b = new Recording("b", this.events);

	private final IllegalStateException error = new IllegalStateException("expected");

	@Test
	@Case({ 57, 58 })
	void whoStopsWaitingForALimiterLeavesItsQueueAtOnce() {
		Limiter full = Limiter.builder("full").permits(1).build();
		Permit held = full.tryAcquire();
		List<AsyncResource<?>> all = List.of(this.a.flatMap((value) -> full), full.flatMap((permit) -> this.b),
				full.map(Permit::toString), this.a.flatMap((value) -> full.flatMap((permit) -> this.b)).named("deep"));
		for (AsyncResource<?> each : all) {
			Disposable call = this.scopes.use(each, (value) -> Mono.just("never")).subscribe();
			assertThat(full.statistics().waiting()).isOne();
			assertThat(this.scopes.openScopes()).singleElement().matches(Scope::isWaiting);
			call.dispose();
			assertThat(full.statistics().waiting()).isZero();
			assertThat(this.scopes.openScopes()).isEmpty();
		}
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: by its subscriber", "acquire a",
				"release a cancelled: by its subscriber");
		held.close();
		assertThat(full.statistics().borrowed()).isZero();
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(34)
	void afterACancelTheSecondIsNotBegun() {
		Sinks.One<String> masked = Sinks.one();
		this.a.acquisition = masked.asMono();
		Disposable call = this.scopes.use(this.a.flatMap((value) -> this.b), Mono::just).subscribe();
		call.dispose();
		assertThat(this.scopes.openScopes()).hasSize(1);
		masked.tryEmitValue("a");
		assertThat(this.events).containsExactly("acquire a", "release a cancelled: by its subscriber");
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case({ 16, 70 })
	void anUndoIsBounded() {
		this.a.release = Mono.never();
		this.b.acquisition = Mono.error(this.error);
		CompletableFuture<?> heard = this.scopes.use(this.a.flatMap((value) -> this.b), Mono::just).toFuture();
		assertThat(heard).isNotDone();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(this.error.getSuppressed()).singleElement().isInstanceOf(ReleaseTimeoutException.class);
		assertThat(this.told.recorded).containsExactly("acquired a SUCCESS", "acquired b ERROR", "released a TIMEOUT");
	}

	@Test
	@Case(70)
	void eachReleaseHasALimitOfItsOwn() {
		this.a.release = Mono.never();
		this.b.release = Mono.never();
		CompletableFuture<?> heard = this.scopes
			.use(this.a.flatMap((value) -> this.b).map(String::length), (length) -> Mono.just("done"))
			.toFuture();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).isNotDone();
		this.time.advanceTimeBy(LIMIT);
		assertThat(heard).failsWithin(LIMIT)
			.withThrowableThat()
			.havingCause()
			.isInstanceOf(ReleaseTimeoutException.class)
			.withMessageContaining("'b'");
		assertThat(this.told.recorded).containsExactly("acquired a SUCCESS", "acquired b SUCCESS", "released b TIMEOUT",
				"released a TIMEOUT");
	}

	@Test
	void partsAreRecordedUnderTheirOwnNamesAndTheWholeIfItHasOne() {
		AsyncResource<String> both = this.a.flatMap((value) -> this.b);
		this.scopes.use(both.suppressing(IllegalArgumentException.class).map(String::length), Mono::just).block(LIMIT);
		assertThat(this.told.recorded).containsExactly("acquired a SUCCESS", "acquired b SUCCESS", "released b SUCCESS",
				"released a SUCCESS");
		this.told.recorded.clear();
		this.scopes.use(both.named("both"), Mono::just).block(LIMIT);
		assertThat(this.told.recorded).containsExactly("acquired a SUCCESS", "acquired b SUCCESS",
				"acquired both SUCCESS", "released b SUCCESS", "released a SUCCESS", "released both SUCCESS");
	}

	@Test
	@Case(16)
	void aFirstOneThatDeclaresTheErrorHandledDoesNotHideThatThereIsNoSecond() {
		this.b.acquisition = Mono.error(this.error);
		AsyncResource<String> both = this.a.suppressing(IllegalStateException.class).flatMap((value) -> this.b);
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(both, Mono::just).block(LIMIT))
			.isSameAs(this.error);
		AsyncResource<String> broken = this.a.suppressing(IllegalStateException.class).flatMap((value) -> {
			throw this.error;
		});
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(broken, Mono::just).block(LIMIT))
			.isSameAs(this.error);
		assertThat(this.a.released()).isEqualTo(2);
	}

	@Test
	void aPoolMakesThemWhole() throws Exception {
		PooledResource<String> pool = this.a.flatMap((value) -> AsyncResource.all(this.b, AsyncResource.just("c")))
			.map((values) -> String.join(" ", values))
			.pooled((settings) -> settings.maxSize(1));
		// In a blocking body the thread is in a scope, which the pool's objects outlive.
		String used = this.scopes.useBlocking(AsyncResource.just("outer"),
				(outer) -> this.scopes.useBlocking(pool, (value) -> value));
		assertThat(used).isEqualTo("b c");
		assertThat(this.events).containsExactly("acquire a", "acquire b");
		assertThat(this.scopes.use(pool, Mono::just).block(LIMIT)).isEqualTo("b c");
		pool.close().block(LIMIT);
		assertThat(this.events).endsWith("release b completed", "release a completed").hasSize(4);
	}

	@Test
	@Case({ 26, 17 })
	void theyMoveAndAreReleasedEarlyAsAWhole() {
		AsyncResource<String> both = this.a.flatMap((value) -> this.b);
		Scope first = this.scopes.open("first");
		String value = first.enter(both).block(LIMIT);
		Scope owner = first.transfer();
		first.close().block(LIMIT);
		assertThat(owner.find(this.a)).isEqualTo("a");
		assertThat(this.a.released()).isZero();
		owner.release(both, value).block(LIMIT);
		assertThat(this.events).endsWith("release b completed", "release a completed");
		owner.close().block(LIMIT);
		assertThat(this.a.released() + this.b.released()).isEqualTo(2);
	}

	@Test
	void nestAsDeepAsOneLikes() {
		AsyncResource<String> left = this.a;
		AsyncResource<String> right = this.a;
		for (int i = 0; i < 200; i++) {
			AsyncResource<String> inner = right;
			left = left.flatMap((value) -> this.b).map((value) -> value);
			right = this.b.flatMap((value) -> inner);
		}
		assertThat(this.scopes.use(left, Mono::just).block(LIMIT)).isEqualTo("b");
		assertThat(this.scopes.use(right, Mono::just).block(LIMIT)).isEqualTo("a");
		assertThat(this.b.released()).isEqualTo(400);
		assertThat(this.a.released()).isEqualTo(2);
	}

	@Test
	@Case(43)
	void anErrorOfAReleaseAfterACancelIsHeardOnce() {
		this.b.release = Mono.error(this.error);
		this.scopes.use(this.a.flatMap((value) -> this.b), (value) -> Mono.never()).subscribe().dispose();
		assertThat(this.told.undelivered).containsExactly(this.error);
		assertThat(this.events).endsWith("release b cancelled: by its subscriber",
				"release a cancelled: by its subscriber");
	}

	// Map.

	@Test
	void theFunctionIsAskedOnce() {
		AtomicInteger asked = new AtomicInteger();
		AsyncResource<Object> mapped = this.a.map((value) -> {
			asked.incrementAndGet();
			return new Object();
		});
		assertThat(
				this.scopes.use(mapped, (value) -> mapped.held().map((held) -> held == value && this.a.held() != null))
					.block(LIMIT))
			.isTrue();
		assertThat(asked).hasValue(1);
	}

	@Test
	void itNestsAsWhatIsSeen() {
		AsyncResource<String> session = new Recording("session", this.events) {
			@Override
			public Nesting nesting() {
				return Nesting.JOIN;
			}
		};
		AsyncResource<Integer> length = session.map(String::length);
		this.scopes.use(length, (outer) -> this.scopes.use(length, Mono::just)).block(LIMIT);
		assertThat(this.events).containsExactly("acquire session", "release session completed");
		this.scopes.use(length, (outer) -> this.scopes.use(length.fresh(), Mono::just)).block(LIMIT);
		assertThat(this.events).filteredOn("acquire session"::equals).hasSize(3);
	}

	@Test
	void whatIsGrantedAtOnceIsSeenThroughTheFunctionWhereverItIsEntered() {
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		List<Object> asked = new ArrayList<>();
		AsyncResource<Integer> seen = limiter.map((permit) -> {
			asked.add(permit);
			return permit.permits();
		}).named("seen");
		ScopeSpec second = ScopeSpec.of("second").entering(this.a, seen);
		List<Mono<?>> calls = List.of(this.scopes.use(seen, Mono::just), this.scopes.with((scope) -> scope.enter(seen)),
				this.scopes.with(second, (scope) -> seen.held()),
				this.scopes.use(this.a.flatMap((value) -> seen), Mono::just),
				this.scopes.use(AsyncResource.all(List.of(seen)), (all) -> Mono.just(all.get(0))), this.scopes.with(
						(scope) -> scope.enter(seen).flatMap((value) -> scope.release(seen, value).thenReturn(value))));
		for (Mono<?> call : calls) {
			assertThat(call.toFuture()).succeedsWithin(LIMIT).isEqualTo(1);
			assertThat(limiter.statistics().borrowed()).isZero();
		}
		assertThat(asked).hasSameSizeAs(calls).hasOnlyElementsOfType(Permit.class);
		assertThat(this.told.undelivered).isEmpty();
	}

	@EventLoop
	@Test
	void whatAWaiterIsGrantedIsSeenThroughTheFunction() {
		Limiter limiter = Limiter.builder("limiter").permits(1).build();
		AsyncResource<String> seen = limiter.map(Permit::permits).named("seen").map((permits) -> "permits " + permits);
		AsyncResource<String> failing = limiter.map((permit) -> {
			throw this.error;
		});
		Permit first = limiter.tryAcquire();
		CompletableFuture<String> one = this.scopes.use(seen, Mono::just).toFuture();
		CompletableFuture<?> two = this.scopes.use(failing, Mono::just).toFuture();
		CompletableFuture<?> three = this.scopes.use(seen, (value) -> Mono.never()).toFuture();
		assertThat(limiter.statistics().waiting()).isEqualTo(3);
		first.close();
		assertThat(one).isCompletedWithValue("permits 1");
		assertThat(two).failsWithin(LIMIT).withThrowableThat().havingCause().isSameAs(this.error);
		assertThat(three).isNotDone();
		three.cancel(true);
		assertThat(this.scopes.use(failing, Mono::just).toFuture()).isCompletedExceptionally();
		assertThat(limiter.statistics().borrowed()).isZero();
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.told.undelivered).isEmpty();
	}

	@Test
	@Case(15)
	void whatABodyEntersInVainIsReleasedAtOnce() {
		List<Throwable> heard = new ArrayList<>();
		Sinks.Empty<Void> slow = Sinks.empty();
		this.a.release = slow.asMono();
		Scope scope = this.scopes.open("by hand");
		scope.enter(this.a.map((value) -> {
			throw this.error;
		})).subscribe(null, heard::add);
		assertThat(this.events).containsExactly("acquire a", "release a failed: " + this.error);
		assertThat(heard).isEmpty();
		slow.tryEmitEmpty();
		assertThat(heard).containsExactly(this.error);
		assertThat(scope.state()).isEqualTo(Scope.State.RUNNING);
		scope.close().block(LIMIT);
		assertThat(this.a.released()).isOne();
		assertThat(this.told.undelivered).isEmpty();
	}

}
