package io.scopedasync;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicBoolean;

import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.core.publisher.Sinks;

/**
 * Room for as many objects as there may be, those included that are being made or
 * destroyed: the pool itself makes a new one while the old one is being destroyed.
 */
final class PoolRoom {

	private final int size;

	private int taken;

	private final Deque<MonoSink<Void>> waiting = new ArrayDeque<>();

	private final Sinks.Empty<Void> empty = Sinks.empty();

	private boolean toBeEmpty;

	PoolRoom(int size) {
		this.size = size;
	}

	/** Nobody cancels this: the pool finishes what it has begun to make. */
	Mono<Void> enter() {
		return Mono.create((sink) -> {
			synchronized (this) {
				if (this.taken == this.size) {
					this.waiting.add(sink);
					return;
				}
				this.taken++;
			}
			sink.success();
		});
	}

	void leaveOnce(AtomicBoolean gone) {
		if (gone.compareAndSet(false, true)) {
			leave();
		}
	}

	void leave() {
		MonoSink<Void> next;
		boolean empty;
		synchronized (this) {
			next = this.waiting.poll();
			if (next == null) {
				this.taken--;
			}
			empty = this.toBeEmpty && this.taken == 0;
		}
		if (next != null) {
			next.success();
		}
		if (empty) {
			this.empty.tryEmitEmpty();
		}
	}

	/** Completes once nothing is left. */
	Mono<Void> empty() {
		synchronized (this) {
			this.toBeEmpty = true;
			if (this.taken == 0) {
				this.empty.tryEmitEmpty();
			}
		}
		return this.empty.asMono();
	}

}
