package io.scopedasync.leak;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Deadlock;
import io.scopedasync.EventLoop;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link LeakDetector}.
 */
@ExtendWith(OutputCaptureExtension.class)
class LeakDetectorTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder().clock(this.clock).tracked(true).build();

	/**
	 * Nobody else keeps them: what the garbage collector finds is lost, and not overdue.
	 */
	private final List<Scope> kept = new ArrayList<>();

	private final List<Leak> found = new ArrayList<>();

	private final List<Leak> recovered = new ArrayList<>();

	private final Leaks leaks = new Leaks(List.of(new LeakListener() {

		@Override
		public void leaked(Leak leak) {
			LeakDetectorTests.this.found.add(leak);
		}

		@Override
		public void recovered(Leak leak, Duration age) {
			LeakDetectorTests.this.recovered.add(leak);
		}

	}));

	private final LeakDetector detector = new LeakDetector(this.scopes, this.leaks, this.clock, Duration.ofSeconds(60),
			Duration.ofSeconds(5));

	@AfterEach
	void dispose() {
		this.detector.stop();
		this.time.dispose();
	}

	private void open(String name) {
		this.kept.add(this.scopes.open(name));
	}

	@Test
	@Case(173)
	void reportsAnOverdueScopeOnceWithWhatItHolds(CapturedOutput output) {
		this.detector.start();
		Scope outer = this.scopes.open("outer");
		this.time.advanceTimeBy(Duration.ofSeconds(30));
		Scope scope = outer.child("import");
		scope.enter(AsyncResource.just("c").named("connection")).block(Duration.ofSeconds(30));
		this.time.advanceTimeBy(Duration.ofMinutes(10));
		assertThat(this.found).extracting(Leak::scope).containsExactly("outer", "import");
		Leak leak = this.found.get(1);
		assertThat(leak.reason()).isEqualTo(LeakReason.OVERDUE);
		assertThat(leak.age()).isBetween(Duration.ofSeconds(60), Duration.ofSeconds(65));
		assertThat(leak.state()).isEqualTo(Scope.State.RUNNING);
		assertThat(leak.resources()).containsExactly("connection");
		assertThat(leak.parents()).containsExactly("outer");
		assertThat(this.leaks.count(LeakReason.OVERDUE)).isEqualTo(2);
		assertThat(this.leaks.open()).isEqualTo(2);
		assertThat(output)
			.containsOnlyOnce("Leak (overdue): scope 'import' open for 60 s, running, holding [connection] "
					+ "in 'outer', opened on main. Its body has not ended: give it a limit");
	}

	@Test
	@Case(173)
	void reportsAnOverdueScopeThatEndsAfterAll(CapturedOutput output) {
		this.detector.start();
		Scope scope = this.scopes.open("import");
		this.time.advanceTimeBy(Duration.ofSeconds(75));
		scope.close().block(Duration.ofSeconds(30));
		assertThat(this.recovered).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(this.recovered).extracting(Leak::scope).containsExactly("import");
		assertThat(this.leaks.recovered()).isOne();
		assertThat(this.leaks.open()).isZero();
		assertThat(output).containsOnlyOnce("Recovered: scope 'import', reported as overdue, ended after about 80 s");
	}

	@EventLoop
	@Test
	void endsADeadlockAtTheSecondLook(CapturedOutput output) {
		this.detector.start();
		Limiter left = Limiter.builder("left").build();
		Limiter right = Limiter.builder("right").build();
		for (int i = 1; i <= 2; i++) {
			Scope old = this.scopes.open("old");
			Scope young = this.scopes.open("young");
			old.enter(left).as(EventLoop.Loop::await);
			young.enter(right).as(EventLoop.Loop::await);
			CompletableFuture<Permit> waiting = old.enter(right).toFuture();
			CompletableFuture<Permit> failing = young.enter(left).toFuture();
			this.time.advanceTimeBy(Duration.ofSeconds(5));
			assertThat(this.leaks.count(LeakReason.DEADLOCK)).isEqualTo(i - 1);
			this.time.advanceTimeBy(Duration.ofSeconds(5));
			assertThat(this.leaks.count(LeakReason.DEADLOCK)).isEqualTo(i);
			assertThat(failing).isCompletedExceptionally();
			young.close().as(EventLoop.Loop::await);
			assertThat(waiting).isCompleted();
			old.close().as(EventLoop.Loop::await);
		}
		Leak leak = this.found.get(0);
		assertThat(leak.reason()).isEqualTo(LeakReason.DEADLOCK);
		assertThat(leak.scope()).isEqualTo("young");
		assertThat(leak.deadlock()).extracting(Deadlock.Member::scope).containsExactly("young", "old");
		assertThat(leak.deadlock()).extracting(Deadlock.Member::age).containsOnly(Duration.ofSeconds(10));
		assertThat(this.leaks.open()).isZero();
		assertThat(output)
			.containsOnlyOnce("Leak (deadlock): scope 'young' open for 10 s, running, holding "
					+ "[right, left], opened on event-loop; 'young' #")
			.contains("holds 'left' and waits for 'right', held by 'young' #")
			.contains(" (open for 10 s, opened on event-loop). These waited for each other");
	}

	@Test
	void warnsOncePerNameAndCountsTheOthers(CapturedOutput output) {
		this.detector.start();
		List<Scope> open = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			open.add(this.scopes.open("import"));
		}
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		assertThat(this.leaks.count(LeakReason.OVERDUE)).isEqualTo(100);
		assertThat(output).containsOnlyOnce("Leak (overdue): scope");
		open.forEach((scope) -> scope.close().block(Duration.ofSeconds(30)));
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(this.leaks.recovered()).isEqualTo(100);
		assertThat(output).containsOnlyOnce("Recovered: scope");
	}

	@Test
	void leavesScopesAloneThatEndInTime() {
		this.detector.start();
		for (int i = 0; i < 100; i++) {
			Scope scope = this.scopes.open("import");
			this.time.advanceTimeBy(Duration.ofSeconds(50));
			scope.close().block(Duration.ofSeconds(30));
		}
		assertThat(this.found).isEmpty();
	}

	@Test
	void saysWhatAScopeWaitsFor(CapturedOutput output) {
		this.detector.start();
		ScopeSpec spec = ScopeSpec.of("load")
			.entering(AsyncResource.of(Mono::never, (value, exit) -> Mono.empty()).named("slow"));
		this.scopes.with(spec, (scope) -> Mono.empty()).subscribe();
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		assertThat(this.found).extracting(Leak::state).containsExactly(Scope.State.ENTERING);
		assertThat(output).contains(
				"'load' open for 60 s, acquiring [slow], opened on main. It has waited that long for its resources");
	}

	@Test
	void oneTimerServesAllScopes() {
		this.detector.start();
		long timers = this.time.getScheduledTaskCount();
		for (int i = 0; i < 1000; i++) {
			open("import");
		}
		assertThat(this.time.getScheduledTaskCount()).isEqualTo(timers).isOne();
		this.time.advanceTimeBy(Duration.ofMinutes(5));
		assertThat(this.leaks.count(LeakReason.OVERDUE)).isEqualTo(1000);
	}

	@Test
	void keepsNoScopeAlive() {
		this.detector.start();
		Scope scope = this.scopes.open("import");
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		scope.close().block(Duration.ofSeconds(30));
		WeakReference<Scope> closed = new WeakReference<>(scope);
		scope = null;
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
			System.gc();
			return closed.get() == null;
		});
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(this.leaks.recovered()).isOne();
	}

	@Test
	void reportsAScopeThatIsOpenLongerThanItsLimitsWhateverItsThreshold(CapturedOutput output) {
		this.detector.start();
		AsyncResource<String> stuck = AsyncResource.of(() -> Mono.just("value"), (value, exit) -> Mono.never());
		ScopeSpec never = ScopeSpec.of("request")
			.leakThreshold(ChronoUnit.FOREVER.getDuration())
			.timeout(Duration.ofSeconds(20))
			.entering(stuck.named("one"), stuck.named("two"));
		this.scopes.with(never, (scope) -> {
			this.kept.add(scope);
			return Mono.never();
		}).subscribe(null, (error) -> {
		});
		this.scopes.with(never.timeout(Duration.ofDays(1)), (scope) -> {
			this.kept.add(scope);
			return Mono.never();
		}).subscribe(null, (error) -> {
		});
		this.time.advanceTimeBy(Duration.ofSeconds(29));
		assertThat(this.found).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(7));
		assertThat(this.found).singleElement().satisfies((leak) -> {
			assertThat(leak.reason()).isEqualTo(LeakReason.OVERDUE);
			assertThat(leak.state()).isEqualTo(Scope.State.RELEASING);
			assertThat(leak.age()).isBetween(Duration.ofSeconds(30), Duration.ofSeconds(36));
		});
		assertThat(output).contains("Its deadline and the release limit have passed");
	}

	@Test
	void aDefaultThresholdBelowTheLimitsCountsAsEver() {
		this.detector.start();
		this.scopes.with(ScopeSpec.of("limited").timeout(Duration.ofHours(1)), (scope) -> {
			this.kept.add(scope);
			return Mono.never();
		}).subscribe();
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		assertThat(this.found).extracting(Leak::scope).containsExactly("limited");
	}

	@Test
	void findsNothingUntilStartedAndAfterStopped() {
		open("import");
		this.time.advanceTimeBy(Duration.ofMinutes(5));
		assertThat(this.found).isEmpty();
		this.detector.start();
		this.detector.start();
		this.detector.stop();
		this.time.advanceTimeBy(Duration.ofMinutes(5));
		assertThat(this.found).isEmpty();
		this.detector.start();
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		assertThat(this.found).hasSize(1);
	}

	@Test
	void goesOnAfterAListenerFailed(CapturedOutput output) {
		Leaks leaks = new Leaks(List.of((leak) -> {
			throw new IllegalStateException("listener");
		}));
		LeakDetector detector = new LeakDetector(this.scopes, leaks, this.clock, Duration.ofSeconds(60),
				Duration.ofSeconds(5));
		detector.start();
		open("one");
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		open("two");
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		detector.stop();
		assertThat(leaks.count(LeakReason.OVERDUE)).isEqualTo(2);
		assertThat(output).contains("Leak listener").contains("listener");
	}

	@Test
	void goesOnAfterAnError() {
		List<String> told = new CopyOnWriteArrayList<>();
		Leaks leaks = new Leaks(List.of((leak) -> {
			told.add(leak.scope());
			throw new NoClassDefFoundError("as it should be");
		}));
		// Virtual time stands still after an error.
		Scheduler real = Schedulers.newSingle("sweeps", true);
		LeakDetector detector = new LeakDetector(this.scopes, leaks, ScopeClock.of(real), Duration.ofSeconds(60),
				Duration.ofMillis(1));
		open("one");
		open("two");
		this.time.advanceTimeBy(Duration.ofSeconds(65));
		detector.start();
		Awaitility.await().until(() -> told.size() == 2);
		detector.stop();
		real.dispose();
	}

	@Test
	void refusesAThresholdOfZero() {
		assertThatIllegalArgumentException()
			.isThrownBy(
					() -> new LeakDetector(this.scopes, this.leaks, this.clock, Duration.ZERO, Duration.ofSeconds(5)))
			.withMessageContaining("scoped-async.leak-detection.threshold is PT0S")
			.withMessageContaining("level=disabled");
	}

}
