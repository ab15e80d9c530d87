package io.scopedasync;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.Test;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * What drives the timers.
 */
class ScopeClockTests {

	@Test
	void theMachinesClockGoesOnWhenReactorsTimersWereShutDown() {
		Scheduler gone = Schedulers.newParallel("gone", 1, true);
		ScopeClock clock = new ScopeClock(gone, true);
		gone.dispose();
		CountDownLatch ran = new CountDownLatch(1);
		clock.schedule(ran::countDown, Duration.ofMillis(1));
		Front.await(ran);
	}

}
