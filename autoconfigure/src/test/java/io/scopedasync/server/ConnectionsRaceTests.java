package io.scopedasync.server;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Connections that come and go while their server closes, two threads, at random.
 */
@Timeout(120)
class ConnectionsRaceTests {

	private static final int RUNS = 200_000;

	private static final int BATCH = 200;

	@Test
	void nobodyIsLostAndTheEndIsToldOnce() throws Exception {
		long seed = System.nanoTime();
		System.out.println("ConnectionsRaceTests: seed " + seed);
		SplittableRandom random = new SplittableRandom(seed);
		for (int i = 0; i < RUNS; i += BATCH) {
			List<Run> batch = Stream.generate(
					() -> new Run(1 + random.nextInt(3), random.nextInt(5), random.nextInt(40), random.nextBoolean()))
				.limit(BATCH)
				.toList();
			CompletableFuture<Void> other = CompletableFuture.runAsync(() -> batch.forEach(Run::comeAndGo));
			batch.forEach(Run::close);
			other.get(30, TimeUnit.SECONDS);
			for (Run run : batch) {
				assertThat(run.mistake()).isNull();
			}
		}
	}

	private static final class Run {

		private final Connections<Integer> connections;

		private final int count;

		private final int spins;

		private final boolean resetting;

		private final List<Integer> in = new ArrayList<>();

		private final AtomicInteger told = new AtomicInteger();

		private final AtomicInteger toldTooEarly = new AtomicInteger();

		private int room;

		private boolean tookOneIn;

		private List<Integer> seen = List.of();

		Run(int max, int count, int spins, boolean resetting) {
			this.connections = new Connections<>(max);
			this.count = count;
			this.spins = spins;
			this.resetting = resetting;
		}

		void comeAndGo() {
			for (int i = 0; i < this.count; i++) {
				if (!this.connections.isFull() && this.connections.add(i)) {
					this.in.add(i);
				}
			}
			for (Integer one : List.copyOf(this.in)) {
				this.room += this.connections.remove(one) ? 1 : 0;
				this.connections.remove(one);
			}
		}

		void close() {
			for (int i = 0; i < this.spins; i++) {
				Thread.onSpinWait();
			}
			this.seen = this.connections.close();
			this.tookOneIn = this.connections.add(-1);
			this.connections.whenEmpty(() -> {
				this.told.incrementAndGet();
				if (this.connections.size() != 0) {
					this.toldTooEarly.incrementAndGet();
				}
			});
			if (this.resetting) {
				this.seen.forEach(this.connections::remove);
			}
		}

		@Nullable String mistake() {
			if (this.told.get() != 1 || this.toldTooEarly.get() != 0) {
				return "told " + this.told + " times, too early " + this.toldTooEarly;
			}
			if (this.tookOneIn || this.connections.size() != 0 || !this.in.containsAll(this.seen)) {
				return "took in " + this.in + ", saw " + this.seen + " and has " + this.connections.snapshot();
			}
			return (this.room > this.in.size()) ? "room " + this.room + " of " + this.in : null;
		}

	}

}
