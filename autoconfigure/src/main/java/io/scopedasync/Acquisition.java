package io.scopedasync;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Subscriber of {@link AsyncResource#acquire()}. Answers its entry once, at the end of
 * the acquisition, and never passes a cancel on unless the resource is cancellable.
 */
final class Acquisition implements CoreSubscriber<Object> {

	private final Entry entry;

	private volatile @Nullable Subscription subscription;

	private @Nullable Object value;

	private boolean done;

	private final boolean cancellable;

	Acquisition(Entry entry, boolean cancellable) {
		this.entry = entry;
		this.cancellable = cancellable;
	}

	@Override
	public Context currentContext() {
		return this.entry.scope().context();
	}

	@Override
	public void onSubscribe(Subscription subscription) {
		if (!Operators.validate(this.subscription, subscription)) {
			return;
		}
		this.subscription = subscription;
		if (this.cancellable && this.entry.state != Entry.PENDING) {
			subscription.cancel();
			return;
		}
		subscription.request(Long.MAX_VALUE);
	}

	void cancel() {
		Subscription subscription = this.subscription;
		if (subscription != null) {
			subscription.cancel();
		}
	}

	@Override
	public void onNext(Object value) {
		if (this.done) {
			this.entry.scope().releaseLate(this.entry, value);
		}
		else if (this.value == null) {
			this.value = value;
			if (this.entry.state != Entry.PENDING) {
				// A publisher that delivers after its cancel may not complete any more.
				this.done = true;
				this.entry.scope().releaseLate(this.entry, value);
			}
		}
		else {
			this.done = true;
			RunningScope scope = this.entry.scope();
			scope.releaseLate(this.entry, value);
			scope.releaseLate(this.entry, this.value);
			finish(new IllegalStateException("The acquisition of '" + this.entry.resource().name()
					+ "' brought more than one value: return a Mono of exactly one. Both were released."));
		}
	}

	@Override
	public void onError(Throwable error) {
		if (this.done) {
			this.entry.scope().undelivered(error);
			return;
		}
		this.done = true;
		if (this.value != null) {
			this.entry.scope().releaseLate(this.entry, this.value);
		}
		finish(error);
	}

	@Override
	public void onComplete() {
		if (this.done) {
			return;
		}
		this.done = true;
		if (this.value == null) {
			finish(ScopeExtras.emptyAcquisition(this.entry.resource().name()));
			return;
		}
		this.entry.arrived(this.value);
		this.entry.resume();
	}

	private void finish(Throwable error) {
		this.entry.failed(error);
		this.entry.resume();
	}

}
