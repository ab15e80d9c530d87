package io.scopedasync.r2dbc;

import java.util.concurrent.atomic.AtomicInteger;

import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Between a body and its connection. A cancel returns while another thread of the body is
 * about to send a statement; sent after the rollback, that statement would stand alone
 * and for good. So the end waits for who is inside, and who comes later is refused.
 */
final class Gate {

	private static final int CLOSED = 1 << 30;

	/** How many are inside, and whether nobody else gets in. */
	private final AtomicInteger state = new AtomicInteger();

	private final Sinks.Empty<Void> left = Sinks.empty();

	boolean enter() {
		while (true) {
			int now = this.state.get();
			if (now >= CLOSED) {
				return false;
			}
			if (this.state.compareAndSet(now, now + 1)) {
				return true;
			}
		}
	}

	void leave() {
		if (this.state.decrementAndGet() == CLOSED) {
			this.left.tryEmitEmpty();
		}
	}

	/** Lets nobody in any more; completes once nobody is inside. More than once. */
	Mono<Void> close() {
		return Mono.defer(() -> {
			if (this.state.getAndUpdate((now) -> now | CLOSED) == 0) {
				this.left.tryEmitEmpty();
			}
			return this.left.asMono();
		});
	}

}
