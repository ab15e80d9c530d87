package io.scopedasync.benchmark;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;

/**
 * What is physically reachable: one CAS where a permit is free, waiters as nodes of a
 * doubly linked queue, a drain that does not recurse. Not a product: demand, context,
 * bounds and error details are cut.
 */
final class Floor {

	private final AtomicInteger permits;

	private final AtomicInteger wip = new AtomicInteger();

	/** Written under this. */
	private volatile int waiting;

	private @Nullable Waiter<?> head;

	private @Nullable Waiter<?> tail;

	Floor(int permits) {
		this.permits = new AtomicInteger(permits);
	}

	boolean tryAcquire() {
		for (int now = this.permits.get(); now > 0; now = this.permits.get()) {
			if (this.permits.compareAndSet(now, now - 1)) {
				return true;
			}
		}
		return false;
	}

	void release() {
		this.permits.getAndIncrement();
		if (this.waiting != 0) {
			drain();
		}
	}

	private void enqueue(Waiter<?> waiter) {
		synchronized (this) {
			waiter.queued = true;
			waiter.previous = this.tail;
			if (this.tail == null) {
				this.head = waiter;
			}
			else {
				this.tail.next = waiter;
			}
			this.tail = waiter;
			this.waiting++;
		}
		drain();
	}

	private synchronized @Nullable Waiter<?> poll() {
		Waiter<?> waiter = this.head;
		if (waiter != null) {
			unlink(waiter);
		}
		return waiter;
	}

	private void unlink(Waiter<?> waiter) {
		if (waiter.previous == null) {
			this.head = waiter.next;
		}
		else {
			waiter.previous.next = waiter.next;
		}
		if (waiter.next == null) {
			this.tail = waiter.previous;
		}
		else {
			waiter.next.previous = waiter.previous;
		}
		waiter.previous = null;
		waiter.next = null;
		waiter.queued = false;
		this.waiting--;
	}

	private synchronized boolean remove(Waiter<?> waiter) {
		if (!waiter.queued) {
			return false;
		}
		unlink(waiter);
		return true;
	}

	private void drain() {
		if (this.wip.getAndIncrement() != 0) {
			return;
		}
		int missed = 1;
		do {
			while (this.waiting != 0 && tryAcquire()) {
				Waiter<?> waiter = poll();
				if (waiter == null) {
					this.permits.getAndIncrement();
				}
				else {
					waiter.granted();
				}
			}
			missed = this.wip.addAndGet(-missed);
		}
		while (missed != 0);
	}

	/** The scope as one operator. */
	<T> Mono<T> scope(Mono<T> body) {
		return new Mono<T>() {
			@Override
			public void subscribe(CoreSubscriber<? super T> actual) {
				Waiter<T> waiter = new Waiter<>(Floor.this, actual, body);
				actual.onSubscribe(waiter);
				if (Floor.this.waiting == 0 && tryAcquire()) {
					waiter.granted();
				}
				else {
					enqueue(waiter);
				}
			}
		};
	}

	private static final class Waiter<T> implements CoreSubscriber<T>, Subscription {

		@SuppressWarnings("rawtypes")
		private static final AtomicIntegerFieldUpdater<Waiter> DONE = AtomicIntegerFieldUpdater.newUpdater(Waiter.class,
				"done");

		private final Floor floor;

		private final CoreSubscriber<? super T> actual;

		private final Mono<T> body;

		private @Nullable Waiter<?> previous;

		private @Nullable Waiter<?> next;

		private boolean queued;

		private volatile int done;

		private @Nullable Subscription upstream;

		Waiter(Floor floor, CoreSubscriber<? super T> actual, Mono<T> body) {
			this.floor = floor;
			this.actual = actual;
			this.body = body;
		}

		private void granted() {
			this.body.subscribe(this);
		}

		private boolean end() {
			if (!DONE.compareAndSet(this, 0, 1)) {
				return false;
			}
			this.floor.release();
			return true;
		}

		@Override
		public void onSubscribe(Subscription subscription) {
			this.upstream = subscription;
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		public void onNext(T value) {
			if (end()) {
				this.actual.onNext(value);
				this.actual.onComplete();
			}
		}

		@Override
		public void onError(Throwable error) {
			if (end()) {
				this.actual.onError(error);
			}
		}

		@Override
		public void onComplete() {
			if (end()) {
				this.actual.onComplete();
			}
		}

		@Override
		public void request(long n) {
		}

		@Override
		public void cancel() {
			if (this.floor.remove(this)) {
				this.done = 1;
			}
			else if (end() && this.upstream != null) {
				this.upstream.cancel();
			}
		}

	}

}
