package io.scopedasync.webclient;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

import reactor.core.publisher.Mono;

import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * Reads a body that nobody wants, so that its connection can be used again.
 */
final class Drain {

	/** More than this of an answer that nobody wants is not worth a connection. */
	static final int ENOUGH = 128 * 1024;

	private Drain() {
	}

	/**
	 * Reads and throws away.
	 * @param response whose body nobody has begun to read
	 * @param limit bytes after which the connection is closed instead
	 * @param cut closes the connection when it completes
	 * @param end told whether there was a body, when it is over
	 */
	static void run(ClientHttpResponse response, int limit, Mono<Void> cut, Consumer<Boolean> end) {
		AtomicLong bytes = new AtomicLong();
		AtomicBoolean whole = new AtomicBoolean();
		// Cancelling the rest of a body closes its connection.
		response.getBody().doOnNext((buffer) -> {
			bytes.addAndGet(buffer.readableByteCount());
			DataBufferUtils.release(buffer);
		})
			.doOnComplete(() -> whole.set(true))
			.takeWhile((buffer) -> bytes.get() <= limit)
			.takeUntilOther(cut)
			.doFinally((signal) -> end.accept(bytes.get() > 0 || !whole.get()))
			.subscribe(null, (error) -> {
				// Given up by its caller, whose connector reads it, until the connection
				// is closed.
			});
	}

}
