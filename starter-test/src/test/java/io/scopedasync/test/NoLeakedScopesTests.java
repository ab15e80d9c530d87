package io.scopedasync.test;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.CallSite;
import io.scopedasync.Scope;
import io.scopedasync.ScopeSpec;
import io.scopedasync.leak.CallSites;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Which tests {@link NoLeakedScopes} fails, and what it says then.
 */
class NoLeakedScopesTests {

	private static final Map<String, String> AUTO_DETECTION = Map.of("junit.jupiter.extensions.autodetection.enabled",
			"true", NoLeakedScopesExtension.GRACE, "0ms");

	static AsyncScopes tracked() {
		return AsyncScopes.builder().tracked(true).callSites(CallSites.all()).build();
	}

	@Test
	void failsTheTestThatLeavesAScopeOpenAndNamesIt() {
		Fixture fixture = Fixture.run(LeavesOneOpen.class);
		assertThat(fixture.failure()).startsWith("1 scope was opened and is still open 0 ms after LeavesOneOpen.left()")
			.contains("'import' open for ")
			.contains("running, holding [places]")
			.contains("opened on " + Thread.currentThread().getName())
			.containsPattern(
					"\n +at io\\.scopedasync\\.test\\.NoLeakedScopesTests\\$LeavesOneOpen\\.left\\(NoLeakedScopesTests\\.java:\\d+\\)")
			.contains("@ExpectedLeaks(open = \"import\")")
			.doesNotContain("paranoid");
		assertThat(fixture.error().getSuppressed()).hasAtLeastOneElementOfType(CallSite.class);
		assertThat(fixture.succeeded()).isEqualTo(2);
	}

	@NoLeakedScopes(grace = "0ms")
	@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
	static class LeavesOneOpen {

		static final AsyncScopes SCOPES = tracked();

		static final Limiter PLACES = Limiter.builder("places").permits(1).build();

		@Test
		@Order(1)
		void closed() {
			SCOPES.open("export").close().block();
		}

		@Test
		@Order(2)
		void left() {
			Fixture.keep(SCOPES.open("import")).enter(PLACES).block();
		}

		@Test
		@Order(3)
		void theNextTestFindsWhatWasHeld() {
			assertThat(PLACES.statistics().borrowed()).isZero();
		}

	}

	@Test
	void doesNotMindWhatWasOpenBefore() {
		try {
			Fixture.run(OpenBefore.class).succeeds();
			assertThat(OpenBefore.BEFORE.state()).isEqualTo(Scope.State.RUNNING);
		}
		finally {
			OpenBefore.BEFORE.close().block();
		}
	}

	@NoLeakedScopes(grace = "0ms")
	static class OpenBefore {

		static final AsyncScopes SCOPES = tracked();

		static final Scope BEFORE = SCOPES.open("background");

		@Test
		void opensNothing() {
			assertThat(SCOPES.openScopes()).containsExactly(BEFORE);
		}

	}

	@Test
	void waitsForWhatIsAboutToEnd() {
		Fixture.run(AboutToEnd.class).succeeds();
	}

	@NoLeakedScopes(grace = "30s")
	static class AboutToEnd {

		AsyncScopes scopes = tracked();

		@Test
		void endsOnAnotherThread() {
			CompletableFuture<String> ends = new CompletableFuture<>();
			this.scopes.with((scope) -> Mono.fromFuture(ends)).subscribe();
			CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS).execute(() -> ends.complete("done"));
		}

	}

	@Test
	void saysHowToSeeTheCallSiteWhereItWasNotKept() {
		assertThat(Fixture.run(NoCallSite.class).failure()).contains("'import'")
			.contains("scoped-async.leak-detection.level=paranoid")
			.contains("tracked(true).callSites(CallSites.all())");
	}

	@NoLeakedScopes(grace = "0ms")
	static class NoCallSite {

		AsyncScopes scopes;

		@BeforeEach
		void setUp() {
			this.scopes = AsyncScopes.create();
		}

		@Test
		void left() {
			Fixture.keep(this.scopes.open("import"));
		}

	}

	@Test
	void seesWhatIsOpenedBeforeAndClosedAfterTheMethod() {
		Fixture.run(OpenedInSetUp.class).succeeds();
		assertThat(Fixture.run(LeftInSetUp.class).failure()).contains("'fixture'");
	}

	@NoLeakedScopes(grace = "0ms")
	static class OpenedInSetUp {

		AsyncScopes scopes = tracked();

		Scope scope;

		@BeforeEach
		void open() {
			this.scope = this.scopes.open("fixture");
		}

		@AfterEach
		void close() {
			this.scope.close().block();
		}

		@Test
		void uses() {
			assertThat(this.scope.state()).isEqualTo(Scope.State.RUNNING);
		}

	}

	@NoLeakedScopes(grace = "0ms")
	static class LeftInSetUp {

		AsyncScopes scopes;

		@BeforeEach
		void open() {
			this.scopes = tracked();
			Fixture.keep(this.scopes.open("fixture"));
		}

		@Test
		void uses() {
			assertThat(this.scopes.openScopes()).hasSize(1);
		}

	}

	@Test
	void failsTheTestDuringWhichLeaksWereReported() {
		assertThat(Fixture.run(Reports.class).failure()).startsWith("1 leak was reported during Reports.reports()")
			.contains("double-release: 'places', given back twice");
	}

	@NoLeakedScopes(grace = "0ms")
	static class Reports {

		AsyncScopes scopes = tracked();

		Leaks leaks = new Leaks(List.of());

		@Test
		void reports() {
			this.leaks.report(Leak.of(LeakReason.DOUBLE_RELEASE, "places", "given back twice"), "Don't.");
		}

	}

	@Test
	void findsScopesThatNobodyCanReachAnyMore() {
		assertThat(Fixture.run(Forgets.class).failure()).contains("1 leak was reported", "lost: 'forgotten' open for");
	}

	@NoLeakedScopes(grace = "0ms")
	static class Forgets {

		AsyncScopes scopes = tracked();

		@Test
		void forgets() {
			this.scopes.with(ScopeSpec.of("forgotten"), (scope) -> Mono.never()).subscribe();
			Awaitility.await().atMost(30, TimeUnit.SECONDS).until(() -> {
				System.gc();
				return this.scopes.openScopes().isEmpty();
			});
		}

	}

	@Test
	void expectedLeaksAreNoFailureAndMissingOnesAre() {
		Fixture.run(Expects.class).succeeds();
		assertThat(Fixture.run(ExpectsInVain.class).failure())
			.contains("ExpectsInVain.opensNothing() was to leave a leak reported as overdue")
			.contains("was to leave an open scope 'import'");
		assertThat(Fixture.run(ExpectsOthers.class).failure()).contains("'export' open for")
			.doesNotContain("'import' open for");
	}

	@NoLeakedScopes(grace = "0ms")
	static class Expects {

		AsyncScopes scopes = tracked();

		Leaks leaks = new Leaks(List.of());

		@Test
		@ExpectedLeaks(value = LeakReason.OVERDUE, open = "import")
		void left() {
			Scope scope = Fixture.keep(this.scopes.open("import"));
			this.leaks.report(Leak.of(LeakReason.OVERDUE, scope), "Close it.");
		}

	}

	@NoLeakedScopes(grace = "0ms")
	static class ExpectsInVain {

		AsyncScopes scopes = tracked();

		@Test
		@ExpectedLeaks(value = LeakReason.OVERDUE, open = "import")
		void opensNothing() {
		}

	}

	@NoLeakedScopes(grace = "0ms")
	@ExpectedLeaks(open = "import")
	static class ExpectsOthers {

		AsyncScopes scopes = tracked();

		@Test
		void left() {
			Fixture.keep(this.scopes.open("import"));
			Fixture.keep(this.scopes.open("export"));
		}

	}

	@Test
	void asksForSomethingToWatch() {
		assertThat(Fixture.run(KnowsNothing.class).failure()).contains("found nothing to watch")
			.contains("enabled = false");
	}

	@NoLeakedScopes
	static class KnowsNothing {

		@Test
		void test() {
		}

		@Test
		@NoLeakedScopes(enabled = false)
		void notWatched() {
		}

	}

	@Test
	void watchesEveryTestWhereJUnitDetectsIt() {
		assertThat(Fixture.run(NotAnnotated.class, AUTO_DETECTION).failure()).contains("'import'");
		assertThat(Fixture.run(NotAnnotated.class).succeeded()).isEqualTo(2);
		assertThat(Fixture.run(LeavesOneOpen.class, AUTO_DETECTION).failure()).contains("'import'");
		Fixture.run(HasNothing.class, AUTO_DETECTION).succeeds();
	}

	static class NotAnnotated {

		AsyncScopes scopes = tracked();

		@Test
		void left() {
			Fixture.keep(this.scopes.open("import"));
		}

		@Test
		@NoLeakedScopes(enabled = false)
		void notWatched() {
			Fixture.keep(this.scopes.open("export"));
		}

	}

	static class HasNothing {

		@Test
		void test() {
		}

	}

	@Test
	void watchesNestedTestsToo() {
		assertThat(Fixture.run(Outer.class).failure()).contains("Inner.left()").contains("'import'");
	}

	@NoLeakedScopes(grace = "0ms")
	static class Outer {

		AsyncScopes scopes = tracked();

		@Nested
		class Inner {

			@Test
			void left() {
				Fixture.keep(Outer.this.scopes.open("import"));
			}

		}

	}

	@Test
	void callsAnInvocationByItsMethodAndItsArguments() {
		assertThat(Fixture.run(Parameterized.class).failure()).contains("after Parameterized.left [2] ")
			.contains("'B'");
	}

	@NoLeakedScopes(grace = "0ms")
	static class Parameterized {

		static final AsyncScopes SCOPES = tracked();

		@ParameterizedTest
		@ValueSource(strings = { "A", "B", "C" })
		void left(String name) {
			Scope scope = Fixture.keep(SCOPES.open(name));
			if (!name.equals("B")) {
				scope.close().block();
			}
		}

	}

	@Test
	void aReleaseThatNeverEndsDoesNotKeepTheOthersWaiting() {
		assertThat(Fixture.run(StuckRelease.class).failure()).contains("'stuck'");
	}

	@NoLeakedScopes(grace = "100ms")
	static class StuckRelease {

		AsyncScopes scopes = AsyncScopes.builder().tracked(true).releaseTimeout(Duration.ofDays(1)).build();

		@Test
		void left() {
			Fixture.keep(this.scopes.open("stuck")).onExit((exit) -> Mono.never());
		}

	}

}
