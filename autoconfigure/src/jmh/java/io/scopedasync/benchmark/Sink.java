package io.scopedasync.benchmark;

import java.util.concurrent.atomic.AtomicReference;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;

/**
 * The cheapest reusable subscriber at the end of a chain. Spins for the end, because
 * under contention reactor-pool completes a subscriber on the thread of another caller;
 * for everybody else the value is there when subscribe returns.
 */
@SuppressWarnings("serial")
final class Sink extends AtomicReference<@Nullable Object> implements CoreSubscriber<Object> {

	private @Nullable Object last;

	@Override
	public void onSubscribe(Subscription subscription) {
		subscription.request(Long.MAX_VALUE);
	}

	@Override
	public void onNext(Object value) {
		this.last = value;
	}

	@Override
	public void onError(Throwable error) {
		lazySet(error);
	}

	@Override
	public void onComplete() {
		lazySet(this.last);
	}

	Object take() {
		Object end = getAcquire();
		while (end == null) {
			Thread.onSpinWait();
			end = getAcquire();
		}
		setPlain(null);
		if (end instanceof Throwable error) {
			throw new IllegalStateException(error);
		}
		return end;
	}

}
