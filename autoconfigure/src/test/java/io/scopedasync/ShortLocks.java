package io.scopedasync;

import java.util.List;
import java.util.Map;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/**
 * Queues of timers and tasks have locks, which are held for an instant. A reactor thread
 * that meets another one there waits, which is not what the detection of blocking calls
 * is to find: now and then a test would fail of it.
 */
public final class ShortLocks implements BlockHoundIntegration {

	private static final Map<String, List<String>> METHODS = Map.of(
			// The timers of virtual time, the only ones to use it: the test that advances
			// it holds the lock.
			"java.util.concurrent.PriorityBlockingQueue", List.of("offer", "poll", "peek", "remove", "size", "clear"),
			// The timers of real time; adding one is allowed already.
			"java.util.concurrent.ScheduledThreadPoolExecutor$DelayedWorkQueue", List.of("remove"),
			"java.util.concurrent.ThreadPoolExecutor", List.of("addWorker"), "java.util.concurrent.ForkJoinPool",
			List.of("externalPush"));

	@Override
	public void applyTo(BlockHound.Builder builder) {
		METHODS.forEach((type, methods) -> methods.forEach((method) -> builder.allowBlockingCallsInside(type, method)));
	}

}
