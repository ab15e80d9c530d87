package io.scopedasync.leak;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Exit;
import io.scopedasync.NoScopeException;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Ten million scopes, a million keys, and one leak in ten thousand: each is counted under
 * its reason, and none of it stays in the heap.
 */
class LeakSoakTests {

	private static final int SCOPES = Integer.getInteger("scopedasync.soak", 10_000_000);

	private static final int ONE_IN = 10_000;

	private static final int KEYS = 1_000_000;

	private static final Duration BOUND = Duration.ofSeconds(60);

	private static final LeakReason[] WAYS = { LeakReason.OVERDUE, LeakReason.LOST, LeakReason.RELEASE_STUCK,
			LeakReason.LATE, LeakReason.DOUBLE_RELEASE, LeakReason.OUTLIVED_PARENT, LeakReason.AFTER_CLOSE };

	private final CallSites callSites = CallSites.oneIn(64, ScopeClock.system());

	private final Leaks leaks = new Leaks(List.of(this.callSites));

	private final LeakWatcher watcher = new LeakWatcher(this.leaks);

	private final AsyncScopes scopes = AsyncScopes.builder()
		.tracked(true)
		.callSites(this.callSites)
		.watcher(this.watcher)
		.releaseTimeout(Duration.ofMillis(50))
		.build();

	private final Limiter limiter = Limiter.builder("limiter").permits(100_000).watcher(this.watcher).build();

	private final KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(1).build();

	private final LeakDetector detector = new LeakDetector(this.scopes, this.leaks, ScopeClock.system(),
			Duration.ofHours(1), Duration.ofMillis(100));

	private final Map<LeakReason, Integer> made = new EnumMap<>(LeakReason.class);

	/** What the end of the test, or a later turn, has to end. */
	private final Deque<Runnable> ends = new ArrayDeque<>();

	@BeforeEach
	void logsNothingThatIsExpected() {
		level(Level.OFF);
	}

	@AfterEach
	void stop() {
		this.detector.stop();
		level(null);
	}

	private static void level(Level level) {
		((Logger) LoggerFactory.getLogger(Scope.class)).setLevel(level);
		((Logger) LoggerFactory.getLogger(Leaks.class)).setLevel(level);
	}

	@Test
	@Timeout(600)
	@Case({ 173, 174, 176 })
	void countsEveryLeakAndKeepsNone() {
		this.detector.start();
		long before = 0;
		for (int i = 1; i <= SCOPES; i++) {
			this.scopes.use(this.limiter, (permit) -> Mono.just(permit)).subscribe();
			if (i % (SCOPES / KEYS) == 0) {
				this.scopes.use(this.keyed.forKey(i), (permit) -> Mono.just(permit)).subscribe();
			}
			if (i % ONE_IN == 0) {
				leak(i / ONE_IN);
			}
			if (i == SCOPES / 10) {
				before = used();
			}
		}
		Awaitility.await().atMost(BOUND).until(() -> {
			System.gc();
			return this.leaks.count(LeakReason.LOST) == this.made.get(LeakReason.LOST)
					&& this.leaks.count(LeakReason.OVERDUE) == this.made.get(LeakReason.OVERDUE);
		});
		this.ends.forEach(Runnable::run);
		Awaitility.await().atMost(BOUND).until(() -> this.scopes.openScopes().isEmpty());
		Awaitility.await().atMost(BOUND).until(() -> this.leaks.open() == 0);
		long after = used();
		LoggerFactory.getLogger(getClass())
			.info("{} scopes, {} keys, leaks made {}, heap after a tenth {} KiB, at the end {} KiB", SCOPES, KEYS,
					this.made, before / 1024, after / 1024);
		this.made.forEach(
				(reason, count) -> assertThat(this.leaks.count(reason)).as(reason.tag()).isEqualTo(count.longValue()));
		assertThat(this.leaks.recovered()).isEqualTo(this.made.get(LeakReason.OVERDUE).longValue());
		assertThat(this.limiter.statistics().borrowed()).isZero();
		assertThat(this.keyed.statistics().keys()).isZero();
		assertThat(this.leaks.sites()).hasSizeLessThanOrEqualTo(Leaks.MAX_SITES);
		assertThat(after - before).as("growth of the heap in bytes").isLessThan(4 << 20);
	}

	private void leak(int number) {
		LeakReason reason = WAYS[number % WAYS.length];
		this.made.merge(reason, 1, Integer::sum);
		switch (reason) {
			case OVERDUE -> overdue(number);
			case LOST -> this.scopes.use(this.limiter, (permit) -> Mono.never()).subscribe();
			case RELEASE_STUCK -> this.scopes.use(stuck(), (value) -> Mono.just(value)).subscribe((value) -> {
			}, (error) -> {
			});
			case LATE -> late();
			case DOUBLE_RELEASE -> closeTwice();
			case OUTLIVED_PARENT -> outlive();
			default -> useAfterClose();
		}
	}

	/** Each of a name of its own, as of an order. */
	private void overdue(int number) {
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.with(ScopeSpec.of("order " + number).leakThreshold(Duration.ofNanos(1)), (scope) -> end.asMono())
			.subscribe();
		this.ends.add(end::tryEmitEmpty);
	}

	private static AsyncResource<String> stuck() {
		return AsyncResource.<String>of(() -> Mono.just("stuck"), (value, exit) -> Mono.never()).named("stuck");
	}

	/** Delivers after its cancel. */
	private void late() {
		Sinks.One<String> value = Sinks.one();
		AsyncResource<String> late = new AsyncResource<>() {

			@Override
			public Mono<String> acquire() {
				return Mono.from((subscriber) -> subscriber.onSubscribe(new Subscription() {

					@Override
					public void request(long n) {
						value.asMono().subscribe(subscriber::onNext);
					}

					@Override
					public void cancel() {
						// Too late to be told.
					}

				}));
			}

			@Override
			public Mono<Void> release(String released, Exit exit) {
				return Mono.empty();
			}

			@Override
			public boolean cancellable() {
				return true;
			}

			@Override
			public String name() {
				return "late";
			}

		};
		this.scopes.use(late, (acquired) -> Mono.just(acquired)).subscribe().dispose();
		value.tryEmitValue("value");
	}

	private void closeTwice() {
		Permit permit = this.limiter.tryAcquire();
		assertThat(permit).isNotNull();
		permit.close();
		assertThatIllegalStateException().isThrownBy(permit::close);
	}

	private void outlive() {
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes.with(ScopeSpec.of("outer"), (outer) -> {
			this.scopes.with(ScopeSpec.of("inner"), (inner) -> end.asMono())
				.contextWrite((context) -> context.put(Scope.class, outer))
				.subscribe();
			return Mono.just("done");
		}).block(BOUND);
		end.tryEmitEmpty();
	}

	private void useAfterClose() {
		Mono<Permit> held = this.limiter.held();
		Scope closed = this.scopes.with(ScopeSpec.of("closed"), (scope) -> Mono.just(scope)).block(BOUND);
		assertThat(closed).isNotNull();
		held.contextWrite((context) -> context.put(Scope.class, closed)).subscribe((permit) -> {
			throw new AssertionError("still there");
		}, (error) -> assertThat(error).isNotInstanceOf(NoScopeException.class));
	}

	private static long used() {
		long least = Long.MAX_VALUE;
		for (int i = 0; i < 4; i++) {
			System.gc();
			least = Math.min(least, ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
		}
		return least;
	}

}
