package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Fills pools before the application takes work, where they ask for that, and closes them
 * with it, once the scopes that use them have ended.
 * <p>
 * A pool that can't be filled doesn't fail the start: it says so, and makes what it needs
 * when it is asked. Only an application that closes closes its pools.
 */
final class PoolsLifecycle extends AsyncLifecycle {

	/** Started before and closed after the scopes. */
	static final int PHASE = ScopesLifecycle.PHASE - 1024;

	private static final Logger logger = LoggerFactory.getLogger(PoolsLifecycle.class);

	private final BooleanSupplier closing;

	private final Supplier<List<Pool>> lookup;

	private final Duration warmUpLimit;

	private volatile List<Pool> pools = List.of();

	/**
	 * Creates the lifecycle.
	 * @param closing whether the application closes, rather than merely stops
	 * @param lookup finds the pools, at the start, when all beans are there
	 * @param warmUpLimit how long the start waits for all of them
	 */
	PoolsLifecycle(BooleanSupplier closing, Supplier<List<Pool>> lookup, Duration warmUpLimit) {
		super(PHASE);
		this.closing = closing;
		this.lookup = lookup;
		this.warmUpLimit = warmUpLimit;
	}

	/**
	 * Waits on the thread that starts the application, which is what it is for.
	 */
	@Override
	void begin() {
		this.pools = this.lookup.get();
		try {
			Flux.fromIterable(this.pools).flatMap(this::warmUp).then().block(this.warmUpLimit);
		}
		catch (IllegalStateException ex) {
			logger.warn("Pools were not warm after {}: the start goes on, and they make what they need when asked",
					this.warmUpLimit, ex);
		}
	}

	private Mono<Integer> warmUp(Pool pool) {
		return Mono.defer(pool::warmUp)
			.doOnNext((made) -> logger.debug("Pool '{}' made {} in advance", pool.name(), made))
			.onErrorResume((error) -> {
				logger.warn("Pool '{}' could not be warmed up and makes what it needs when asked. See the cause, or "
						+ "set its min-size to 0.", pool.name(), error);
				return Mono.empty();
			});
	}

	@Override
	Mono<Void> end() {
		if (!this.closing.getAsBoolean()) {
			return Mono.empty();
		}
		return Flux.fromIterable(this.pools).flatMap(PoolsLifecycle::close, Integer.MAX_VALUE).then();
	}

	private static Mono<Void> close(Pool pool) {
		// Destroys what is idle, which may block: not on the thread that stops all
		// others.
		return Mono.defer(pool::close).subscribeOn(Schedulers.boundedElastic()).onErrorResume((error) -> {
			logger.warn("Pool '{}' could not be closed", pool.name(), error);
			return Mono.empty();
		});
	}

	/**
	 * Something to fill and to close, whoever made it.
	 */
	interface Pool {

		String name();

		Mono<Integer> warmUp();

		Mono<Void> close();

	}

}
