package io.scopedasync.benchmark;

import java.time.Duration;

import ch.qos.logback.classic.Level;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.scopedasync.limiter.Limiter;
import io.smallrye.faulttolerance.api.Guard;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.pool.InstrumentedPool;
import reactor.pool.PoolBuilder;

/**
 * How ours and each peer is set up; one place, so that every benchmark compares the same
 * configurations.
 */
final class Peers {

	static final Object X = new Object();

	/** How long a benchmark waits before it calls itself stuck. */
	static final Duration LIMIT = Duration.ofSeconds(20);

	static {
		// Logback without a configuration writes down every connection.
		((ch.qos.logback.classic.Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
	}

	private Peers() {
	}

	static Limiter limiter(int permits) {
		return Limiter.builder("limiter").permits(permits).maxWaiting(Integer.MAX_VALUE).build();
	}

	static Limiter limiterWithTimeout(int permits) {
		return Limiter.builder("limiter").permits(permits).maxWaiting(Integer.MAX_VALUE).acquireTimeout(LIMIT).build();
	}

	static InstrumentedPool<Object> pool(int size) {
		InstrumentedPool<Object> pool = PoolBuilder.from(Mono.fromSupplier(Object::new))
			.sizeBetween(size, size)
			.buildPool();
		pool.warmup().block(LIMIT);
		return pool;
	}

	static Guard smallrye(int limit, int queue) {
		return Guard.create().withBulkhead().limit(limit).queueSize(queue).done().withThreadOffload(false).build();
	}

	static Bulkhead resilience4j(int limit) {
		return Bulkhead.of("bulkhead",
				BulkheadConfig.custom().maxConcurrentCalls(limit).maxWaitDuration(Duration.ZERO).build());
	}

}
