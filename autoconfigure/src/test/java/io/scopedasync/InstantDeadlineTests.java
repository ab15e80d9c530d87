package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Deadlines at a moment: of those at the same one, inside each other, the outermost
 * expires.
 */
@Timeout(120)
class InstantDeadlineTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes virtual = AsyncScopes.builder().clock(ScopeClock.of(this.time)).build();

	private final AsyncScopes real = AsyncScopes.create();

	@AfterEach
	void dispose() {
		this.time.dispose();
	}

	/** What expired where three of them are inside each other. */
	private static final class Round {

		final AtomicReference<Deadline> outer = new AtomicReference<>();

		final AtomicReference<Deadline> middle = new AtomicReference<>();

		final AtomicReference<Deadline> inner = new AtomicReference<>();

		/** The inner errors are swallowed: only the outermost is to be heard. */
		Mono<String> call(AsyncScopes scopes, Instant at, Random random) {
			return scopes.within(at, (outer) -> {
				this.outer.set(outer);
				return pause(random).then(scopes.within(at, (middle) -> {
					this.middle.set(middle);
					return pause(random).then(scopes.within(at, (inner) -> {
						this.inner.set(inner);
						return Mono.<String>never();
					})).onErrorReturn("swallowed");
				})).onErrorReturn("swallowed");
			}).map((value) -> "ended with " + value).onErrorResume((error) -> Mono.just(verdict(error)));
		}

		private static Mono<Void> pause(Random random) {
			int micros;
			synchronized (random) {
				micros = random.nextInt(400);
			}
			return (micros < 200) ? Mono.empty() : Mono.delay(Duration.ofNanos(micros * 1000L)).then();
		}

		private String verdict(Throwable error) {
			boolean others = isExpired(this.middle) || isExpired(this.inner);
			// On a slow machine the moment has passed before the outermost begins.
			boolean outer = this.outer.get() == null || isExpired(this.outer);
			return (error instanceof DeadlineExceededException && outer && !others) ? "outer"
					: error + " outer " + isExpired(this.outer) + " others " + others;
		}

		private static boolean isExpired(AtomicReference<Deadline> deadline) {
			return deadline.get() != null && deadline.get().isExpired();
		}

	}

	@Test
	void ofTheSameMomentTheOutermostExpiresInRealTime() {
		long seed = System.nanoTime();
		System.out.println("seed " + seed);
		Random random = new Random(seed);
		Flux.range(0, 2_000)
			.flatMap((number) -> Mono
				.defer(() -> new Round().call(this.real, Instant.now().plusNanos(3_000_000 + number % 7 * 150_000),
						random))
				.subscribeOn(Schedulers.parallel()), 16)
			.doOnNext((verdict) -> assertThat(verdict).isEqualTo("outer"))
			.blockLast(LIMIT);
	}

	@Test
	void ofTheSameMomentTheOutermostExpiresInVirtualTime() {
		Round round = new Round();
		AtomicReference<String> verdict = new AtomicReference<>();
		Instant at = this.virtual.clock().instant().plusSeconds(5);
		this.virtual.within(at, (outer) -> {
			round.outer.set(outer);
			return Mono.delay(Duration.ofSeconds(1), this.time).then(this.virtual.within(at, (inner) -> {
				round.inner.set(inner);
				return Mono.never();
			})).onErrorReturn("swallowed");
		}).subscribe(null, (error) -> verdict.set(round.verdict(error)));
		this.time.advanceTimeBy(Duration.ofMillis(4999));
		assertThat(verdict.get()).isNull();
		this.time.advanceTimeBy(Duration.ofMillis(1));
		assertThat(verdict.get()).isEqualTo("outer");
	}

	@Test
	void aMomentThatWasReadBackIsTheSameOne() {
		AtomicInteger rounds = new AtomicInteger();
		Flux.range(0, 400).flatMap((number) -> {
			AtomicReference<Deadline> outer = new AtomicReference<>();
			AtomicReference<Deadline> inner = new AtomicReference<>();
			return this.real.within(Duration.ofMillis(3), (deadline) -> {
				outer.set(deadline);
				return this.real.within(deadline.at().orElseThrow(), (same) -> {
					inner.set(same);
					return Mono.never();
				}).onErrorReturn("swallowed");
			}).onErrorResume(DeadlineExceededException.class, (error) -> {
				assertThat(outer.get() == null || outer.get().isExpired()).isTrue();
				assertThat(inner.get() == null || !inner.get().isExpired()).isTrue();
				rounds.incrementAndGet();
				return Mono.empty();
			});
		}, 16).blockLast(LIMIT);
		assertThat(rounds).hasValue(400);
	}

	@Test
	void aMomentCanBeReadBackAfterItHasPassed() {
		Instant at = this.virtual.clock().instant().plusSeconds(5);
		AtomicReference<Deadline> moment = new AtomicReference<>();
		AtomicReference<Deadline> limit = new AtomicReference<>();
		this.virtual.within(at, (deadline) -> {
			moment.set(deadline);
			return Mono.never();
		}).subscribe(null, (error) -> {
		});
		this.virtual.within(Duration.ofSeconds(7), (deadline) -> {
			limit.set(deadline);
			return Mono.never();
		}).subscribe(null, (error) -> {
		});
		this.time.advanceTimeBy(Duration.ofMinutes(1));
		assertThat(moment.get().at()).hasValue(at);
		assertThat(limit.get().at()).hasValue(at.plusSeconds(2));
	}

	@Test
	void anInnerMomentThatIsEarlierExpiresAlone() {
		Instant at = this.virtual.clock().instant().plusSeconds(5);
		AtomicReference<Deadline> outer = new AtomicReference<>();
		AtomicReference<String> told = new AtomicReference<>();
		this.virtual.within(at, (deadline) -> {
			outer.set(deadline);
			return this.virtual.within(at.minusSeconds(1), (inner) -> Mono.<String>never()).onErrorReturn("inner");
		}).subscribe(told::set);
		this.time.advanceTimeBy(Duration.ofSeconds(4));
		assertThat(told.get()).isEqualTo("inner");
		assertThat(outer.get().isExpired()).isFalse();
	}

	@Test
	void theEndsOfTimeAreMoments() {
		AtomicReference<String> told = new AtomicReference<>();
		this.virtual.within(Instant.MAX, (never) -> this.virtual.within(Instant.MIN, (passed) -> Mono.just("ran")))
			.subscribe(told::set, (error) -> told.set(error.getClass().getSimpleName()));
		assertThat(told.get()).isEqualTo("DeadlineExceededException");
		this.virtual.within(Instant.MAX, (never) -> {
			assertThat(never.at()).isEmpty();
			never.reschedule(Instant.MAX);
			never.reschedule(Duration.ofSeconds(Long.MAX_VALUE));
			return Mono.just("fine");
		}).subscribe(told::set);
		assertThat(told.get()).isEqualTo("fine");
		this.virtual
			.within(this.virtual.clock().instant(),
					(passed) -> this.virtual.within(Instant.MAX, (never) -> Mono.just("ran")))
			.subscribe(told::set, (error) -> told.set(error.getClass().getSimpleName()));
		assertThat(told.get()).isEqualTo("DeadlineExceededException");
	}

	@Test
	void aShieldedScopeInsideExpiresByItself() {
		Instant at = this.virtual.clock().instant().plusSeconds(5);
		AtomicReference<Deadline> outer = new AtomicReference<>();
		AtomicReference<Deadline> inner = new AtomicReference<>();
		this.virtual.within(at, (deadline) -> {
			outer.set(deadline);
			return this.virtual.with(ScopeSpec.of("shield").shielded().until(at), (scope) -> {
				inner.set(scope.deadline());
				return Mono.never();
			});
		}).subscribe(null, (error) -> {
		});
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(outer.get().isExpired()).isTrue();
		assertThat(inner.get().isExpired()).isTrue();
		assertThat(this.virtual.openScopes()).isEmpty();
	}

}
