package io.scopedasync.actuate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.scopedasync.sync.ReadWriteLock;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopesHealthIndicator}, with scopes that a detector finds overdue.
 */
class ScopesHealthIndicatorTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder()
		.tracked(true)
		.clock(this.clock)
		.shutdownTimeout(Duration.ZERO)
		.build();

	/** A scope that nobody refers to any more is lost, and not open. */
	private final List<Scope> opened = new ArrayList<>();

	private final Leaks leaks = new Leaks(List.of());

	private final LeakDetector detector = new LeakDetector(this.scopes, this.leaks, this.clock, Duration.ofMinutes(1),
			Duration.ofSeconds(1));

	private final Limiter limiter = Limiter.builder("quotes-limit").permits(2).build();

	private final KeyedLimiter keyed = KeyedLimiter.builder("tenant-limit").permits(1).build();

	private final List<Measured> measured = new ArrayList<>(List.of(this.limiter, this.keyed));

	ScopesHealthIndicatorTests() {
		this.detector.start();
	}

	@AfterEach
	void close() {
		this.detector.stop();
		this.scopes.openScopes().forEach((scope) -> scope.cancel("the test is over"));
		this.time.dispose();
	}

	@Test
	void isGoodWithoutDetailsWhileNothingIsOverdue() {
		open("import");
		passes(Duration.ofSeconds(30));
		assertThat(health(null)).isEqualTo(Health.up().build());
	}

	@Test
	void namesSuspectsAndStaysGood() {
		open("row");
		passes(Duration.ofSeconds(10));
		open("import");
		open("import");
		passes(Duration.ofSeconds(65));
		Health health = health(null);
		assertThat(health.getStatus()).isEqualTo(Status.UP);
		assertThat(health.getDetails()).containsOnlyKeys("suspects", "oldest", "names")
			.containsEntry("suspects", 3)
			.containsEntry("oldest", "PT1M15S")
			.containsEntry("names", Map.of("import", 2L, "row", 1L));
	}

	@Test
	void isGoodAgainAfterSuspectsHaveEnded() {
		Scope scope = open("import");
		passes(Duration.ofSeconds(65));
		assertThat(health(1).getStatus()).isEqualTo(Status.DOWN);
		scope.close();
		assertThat(health(1)).isEqualTo(Health.up().build());
	}

	@Test
	void namesOnlyTheMostFrequent() {
		for (int i = 0; i < 100; i++) {
			open("import-" + i);
		}
		open("import-42");
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getDetails().get("names"))
			.asInstanceOf(InstanceOfAssertFactories.map(String.class, Long.class))
			.hasSize(20)
			.containsEntry("import-42", 2L);
	}

	@Test
	void isBadOnceSuspectsAreTooMany() {
		open("import");
		open("import");
		passes(Duration.ofSeconds(65));
		assertThat(health(3).getStatus()).isEqualTo(Status.UP);
		Health health = health(2);
		assertThat(health.getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.getDetails()).containsEntry("maxSuspects", 2);
	}

	@Test
	void isBadWhileSuspectsHoldAllOfAResourceThatSomebodyWaitsFor() {
		open("import").enter(this.limiter).block(LIMIT);
		open("import").enter(this.limiter).block(LIMIT);
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getStatus()).as("nobody waits").isEqualTo(Status.UP);
		waitFor(this.limiter);
		Health health = health(null);
		assertThat(health.getStatus()).isEqualTo(Status.DOWN);
		assertThat(health.getDetails()).containsEntry("exhausted", List.of("quotes-limit"));
	}

	@Test
	void isBadThoughWhoWaitsHasBecomeSuspectAsWell() {
		open("import").enter(this.limiter.permits(2)).block(LIMIT);
		waitFor(this.limiter);
		Scope waiting = open("report");
		waiting.enter(this.limiter).onErrorComplete().subscribe();
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getStatus()).isEqualTo(Status.DOWN);
	}

	@Test
	void isGoodWhileOneHolderMayEndYet() {
		open("import").enter(this.limiter).block(LIMIT);
		passes(Duration.ofSeconds(65));
		open("import").enter(this.limiter).block(LIMIT);
		waitFor(this.limiter);
		assertThat(health(null).getStatus()).isEqualTo(Status.UP);
	}

	@Test
	void isGoodWhileAPermitIsHeldWithoutAScope() {
		open("import").enter(this.limiter).block(LIMIT);
		Permit byHand = Objects.requireNonNull(this.limiter.tryAcquire());
		waitFor(this.limiter);
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getStatus()).isEqualTo(Status.UP);
		byHand.close();
	}

	@Test
	void isGoodWhileSuspectsHoldNothing() {
		open("import");
		waitFor(Limiter.builder("closed").permits(0).build());
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getStatus()).isEqualTo(Status.UP);
	}

	@Test
	void isBadWhileSuspectsHoldEveryKey() {
		open("import").enter(this.keyed.forKey("a")).block(LIMIT);
		this.scopes.use(this.keyed.forKey("a"), (permit) -> Mono.never()).onErrorComplete().subscribe();
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getDetails()).containsEntry("exhausted", List.of("tenant-limit"));
		open("import").enter(this.keyed.forKey("b")).block(LIMIT);
		assertThat(health(null).getStatus()).isEqualTo(Status.UP);
	}

	@Test
	void isBadWhileASuspectHoldsALockThatSomebodyWaitsFor() {
		ReadWriteLock prices = ReadWriteLock.builder("prices").build();
		this.measured.add(prices);
		open("import").enter(prices.read()).block(LIMIT);
		this.scopes.use(prices.write(), (hold) -> Mono.never()).onErrorComplete().subscribe();
		assertThat(health(null).getStatus()).isEqualTo(Status.UP);
		passes(Duration.ofSeconds(65));
		assertThat(health(null).getDetails()).containsEntry("exhausted", List.of("prices"));
	}

	private Scope open(String name) {
		Scope scope = this.scopes.open(name);
		this.opened.add(scope);
		return scope;
	}

	private void waitFor(Limiter limiter) {
		if (!this.measured.contains(limiter)) {
			this.measured.add(limiter);
		}
		this.scopes.use(limiter, (permit) -> Mono.never()).onErrorComplete().subscribe();
	}

	private void passes(Duration duration) {
		this.time.advanceTimeBy(duration);
	}

	private Health health(Integer maxSuspects) {
		return new ScopesHealthIndicator(this.scopes, this.leaks, this.measured, maxSuspects).health();
	}

}
