package io.scopedasync;

import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Subscriber of {@link AsyncResource#acquire()}. Answers its entry once, at the end of
 * the acquisition, and passes a cancel on only if the resource is cancellable.
 */
final class Acquisition implements CoreSubscriber<Object> {

	private static final AtomicReferenceFieldUpdater<Acquisition, @Nullable Object> VALUE = AtomicReferenceFieldUpdater
		.newUpdater(Acquisition.class, Object.class, "value");

	final boolean cancellable;

	private final Entry entry;

	private volatile @Nullable Subscription subscription;

	/**
	 * What was brought and not handed on yet. Who takes it out answers for it: between
	 * the value and its completion the entry may be given up.
	 */
	private volatile @Nullable Object value;

	private boolean brought;

	private boolean done;

	Acquisition(Entry entry, boolean cancellable) {
		this.entry = entry;
		this.cancellable = cancellable;
	}

	@Override
	public Context currentContext() {
		return CallerHooks.hiddenFromResource(this.entry.scope().context());
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

	/** The entry was given up: whatever was brought, or still is, goes back. */
	void abandon() {
		Subscription subscription = this.subscription;
		if (this.cancellable && subscription != null) {
			try {
				subscription.cancel();
			}
			catch (Throwable ex) {
				this.entry.scope().undelivered(ex);
			}
		}
		giveBack();
	}

	private void giveBack() {
		Object value = VALUE.getAndSet(this, null);
		if (value != null) {
			this.entry.scope().releaseLate(this.entry, value);
		}
	}

	@Override
	public void onNext(Object value) {
		if (this.done) {
			this.entry.scope().releaseLate(this.entry, value);
		}
		else if (!this.brought) {
			this.brought = true;
			this.value = value;
			if (this.entry.state != Entry.PENDING) {
				// A publisher that delivers after its cancel may not complete any more.
				this.done = true;
				giveBack();
			}
		}
		else {
			this.done = true;
			this.entry.scope().releaseLate(this.entry, value);
			giveBack();
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
		giveBack();
		finish(error);
	}

	@Override
	public void onComplete() {
		if (this.done) {
			return;
		}
		this.done = true;
		if (!this.brought) {
			finish(ScopeExtras.emptyAcquisition(this.entry.resource().name()));
			return;
		}
		Object value = VALUE.getAndSet(this, null);
		if (value != null) {
			this.entry.arrived(value);
			this.entry.resume();
		}
	}

	private void finish(Throwable error) {
		this.entry.failed(error);
		this.entry.resume();
	}

}
