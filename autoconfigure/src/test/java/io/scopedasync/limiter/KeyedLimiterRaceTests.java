package io.scopedasync.limiter;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Counts of users and totals per key, whatever is done to them at once.
 */
@Timeout(60)
class KeyedLimiterRaceTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final int ROUNDS = 20_000;

	@Test
	void theLimiterOfAKeyIsReachedThroughTheKeyOnly() {
		// Whoever used it directly would not be counted, and the key forgotten under its
		// holders.
		assertThat(Permit.class.getMethods()).noneMatch((method) -> method.getReturnType() == Limiter.class);
	}

	@Test
	void theLastTotalHoldsForEachKey() throws Exception {
		KeyedLimiter tenants = KeyedLimiter.builder("tenants").permits(1).build();
		Permit permit = hold(tenants);
		CyclicBarrier round = new CyclicBarrier(2);
		AtomicInteger wrong = new AtomicInteger();
		CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
			for (int i = 0; i < ROUNDS; i++) {
				await(round);
				tenants.resize(3);
				await(round);
			}
		});
		for (int i = 0; i < ROUNDS; i++) {
			await(round);
			tenants.resize(5);
			await(round);
			if (permit.limiter().total() != tenants.total()) {
				wrong.incrementAndGet();
			}
		}
		other.get(30, TimeUnit.SECONDS);
		assertThat(wrong).hasValue(0);
	}

	private static Permit hold(KeyedLimiter tenants) {
		Permit permit = tenants.forKey("a").acquire().block(LIMIT);
		assertThat(permit).isNotNull();
		return permit;
	}

	private static void await(CyclicBarrier barrier) {
		try {
			barrier.await(30, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

}
