package io.scopedasync.limiter;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A limiter whose clock was shut down.
 */
@Timeout(60)
class LimiterClockTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	@Test
	void whoIsRefusedByTheClockDoesNotWaitOn() {
		Scheduler timers = Schedulers.newSingle("timers", true);
		Limiter limiter = Limiter.builder("one")
			.permits(1)
			.acquireTimeout(Duration.ofSeconds(1))
			.clock(ScopeClock.of(timers))
			.build();
		Permit permit = limiter.tryAcquire();
		assertThat(permit).isNotNull();
		timers.dispose();
		StepVerifier.create(limiter.acquire()).expectError(RejectedExecutionException.class).verify(LIMIT);
		assertThat(limiter.statistics().waiting()).isZero();
		permit.close();
		assertThat(limiter.statistics().borrowed()).isZero();
	}

}
