package io.scopedasync;

import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Fuseable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * The front of a body of at most one value.
 */
final class ScopeMono<R> extends Mono<R> {

	private final DefaultAsyncScopes scopes;

	private final ScopeSpec spec;

	private final Function<Object, ? extends Mono<? extends R>> body;

	@SuppressWarnings("unchecked")
	private ScopeMono(DefaultAsyncScopes scopes, ScopeSpec spec, Function<?, ? extends Mono<? extends R>> body) {
		this.scopes = scopes;
		this.spec = spec;
		this.body = (Function<Object, ? extends Mono<? extends R>>) body;
	}

	static <R> Mono<R> create(DefaultAsyncScopes scopes, ScopeSpec spec,
			Function<?, ? extends Mono<? extends R>> body) {
		return onAssembly(new ScopeMono<>(scopes, spec, body));
	}

	/** For a subscriber of ours, whose subscription is the scope. */
	static <R> void run(DefaultAsyncScopes scopes, ScopeSpec spec, Function<?, ? extends Mono<? extends R>> body,
			CoreSubscriber<R> actual) {
		new ScopeMono<R>(scopes, spec, body).subscribe(actual);
	}

	@Override
	public void subscribe(CoreSubscriber<? super R> actual) {
		Running<R> running = new Running<>(this.scopes, this.spec, this.body, actual);
		actual.onSubscribe(running);
		running.start(CurrentScope.innermost(actual.currentContext()));
	}

	/**
	 * Subscription towards the caller, subscriber of the body, and the scope in between.
	 */
	private static final class Running<R> extends RunningScope implements CoreSubscriber<R>, Subscription {

		@SuppressWarnings("rawtypes")
		private static final AtomicReferenceFieldUpdater<Running, @Nullable Subscription> UPSTREAM = AtomicReferenceFieldUpdater
			.newUpdater(Running.class, Subscription.class, "upstream");

		@SuppressWarnings("rawtypes")
		private static final AtomicIntegerFieldUpdater<Running> DEMAND = AtomicIntegerFieldUpdater
			.newUpdater(Running.class, "demand");

		private static final int NO_DEMAND = 0;

		private static final int REQUESTED = 1;

		/** The scope has settled and its value waits to be requested. */
		private static final int VALUE_READY = 2;

		private static final int OVER = 3;

		private final CoreSubscriber<? super R> actual;

		private final Function<Object, ? extends Mono<? extends R>> body;

		private volatile @Nullable Subscription upstream;

		private volatile int demand;

		private @Nullable R result;

		Running(DefaultAsyncScopes scopes, ScopeSpec spec, Function<Object, ? extends Mono<? extends R>> body,
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
		@SuppressWarnings("unchecked")
		void startBody() {
			Mono<? extends R> mono;
			try {
				mono = this.body.apply(bodyArgument());
				if (mono instanceof Fuseable.ScalarCallable<?> ready) {
					this.result = (R) ready.call();
					endedAtOnce(Exit.completed());
					return;
				}
				if (mono == null) {
					throw new NullPointerException("The body of scope '" + this.spec.name
							+ "' returned null: return a Mono, Mono.empty() for nothing.");
				}
			}
			catch (Throwable ex) {
				endedAtOnce(Exit.failed(Exceptions.unwrap(ex)));
				return;
			}
			this.shared = true;
			Mono.<R>fromDirect(mono).subscribe(this);
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			if (Operators.setOnce(UPSTREAM, this, subscription)) {
				subscription.request(Long.MAX_VALUE);
			}
		}

		@Override
		public void onNext(R value) {
			if (this.end != null) {
				Operators.onDiscard(value, this.actual.currentContext());
			}
			else if (this.result != null) {
				Operators.onNextDropped(value, currentContext());
			}
			else {
				this.result = value;
			}
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
			Operators.terminate(UPSTREAM, this);
			return true;
		}

		@Override
		public void request(long n) {
			if (!Operators.validate(n) || this.demand == REQUESTED) {
				return;
			}
			if (!DEMAND.compareAndSet(this, NO_DEMAND, REQUESTED) && DEMAND.compareAndSet(this, VALUE_READY, OVER)) {
				emit();
			}
		}

		@Override
		public void cancel() {
			int before = DEMAND.getAndSet(this, OVER);
			if (before == VALUE_READY) {
				discard();
			}
			cancelFromOutside(cancelledBecause());
		}

		@Override
		boolean deliver(Exit end) {
			if (this.demand == OVER || !(end instanceof Exit.Completed)) {
				discard();
			}
			if (this.demand == OVER) {
				return false;
			}
			if (end instanceof Exit.Failed failed) {
				this.demand = OVER;
				this.actual.onError(failed.error());
			}
			else if (end instanceof Exit.Cancelled cancelled) {
				this.demand = OVER;
				this.actual.onError(cancelled(cancelled));
			}
			else if (this.result == null) {
				this.demand = OVER;
				this.actual.onComplete();
			}
			else if (this.demand != REQUESTED && DEMAND.compareAndSet(this, NO_DEMAND, VALUE_READY)) {
				return true;
			}
			else if (this.demand == REQUESTED) {
				emit();
			}
			else {
				// Cancelled at this very moment.
				discard();
			}
			return true;
		}

		@Override
		void forgetResult() {
			discard();
		}

		private void emit() {
			R result = this.result;
			this.result = null;
			if (result != null) {
				this.actual.onNext(result);
				this.actual.onComplete();
			}
		}

		private void discard() {
			R result = this.result;
			this.result = null;
			if (result != null) {
				Operators.onDiscard(result, this.actual.currentContext());
			}
		}

	}

}
