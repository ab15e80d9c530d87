package io.scopedasync;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * The front of a body of many values: they pass through while it runs, the end waits for
 * the release.
 */
final class ScopeFlux<R> extends Flux<R> {

	private final DefaultAsyncScopes scopes;

	private final ScopeSpec spec;

	private final Function<Object, ? extends Publisher<? extends R>> body;

	@SuppressWarnings("unchecked")
	private ScopeFlux(DefaultAsyncScopes scopes, ScopeSpec spec, Function<?, ? extends Publisher<? extends R>> body) {
		this.scopes = scopes;
		this.spec = spec;
		this.body = (Function<Object, ? extends Publisher<? extends R>>) body;
	}

	static <R> Flux<R> create(DefaultAsyncScopes scopes, ScopeSpec spec,
			Function<?, ? extends Publisher<? extends R>> body) {
		return onAssembly(new ScopeFlux<>(scopes, spec, body));
	}

	@Override
	public void subscribe(CoreSubscriber<? super R> actual) {
		Running<R> running = new Running<>(this.scopes, this.spec, this.body, actual);
		actual.onSubscribe(running);
		running.start(CurrentScope.innermost(actual.currentContext()));
	}

	private static final class Running<R> extends RunningScope implements CoreSubscriber<R>, Subscription {

		@SuppressWarnings("rawtypes")
		private static final AtomicIntegerFieldUpdater<Running> EMITTING = AtomicIntegerFieldUpdater
			.newUpdater(Running.class, "emitting");

		private final CoreSubscriber<? super R> actual;

		private final Function<Object, ? extends Publisher<? extends R>> body;

		/** Holds what is requested before the body has begun. */
		private final Operators.DeferredSubscription upstream = new Operators.DeferredSubscription();

		private static final int ENDED = 1 << 30;

		/**
		 * How many values are being passed on, one inside the other, plus {@link #ENDED}:
		 * values and end must not overlap.
		 */
		private volatile int emitting;

		private volatile boolean cancelled;

		private @Nullable Exit last;

		Running(DefaultAsyncScopes scopes, ScopeSpec spec, Function<Object, ? extends Publisher<? extends R>> body,
				CoreSubscriber<? super R> actual) {
			super(scopes, spec);
			this.body = body;
			this.actual = actual;
		}

		@Override
		Context callerContext() {
			return this.actual.currentContext();
		}

		@Override
		public Context currentContext() {
			return context();
		}

		@Override
		void startBody() {
			Publisher<? extends R> publisher;
			try {
				publisher = this.body.apply(bodyArgument());
				if (publisher == null) {
					throw new NullPointerException("The body of scope '" + this.spec.name
							+ "' returned null: return a Flux, Flux.empty() for nothing.");
				}
			}
			catch (Throwable ex) {
				endedAtOnce(Exit.failed(Exceptions.unwrap(ex)));
				return;
			}
			this.shared = true;
			Flux.<R>from(publisher).subscribe(this);
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			this.upstream.set(subscription);
		}

		@Override
		public void onNext(R value) {
			if (this.end != null || this.cancelled || !beginsEmitting()) {
				Operators.onDiscard(value, this.actual.currentContext());
				return;
			}
			try {
				this.actual.onNext(value);
			}
			finally {
				if (EMITTING.decrementAndGet(this) == ENDED) {
					finish();
				}
			}
		}

		private boolean beginsEmitting() {
			int now;
			do {
				now = this.emitting;
				if (now >= ENDED) {
					return false;
				}
			}
			while (!EMITTING.compareAndSet(this, now, now + 1));
			return true;
		}

		@Override
		public void onError(Throwable error) {
			if (!ended(Exit.failed(error)) && !failedBeside(error)) {
				Operators.onErrorDropped(error, this.actual.currentContext());
			}
		}

		@Override
		public void onComplete() {
			ended(Exit.completed());
		}

		@Override
		boolean cancelBody() {
			this.upstream.cancel();
			return true;
		}

		@Override
		public void request(long n) {
			if (n <= 0) {
				if (interrupt(Exit.failed(new IllegalArgumentException(
						"Rule 3.9 of Reactive Streams: request at least 1 element, not " + n)))) {
					return;
				}
			}
			else {
				this.upstream.request(n);
			}
		}

		@Override
		public void cancel() {
			this.cancelled = true;
			cancelFromOutside(cancelledBecause());
			if (isHeldBack()) {
				// Nobody asks any more, and it is to come to its end.
				this.upstream.request(Long.MAX_VALUE);
			}
		}

		@Override
		void forgetResult() {
			// Values have passed already.
		}

		@Override
		boolean deliver(Exit end) {
			if (this.cancelled) {
				return false;
			}
			this.last = end;
			if (EMITTING.addAndGet(this, ENDED) == ENDED) {
				finish();
			}
			return true;
		}

		private void finish() {
			if (this.last instanceof Exit.Failed failed) {
				if (this.cancelled) {
					undelivered(failed.error());
				}
				else {
					this.actual.onError(failed.error());
				}
			}
			else if (this.cancelled) {
				return;
			}
			else if (this.last instanceof Exit.Cancelled cancelled) {
				this.actual.onError(cancelled(cancelled));
			}
			else {
				this.actual.onComplete();
			}
		}

	}

}
