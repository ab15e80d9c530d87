package io.scopedasync.sync;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A caller that waits for a {@link Condition}, at the very end of the wait. It hears of
 * the end or it is cancelled, and a wake-up that it does not hear of goes to the next
 * one.
 */
final class Awaiting<T> extends Mono<T> {

	private final Function<Awaiter<T>, Mono<T>> wait;

	Awaiting(Function<Awaiter<T>, Mono<T>> wait) {
		this.wait = wait;
	}

	@Override
	public void subscribe(CoreSubscriber<? super T> actual) {
		Awaiter<T> awaiter = new Awaiter<>(actual);
		this.wait.apply(awaiter).subscribe(awaiter);
	}

	/** One subscription. */
	static final class Awaiter<T> implements CoreSubscriber<T>, Subscription {

		private static final Object CANCELLED = new Object();

		private static final Object TOLD = new Object();

		private final CoreSubscriber<? super T> actual;

		/** Null while it waits, and the thread that tells it while that does. */
		private final AtomicReference<@Nullable Object> state = new AtomicReference<>();

		/** Over once the lock is held again. */
		private volatile Condition.@Nullable Wait wait;

		private volatile @Nullable Subscription subscription;

		Awaiter(CoreSubscriber<? super T> actual) {
			this.actual = actual;
		}

		/** The lock is held again. */
		void has(Condition.Wait wait) {
			this.wait = wait;
			if (this.state.get() == CANCELLED) {
				wait.passOn();
			}
		}

		private void passOn() {
			Condition.Wait wait = this.wait;
			if (wait != null) {
				wait.passOn();
			}
		}

		@Override
		public Context currentContext() {
			return this.actual.currentContext();
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			this.subscription = subscription;
			this.actual.onSubscribe(this);
		}

		@Override
		public void onNext(T value) {
			tell(() -> {
				this.actual.onNext(value);
				this.actual.onComplete();
			});
		}

		@Override
		public void onComplete() {
			if (this.state.get() != TOLD) {
				tell(this.actual::onComplete);
			}
		}

		private void tell(Runnable signals) {
			Thread thread = Thread.currentThread();
			if (this.state.compareAndSet(null, thread)) {
				signals.run();
				Condition.Wait wait = this.wait;
				// The cancel may have been quicker, and still be on its way to here.
				if (!this.state.compareAndSet(thread, TOLD) || wait == null || !wait.loan.isInVain()) {
					return;
				}
			}
			passOn();
		}

		@Override
		public void onError(Throwable error) {
			passOn();
			this.actual.onError(error);
		}

		@Override
		public void request(long n) {
			Subscription subscription = this.subscription;
			if (subscription != null) {
				subscription.request(n);
			}
		}

		/**
		 * What is called from another thread while this one is told has met it on its
		 * way: the caller may have heard neither.
		 */
		@Override
		public void cancel() {
			Object before = this.state.getAndUpdate((state) -> (state == TOLD) ? TOLD : CANCELLED);
			Subscription subscription = this.subscription;
			if (before == null && subscription != null) {
				subscription.cancel();
			}
			if (before != TOLD && before != Thread.currentThread()) {
				passOn();
			}
		}

	}

}
