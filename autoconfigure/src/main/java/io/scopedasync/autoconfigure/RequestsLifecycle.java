package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.function.BooleanSupplier;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.ScopeClock;
import io.scopedasync.web.RequestsUnderWay;

/**
 * Waits for requests that the web server still serves after it has stopped, before the
 * scopes are closed: what they open is let in.
 */
final class RequestsLifecycle extends AsyncLifecycle {

	/** After the web server has stopped, and before all that its requests may use. */
	static final int PHASE = ServersLifecycle.PHASE + 256;

	/** As long as a connection takes to be closed that is served still. */
	private static final Duration QUIET = Duration.ofMillis(100);

	private static final Logger logger = LoggerFactory.getLogger(RequestsLifecycle.class);

	private final BooleanSupplier closing;

	private final RequestsUnderWay requests;

	private final Duration limit;

	/**
	 * Creates the lifecycle.
	 * @param closing whether the application closes, rather than merely stops
	 * @param requests counts them
	 * @param limit how long they are waited for
	 */
	RequestsLifecycle(BooleanSupplier closing, RequestsUnderWay requests, Duration limit) {
		super(PHASE);
		this.closing = closing;
		this.requests = requests;
		this.limit = ScopeClock.limited(limit);
	}

	@Override
	void begin() {
		// Requests are counted from the first one on.
	}

	@Override
	Mono<Void> end() {
		if (!this.closing.getAsBoolean()) {
			return Mono.empty();
		}
		// Not on the parallel threads, which a release may block.
		return this.requests.none(QUIET)
			.timeout(this.limit, Mono.fromRunnable(this::giveUp), Schedulers.boundedElastic());
	}

	private void giveUp() {
		logger.warn("{} after the web server has stopped it still serves {}: they get no more scopes.", this.limit,
				(this.requests.count() == 1) ? "1 request" : this.requests.count() + " requests");
	}

}
