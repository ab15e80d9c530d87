package io.scopedasync.test;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;

import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Time that passes when the test says so.
 */
class VirtualScopeClockTests {

	@AutoClose
	private final VirtualScopeClock time = VirtualScopeClock.create();

	@Test
	void limitsRunOutWhenTimeIsAdvanced() {
		AsyncScopes scopes = AsyncScopes.builder().clock(this.time.clock()).tracked(true).build();
		Limiter closed = Limiter.builder("closed")
			.permits(1)
			.acquireTimeout(Duration.ofHours(1))
			.clock(this.time.clock())
			.build();
		closed.resize(0);
		CompletableFuture<Object> call = scopes.use(closed, (permit) -> Mono.<Object>empty()).toFuture();
		this.time.advance(Duration.ofMinutes(59));
		assertThat(call).isNotDone();
		assertThat(scopes.openScopes()).extracting(Scope::age).containsExactly(Duration.ofMinutes(59));
		this.time.advance(Duration.ofMinutes(1));
		assertThat(call).isCompletedExceptionally()
			.failsWithin(Duration.ZERO)
			.withThrowableThat()
			.withCauseInstanceOf(AcquireTimeoutException.class);
	}

	@Test
	void isTheClockOfASpringTest() {
		new ApplicationContextRunner().withUserConfiguration(Virtual.class)
			.withPropertyValues("scoped-async.leak-detection.threshold=1h")
			.run((context) -> {
				VirtualScopeClock clock = context.getBean(VirtualScopeClock.class);
				assertThat(context.getBean(ScopeClock.class)).isSameAs(clock.clock());
				Scope scope = context.getBean(AsyncScopes.class).open("import");
				clock.advance(Duration.ofMinutes(59));
				assertThat(context.getBean(Leaks.class)).hasNone();
				clock.advance(Duration.ofMinutes(2));
				assertThat(context.getBean(Leaks.class)).has(LeakReason.OVERDUE, 1);
				scope.close().block();
			});
	}

	@Test
	void aContextWithAnOpenScopeClosesByItself() {
		Scope[] left = new Scope[1];
		new ApplicationContextRunner().withUserConfiguration(Virtual.class)
			.withPropertyValues("scoped-async.shutdown-timeout=2s", "scoped-async.leak-detection.level=disabled")
			.run((context) -> left[0] = context.getBean(AsyncScopes.class).open("import"));
		assertThat(left[0].state()).isEqualTo(Scope.State.CLOSED);
	}

	@AutoConfigureScopedAsync
	@WithVirtualScopeClock
	static class Virtual {

	}

}
