package io.scopedasync.r2dbc;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Sends something to the database through a {@link Gate}. Drivers send as they are
 * subscribed to or asked for the first result.
 */
final class GuardedExecution<T> extends Flux<T> {

	private final Publisher<? extends T> execution;

	private final Gate gate;

	GuardedExecution(Publisher<? extends T> execution, Gate gate) {
		this.execution = execution;
		this.gate = gate;
	}

	@Override
	public void subscribe(CoreSubscriber<? super T> actual) {
		if (!this.gate.enter()) {
			Operators.error(actual, refusal());
			return;
		}
		try {
			this.execution.subscribe(new Guarded<>(actual, this.gate));
		}
		finally {
			this.gate.leave();
		}
	}

	private static RuntimeException refusal() {
		return new IllegalStateException("The scope of this connection has ended: "
				+ "send what is to be part of it before its body ends, and nothing afterwards.");
	}

	private static final class Guarded<T> implements CoreSubscriber<T>, Subscription {

		private final CoreSubscriber<? super T> actual;

		private final Gate gate;

		private @Nullable Subscription upstream;

		private volatile boolean sent;

		Guarded(CoreSubscriber<? super T> actual, Gate gate) {
			this.actual = actual;
			this.gate = gate;
		}

		@Override
		public Context currentContext() {
			return this.actual.currentContext();
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			if (Operators.validate(this.upstream, subscription)) {
				this.upstream = subscription;
				this.actual.onSubscribe(this);
			}
		}

		@Override
		public void request(long n) {
			Subscription upstream = this.upstream;
			if (upstream == null) {
				return;
			}
			if (this.sent) {
				upstream.request(n);
			}
			else if (this.gate.enter()) {
				try {
					this.sent = true;
					upstream.request(n);
				}
				finally {
					this.gate.leave();
				}
			}
			else {
				upstream.cancel();
				this.actual.onError(refusal());
			}
		}

		@Override
		public void cancel() {
			Subscription upstream = this.upstream;
			if (upstream != null) {
				upstream.cancel();
			}
		}

		@Override
		public void onNext(T value) {
			this.actual.onNext(value);
		}

		@Override
		public void onError(Throwable error) {
			this.actual.onError(error);
		}

		@Override
		public void onComplete() {
			this.actual.onComplete();
		}

	}

}
