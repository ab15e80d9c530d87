package io.scopedasync;

import java.util.Queue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;

import org.jspecify.annotations.Nullable;
import reactor.util.concurrent.Queues;

/**
 * Values that a body brought before its subscriber asked for them. An error can stand
 * behind values, or behind an operator that waits for demand; a subscriber that asks for
 * nothing would never hear it, and its scope would hold what it has for ever. So the
 * scope asks instead, a limited number of values ahead, and keeps them in order.
 */
final class ReadAhead<R> {

	/** More than several operators with their usual prefetch keep back. */
	static final int AT_MOST = 1024;

	@SuppressWarnings("rawtypes")
	private static final AtomicIntegerFieldUpdater<ReadAhead> WIP = AtomicIntegerFieldUpdater
		.newUpdater(ReadAhead.class, "wip");

	@SuppressWarnings("rawtypes")
	private static final AtomicLongFieldUpdater<ReadAhead> AHEAD = AtomicLongFieldUpdater.newUpdater(ReadAhead.class,
			"ahead");

	private final Reader<R> reader;

	private final Queue<R> values = Queues.<R>unbounded(64).get();

	/** Who raises it from 0 passes values on. */
	private volatile int wip;

	/** How many more were asked for than the subscriber has asked for since. */
	private volatile long ahead;

	private volatile boolean bodyOver;

	/** Read and written by who passes values on. */
	private boolean told;

	ReadAhead(Reader<R> reader) {
		this.reader = reader;
	}

	/** Who reads the values. */
	interface Reader<R> {

		/** Whether a value would be passed on or thrown away now. */
		boolean takes();

		/** Passes a value on, or throws it away. */
		void take(R value);

		/** All values are gone. */
		void readToEnd();

	}

	/** How many more to ask for now. */
	long extend() {
		return AT_MOST - AHEAD.getAndSet(this, AT_MOST);
	}

	/** How many of what the subscriber asks for have not been asked for before. */
	long beyond(long asked) {
		long now;
		long used;
		do {
			now = this.ahead;
			used = Math.min(now, asked);
		}
		while (!AHEAD.compareAndSet(this, now, now - used));
		return asked - used;
	}

	void add(R value) {
		this.values.add(value);
		passOn();
	}

	/** The scope has settled. What it brought is still read, unless it has failed. */
	void end() {
		this.bodyOver = true;
		passOn();
	}

	/** The subscriber asked for more, or went away. */
	void passOn() {
		if (WIP.getAndIncrement(this) != 0) {
			return;
		}
		int missed = 1;
		do {
			boolean last = this.bodyOver;
			R value = next();
			while (value != null) {
				this.reader.take(value);
				value = next();
			}
			if (last && !this.told && this.values.isEmpty()) {
				this.told = true;
				this.reader.readToEnd();
			}
			missed = WIP.addAndGet(this, -missed);
		}
		while (missed != 0);
	}

	private @Nullable R next() {
		// In this order: who sees a value sees how many were passed on before it.
		return (!this.values.isEmpty() && this.reader.takes()) ? this.values.poll() : null;
	}

}
