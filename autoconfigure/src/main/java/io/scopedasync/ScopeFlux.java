package io.scopedasync;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
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

	private static final class Running<R> extends RunningScope
			implements CoreSubscriber<R>, Subscription, ReadAhead.Reader<R> {

		@SuppressWarnings("rawtypes")
		private static final AtomicLongFieldUpdater<Running> ASKED = AtomicLongFieldUpdater.newUpdater(Running.class,
				"asked");

		@SuppressWarnings("rawtypes")
		private static final AtomicReferenceFieldUpdater<Running, @Nullable ReadAhead> AHEAD = AtomicReferenceFieldUpdater
			.newUpdater(Running.class, ReadAhead.class, "ahead");

		@SuppressWarnings("rawtypes")
		private static final AtomicIntegerFieldUpdater<Running> EMITTING = AtomicIntegerFieldUpdater
			.newUpdater(Running.class, "emitting");

		private final CoreSubscriber<? super R> actual;

		private final Function<Object, ? extends Publisher<? extends R>> body;

		/** Holds what is requested before the body has begun. */
		private final Operators.DeferredSubscription upstream = new Operators.DeferredSubscription();

		/** How many values the subscriber has asked for. */
		private volatile long asked;

		/** How many were passed on; one value follows the other. */
		private long passed;

		/** Null unless the body was asked for more than its subscriber did. */
		private volatile @Nullable ReadAhead<R> ahead;

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
			ReadAhead<R> ahead = this.ahead;
			if (this.end != null) {
				Operators.onDiscard(value, this.actual.currentContext());
			}
			else if (ahead == null) {
				take(value);
			}
			else {
				ahead.add(value);
			}
		}

		@Override
		public boolean takes() {
			return this.passed < this.asked || isRefused();
		}

		/** Whether nothing is to reach the subscriber any more but an error. */
		private boolean isRefused() {
			Exit end = this.end;
			return this.cancelled || (end != null && !(end instanceof Exit.Completed));
		}

		@Override
		public void take(R value) {
			if (isRefused() || !beginsEmitting()) {
				Operators.onDiscard(value, this.actual.currentContext());
				return;
			}
			this.passed++;
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
			if (!ended(Exit.failed(error))) {
				undelivered(error);
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
				Operators.addCap(ASKED, this, n);
				ReadAhead<R> ahead = this.ahead;
				long beyond = (ahead != null) ? ahead.beyond(n) : n;
				if (beyond > 0) {
					this.upstream.request(beyond);
				}
				if (ahead != null) {
					ahead.passOn();
				}
			}
		}

		@Override
		void askAhead() {
			if (this.phase != RUNNING || this.end != null || this.asked == Long.MAX_VALUE) {
				return;
			}
			AHEAD.compareAndSet(this, null, new ReadAhead<>(this));
			ReadAhead<R> ahead = this.ahead;
			long more = (ahead != null) ? ahead.extend() : 0;
			if (more > 0) {
				this.upstream.request(more);
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
			ReadAhead<R> ahead = this.ahead;
			if (ahead != null) {
				ahead.passOn();
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
			ReadAhead<R> ahead = this.ahead;
			if (ahead != null) {
				ahead.end();
			}
			else {
				readToEnd();
			}
			return true;
		}

		@Override
		public void readToEnd() {
			if (EMITTING.addAndGet(this, ENDED) == ENDED) {
				finish();
			}
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
				Unheard.passOn(this, false);
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
