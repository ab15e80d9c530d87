package io.scopedasync;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Subscriber of {@link AsyncResource#exit}: never cancelled. Its end goes to the entry
 * while somebody waits for it, else to those who hear of late ends.
 */
final class Release implements CoreSubscriber<Exit> {

	private final RunningScope scope;

	/** Null where nobody waits: something arrived late and is given back. */
	private final @Nullable Entry entry;

	private @Nullable Subscription subscription;

	private @Nullable Object result;

	Release(RunningScope scope, @Nullable Entry entry) {
		this.scope = scope;
		this.entry = entry;
	}

	@Override
	public Context currentContext() {
		return CallerHooks.hiddenFromResource(this.scope.context());
	}

	@Override
	public void onSubscribe(Subscription subscription) {
		if (Operators.validate(this.subscription, subscription)) {
			this.subscription = subscription;
			subscription.request(Long.MAX_VALUE);
		}
	}

	@Override
	public void onNext(Exit exit) {
		this.result = exit;
	}

	@Override
	public void onError(Throwable error) {
		this.result = error;
		onComplete();
	}

	@Override
	public void onComplete() {
		Entry entry = this.entry;
		if (entry != null && entry.move(Entry.RELEASING, Entry.ENDING)) {
			// Claimed before it is written: a close by force may end at the same moment.
			entry.value = this.result;
			entry.set(Entry.RELEASED);
			entry.released();
			return;
		}
		if (this.result instanceof Throwable error) {
			this.scope.undelivered(error);
		}
	}

}
