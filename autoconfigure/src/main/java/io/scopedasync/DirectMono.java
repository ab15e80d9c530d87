package io.scopedasync;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;

/**
 * An acquisition of a {@link DirectResource} by hand. Whatever arrives is either
 * delivered or given back.
 */
final class DirectMono<T> extends Mono<T> {

	private final DirectResource<T> resource;

	DirectMono(DirectResource<T> resource) {
		this.resource = resource;
	}

	@Override
	public void subscribe(CoreSubscriber<? super T> actual) {
		Caller<T> caller = new Caller<>(this.resource, actual);
		actual.onSubscribe(caller);
		caller.begin();
	}

	private static final class Caller<T> extends Waiter implements Subscription {

		@SuppressWarnings("rawtypes")
		private static final AtomicIntegerFieldUpdater<Caller> STATE = AtomicIntegerFieldUpdater
			.newUpdater(Caller.class, "state");

		private static final int REQUESTED = 1;

		private static final int ARRIVED = 2;

		private static final int OVER = 4;

		private final DirectResource<T> resource;

		private final CoreSubscriber<? super T> actual;

		private volatile int state;

		private @Nullable T value;

		private @Nullable Throwable error;

		Caller(DirectResource<T> resource, CoreSubscriber<? super T> actual) {
			this.resource = resource;
			this.actual = actual;
		}

		void begin() {
			if (this.state == OVER) {
				return;
			}
			try {
				T value = this.resource.attempt(this);
				if (value == null) {
					if (this.state == OVER) {
						// The cancel may have come before there was anything to take
						// back.
						this.resource.withdraw(this);
					}
					return;
				}
				this.value = value;
			}
			catch (Throwable ex) {
				this.error = ex;
			}
			resume();
		}

		@Override
		@Nullable RunningScope asking() {
			return CurrentScope.innermost(this.actual.currentContext());
		}

		@Override
		@SuppressWarnings("unchecked")
		void arrived(Object value) {
			this.value = (T) value;
		}

		@Override
		void failed(Throwable error) {
			this.error = error;
		}

		@Override
		void resume() {
			Throwable error = this.error;
			if (error != null) {
				if (STATE.getAndSet(this, OVER) == OVER) {
					Operators.onErrorDropped(error, this.actual.currentContext());
				}
				else {
					this.actual.onError(error);
				}
				return;
			}
			note(ARRIVED);
		}

		@Override
		public void request(long n) {
			if (Operators.validate(n)) {
				note(REQUESTED);
			}
		}

		private void note(int what) {
			while (true) {
				int now = this.state;
				if (now == OVER) {
					if (what == ARRIVED) {
						this.resource.giveBack(value());
					}
					return;
				}
				int next = ((now | what) == (REQUESTED | ARRIVED)) ? OVER : now | what;
				if (STATE.compareAndSet(this, now, next)) {
					if (next == OVER) {
						this.actual.onNext(value());
						this.actual.onComplete();
					}
					return;
				}
			}
		}

		@Override
		public void cancel() {
			int before = STATE.getAndSet(this, OVER);
			if ((before & ARRIVED) != 0) {
				this.resource.giveBack(value());
			}
			else if (before != OVER) {
				this.resource.withdraw(this);
			}
		}

		private T value() {
			T value = this.value;
			if (value == null) {
				throw new IllegalStateException("nothing acquired");
			}
			return value;
		}

	}

}
