package io.scopedasync;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Threads for the end of {@link AsyncScopes} and of what the application holds. A release
 * may block: on a thread of Reactor's it would stop the timers that bound it, and on the
 * thread that closes the application it would stop all that closes after it. They are
 * daemons, one for each step that blocks, and end when they are idle.
 */
final class CloseThreads {

	private static final AtomicInteger NUMBER = new AtomicInteger();

	private static final Executor THREADS = new ThreadPoolExecutor(0, Integer.MAX_VALUE, 5, TimeUnit.SECONDS,
			new SynchronousQueue<>(), CloseThreads::create);

	/** The same threads, to subscribe on. */
	static final Scheduler SCHEDULER = Schedulers.fromExecutor(THREADS);

	private CloseThreads() {
	}

	/** Thread locals of the closing thread are none of a release's. */
	private static Thread create(Runnable task) {
		Thread thread = new Thread(null, task, "scoped-async-close-" + NUMBER.incrementAndGet(), 0, false);
		thread.setDaemon(true);
		return thread;
	}

	static void run(Runnable task) {
		THREADS.execute(task);
	}

	static void runLater(Runnable task, long nanos) {
		CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, THREADS).execute(task);
	}

}
