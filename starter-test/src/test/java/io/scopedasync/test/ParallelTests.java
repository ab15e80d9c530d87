package io.scopedasync.test;

import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What {@link NoLeakedScopes} says of tests that run at the same time.
 */
class ParallelTests {

	private static final Map<String, String> PARALLEL = Map.of("junit.jupiter.execution.parallel.enabled", "true",
			"junit.jupiter.execution.parallel.config.strategy", "fixed",
			"junit.jupiter.execution.parallel.config.fixed.parallelism", "2");

	@Test
	void aScopeOfOneIsNoLeakOfAnother() {
		Fixture.run(Clean.class, PARALLEL).succeeds();
	}

	@NoLeakedScopes(grace = "0ms")
	@Execution(ExecutionMode.CONCURRENT)
	static class Clean {

		static final AsyncScopes SCOPES = NoLeakedScopesTests.tracked();

		static final CountDownLatch OPENED = new CountDownLatch(1);

		static final CountDownLatch ENDED = new CountDownLatch(1);

		@Test
		void endsWhileTheOtherHasAScope() throws InterruptedException {
			assertThat(OPENED.await(30, TimeUnit.SECONDS)).isTrue();
			ENDED.countDown();
		}

		@Test
		void hasAScopeWhileTheOtherEnds() throws InterruptedException {
			Scope scope = SCOPES.open("mine");
			OPENED.countDown();
			assertThat(ENDED.await(30, TimeUnit.SECONDS)).isTrue();
			scope.close().block();
		}

	}

	@Test
	void theLastToEndFailsForAllAndNamesThem() {
		assertThat(Fixture.run(OneLeaves.class, PARALLEL).failure()).contains("'left'")
			.contains("OneLeaves.leaves()")
			.contains("OneLeaves.endsLast()");
	}

	@NoLeakedScopes(grace = "0ms")
	@Execution(ExecutionMode.CONCURRENT)
	static class OneLeaves {

		static final AsyncScopes SCOPES = NoLeakedScopesTests.tracked();

		static final CountDownLatch BOTH = new CountDownLatch(2);

		@Test
		void leaves() throws InterruptedException {
			meet();
			Fixture.keep(SCOPES.open("left"));
		}

		@Test
		void endsLast() throws InterruptedException {
			meet();
		}

		private static void meet() throws InterruptedException {
			BOTH.countDown();
			assertThat(BOTH.await(30, TimeUnit.SECONDS)).isTrue();
		}

	}

}
