package io.scopedasync.webclient;

import java.util.function.Consumer;

import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.SignalType;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * Reads a body that nobody wants and throws it away, so that its connection can be used
 * again.
 */
final class Drain extends BaseSubscriber<DataBuffer> implements Exchange.BodyReader {

	/** More than this of an answer that nobody wants is not worth a connection. */
	static final int ENOUGH = 128 * 1024;

	private final int limit;

	private final Consumer<Boolean> end;

	private long bytes;

	/**
	 * Creates one that has not begun.
	 * @param limit bytes after which the connection is closed instead
	 * @param end told whether there was a body, when it is over
	 */
	Drain(int limit, Consumer<Boolean> end) {
		this.limit = limit;
		this.end = end;
	}

	void subscribeTo(ClientHttpResponse response) {
		response.getBody().subscribe(this);
	}

	@Override
	protected void hookOnSubscribe(Subscription subscription) {
		requestUnbounded();
	}

	@Override
	protected void hookOnNext(DataBuffer buffer) {
		this.bytes += buffer.readableByteCount();
		DataBufferUtils.release(buffer);
		if (this.bytes > this.limit) {
			cancel();
		}
	}

	@Override
	protected void hookOnError(Throwable error) {
		// Given up by its caller, whose connector reads it, until the connection is
		// closed.
	}

	@Override
	protected void hookFinally(SignalType type) {
		this.end.accept(this.bytes > 0 || type != SignalType.ON_COMPLETE);
	}

	/** Cancelling the rest of a body closes its connection. */
	@Override
	public void cut() {
		cancel();
	}

}
