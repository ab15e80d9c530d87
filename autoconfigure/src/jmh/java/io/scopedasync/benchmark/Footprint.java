package io.scopedasync.benchmark;

import java.io.PrintStream;
import java.util.concurrent.TimeUnit;

/**
 * Heap kept alive per queued waiter (assembly, subscribers, queue node; without the
 * subscriber at the end), and a million waiters served on the default stack. A program of
 * its own, for its numbers are bytes and not times.
 */
public final class Footprint {

	private static final int WAITERS = 100_000;

	private static final int MILLION = 1_000_000;

	private static final int ROUNDS = 3;

	private Footprint() {
	}

	public static void main(String[] args) throws Exception {
		try (PrintStream out = new PrintStream(args[0])) {
			out.print("{");
			for (String peer : new String[] { "ours", "oursTimeout", "floor", "reactorPool", "reactorPoolTimeout",
					"smallrye" }) {
				out.printf("%n  \"%s\": %d,", peer, retained(peer));
			}
			out.printf("%n  \"millionMillis\": %d%n}%n", million());
		}
		System.exit(0);
	}

	private static HandOverBenchmark benchmark(String peer, int waiters) {
		HandOverBenchmark benchmark = new HandOverBenchmark();
		benchmark.peer = peer;
		benchmark.n = waiters;
		benchmark.setup();
		return benchmark;
	}

	private static long retained(String peer) throws InterruptedException {
		HandOverBenchmark benchmark = benchmark(peer, WAITERS);
		long retained = 0;
		for (int round = 0; round < ROUNDS; round++) {
			benchmark.freshSinks();
			Runnable release = benchmark.hold();
			long before = used();
			for (HandOverBenchmark.WaitSink sink : benchmark.sinks) {
				benchmark.queue(sink);
			}
			retained = (used() - before) / WAITERS;
			if (peer.equals("smallrye")) {
				// Handing over recurses there; these waiters are simply dropped.
				return retained;
			}
			release.run();
		}
		return retained;
	}

	/** How long a million waiters take, none of them deeper in the stack than another. */
	private static long million() {
		HandOverBenchmark benchmark = benchmark("ours", MILLION);
		benchmark.freshSinks();
		Runnable release = benchmark.hold();
		for (HandOverBenchmark.WaitSink sink : benchmark.sinks) {
			benchmark.queue(sink);
		}
		long time = System.nanoTime();
		release.run();
		benchmark.verifyServed(MILLION);
		return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - time);
	}

	private static long used() throws InterruptedException {
		for (int i = 0; i < 3; i++) {
			System.gc();
			Thread.sleep(50);
		}
		return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
	}

}
