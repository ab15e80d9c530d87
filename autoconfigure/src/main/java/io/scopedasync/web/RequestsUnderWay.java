package io.scopedasync.web;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import org.springframework.core.Ordered;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;

/**
 * Counts the requests that a reactive web server serves. A server on Netty serves some
 * for a while after it has stopped: until its last connection is closed, their scopes are
 * to be let in.
 */
public final class RequestsUnderWay implements WebFilter, Ordered {

	private static final Duration LOOK = Duration.ofMillis(20);

	private final AtomicInteger count = new AtomicInteger();

	private volatile boolean ending;

	/** When the last request began or ended, once somebody waits for that. */
	private volatile long last;

	@Override
	public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
		return Mono.defer(() -> {
			this.count.incrementAndGet();
			if (this.ending) {
				note();
				// The client is to send no more on this connection.
				exchange.getResponse().getHeaders().setConnection("close");
			}
			return chain.filter(exchange).doFinally((signal) -> {
				if (this.ending) {
					note();
				}
				this.count.decrementAndGet();
			});
		});
	}

	private void note() {
		this.last = System.nanoTime();
	}

	/**
	 * How many requests are being served.
	 * @return their number now
	 */
	public int count() {
		return this.count.get();
	}

	/**
	 * Waits until no request has come for a while.
	 * @param quiet how long there must be none
	 * @return completes then, on a thread that may block
	 */
	public Mono<Void> none(Duration quiet) {
		return Mono.defer(() -> {
			note();
			this.ending = true;
			return Mono.fromCallable(() -> isQuiet(quiet) ? true : null)
				.repeatWhenEmpty(Integer.MAX_VALUE, (looks) -> looks.delayElements(LOOK, Schedulers.boundedElastic()))
				.then();
		});
	}

	private boolean isQuiet(Duration quiet) {
		return this.count.get() == 0 && System.nanoTime() - this.last >= quiet.toNanos();
	}

	/** Around all other filters, whose scopes count too. */
	@Override
	public int getOrder() {
		return Ordered.HIGHEST_PRECEDENCE;
	}

}
