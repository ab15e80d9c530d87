package io.scopedasync.webclient;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.client.reactive.ClientHttpResponse;

/**
 * The body of an answer, which ends with an error when its {@link Exchange} is ended by
 * others than the reader.
 */
final class SessionBody extends Flux<DataBuffer> {

	private final ClientHttpResponse response;

	private final Exchange exchange;

	SessionBody(ClientHttpResponse response, Exchange exchange) {
		this.response = response;
		this.exchange = exchange;
	}

	@Override
	public void subscribe(CoreSubscriber<? super DataBuffer> actual) {
		Reading reading = new Reading(this.exchange, actual);
		if (this.exchange.reads(reading)) {
			this.response.getBody().onErrorStop().subscribe(reading);
			return;
		}
		Throwable ended = this.exchange.endedBecause();
		if (ended != null) {
			Ended.tell(actual, ended);
		}
		else {
			// It says itself that it can be read only once.
			this.response.getBody().subscribe(actual);
		}
	}

	/** Passes everything on, until it is cut. */
	private static final class Reading implements CoreSubscriber<DataBuffer>, Subscription, Exchange.BodyReader {

		private static final int NEW = 0;

		private static final int SUBSCRIBED = 1;

		private static final int CUT = 2;

		private final Exchange exchange;

		/** A cut may come while a signal is on its way. */
		private final CoreSubscriber<? super DataBuffer> actual;

		private @Nullable Subscription upstream;

		private final AtomicInteger state = new AtomicInteger(NEW);

		Reading(Exchange exchange, CoreSubscriber<? super DataBuffer> actual) {
			this.exchange = exchange;
			this.actual = Operators.serialize(actual);
		}

		@Override
		public Context currentContext() {
			return this.actual.currentContext();
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			if (!Operators.validate(this.upstream, subscription)) {
				return;
			}
			this.upstream = subscription;
			this.actual.onSubscribe(this);
			if (!this.state.compareAndSet(NEW, SUBSCRIBED)) {
				end(subscription);
			}
		}

		@Override
		public void request(long n) {
			Objects.requireNonNull(this.upstream).request(n);
		}

		@Override
		public void cancel() {
			Objects.requireNonNull(this.upstream).cancel();
			this.exchange.over();
		}

		@Override
		public void onNext(DataBuffer buffer) {
			this.actual.onNext(buffer);
		}

		@Override
		public void onError(Throwable error) {
			this.exchange.over();
			Exchange.fail(this.actual, this.exchange.translate(error));
		}

		@Override
		public void onComplete() {
			this.exchange.over();
			this.actual.onComplete();
		}

		@Override
		public void cut() {
			// Before that, the subscription sees it.
			if (this.state.getAndSet(CUT) == SUBSCRIBED) {
				end(Objects.requireNonNull(this.upstream));
			}
		}

		private void end(Subscription subscription) {
			subscription.cancel();
			this.exchange.over();
			Exchange.fail(this.actual, Objects.requireNonNull(this.exchange.endedBecause()));
		}

	}

	/** Nothing is left to read, and the reader hears why without asking for anything. */
	private static final class Ended implements Subscription {

		private volatile boolean cancelled;

		static void tell(CoreSubscriber<? super DataBuffer> actual, Throwable reason) {
			Ended ended = new Ended();
			actual.onSubscribe(ended);
			if (!ended.cancelled) {
				// Else it has gone, and would have the error in the log.
				Exchange.fail(actual, reason);
			}
		}

		@Override
		public void request(long n) {
			// There is nothing to ask for.
		}

		@Override
		public void cancel() {
			this.cancelled = true;
		}

	}

}
