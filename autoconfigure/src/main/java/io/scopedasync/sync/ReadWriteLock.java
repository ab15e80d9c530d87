package io.scopedasync.sync;

import java.time.Duration;
import java.util.List;

import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.DirectResource;
import io.scopedasync.Measured;
import io.scopedasync.Waiter;

/**
 * Held by one writer, or by any number of readers. Both wait in one queue in order of
 * arrival: a reader behind a waiting writer waits for it, and readers next to each other
 * at the head enter together.
 * <p>
 * Asked for again under a scope that holds it: to read is to join what is held, for
 * reading or for writing. To write is refused at once, under a read since that read would
 * be waited for, and under a write as any lock refuses.
 */
public final class ReadWriteLock implements Measured {

	/** A writer needs what all readers there may be could have. */
	private static final int ALL = Integer.MAX_VALUE;

	private final String name;

	private final Units units;

	private final Side read;

	private final Side write;

	private ReadWriteLock(LockBuilder<ReadWriteLock> settings) {
		this.name = settings.name();
		this.units = new Units(settings);
		this.read = new Side(this.name + ".read", 1, AsyncResource.Nesting.JOIN);
		this.write = new Side(this.name + ".write", ALL, AsyncResource.Nesting.REFUSE);
	}

	/**
	 * Begins a read-write lock.
	 * @param name name in metrics, logs and errors
	 * @return a builder
	 */
	public static LockBuilder<ReadWriteLock> builder(String name) {
		return new LockBuilder<>(name, ReadWriteLock::new);
	}

	/**
	 * The lock for reading.
	 * @return a resource called as the lock, with {@code .read}
	 */
	public AsyncResource<Hold> read() {
		return this.read;
	}

	/**
	 * The lock for writing.
	 * @return a resource called as the lock, with {@code .write}
	 */
	public AsyncResource<Hold> write() {
		return this.write;
	}

	@Override
	public String name() {
		return this.name;
	}

	@Override
	public List<String> heldAs() {
		return List.of(this.read.name(), this.write.name());
	}

	/**
	 * The lock's numbers now.
	 * @return the statistics
	 */
	public Statistics statistics() {
		Usage now = this.units.numbers();
		boolean written = now.active() == ALL;
		return new Statistics(written ? 0 : now.active(), written, now.pending());
	}

	@Override
	public String type() {
		return "read-write-lock";
	}

	/** Units are holders. A writer finds room for one, if there is none. */
	@Override
	public Usage usage() {
		Statistics now = statistics();
		int holders = now.written() ? 1 : now.readers();
		return new Usage(holders, now.waiting(), Math.max(1, holders), (holders == 0) ? 1 : 0);
	}

	@Override
	public String toString() {
		return "read-write lock '" + this.name + "' (" + statistics() + ")";
	}

	/**
	 * A read-write lock's numbers.
	 *
	 * @param readers how many read
	 * @param written whether it is held by a writer
	 * @param waiting how many callers wait, readers and writers
	 */
	public record Statistics(int readers, boolean written, int waiting) {

		@Override
		public String toString() {
			return (this.written ? "written, " : this.readers + " readers, ") + this.waiting + " waiting";
		}

	}

	/** The one queue of both. */
	private static final class Units extends OwnedResource {

		Units(LockBuilder<?> settings) {
			super(settings, ALL);
		}

		Usage numbers() {
			return counts();
		}

		@Override
		protected @Nullable Hold attempt(Waiter waiter) {
			return attempt(waiter, 1);
		}

	}

	/** The lock for one of the two. */
	private final class Side extends DirectResource<Hold> {

		private final int units;

		private final Nesting nesting;

		Side(String name, int units, Nesting nesting) {
			super(name);
			this.units = units;
			this.nesting = nesting;
		}

		@Override
		protected @Nullable Hold attempt(Waiter waiter) {
			return ReadWriteLock.this.units.attempt(waiter, this.units);
		}

		@Override
		protected boolean withdraw(Waiter waiter) {
			return ReadWriteLock.this.units.withdraw(waiter);
		}

		@Override
		protected void giveBack(Hold hold) {
			ReadWriteLock.this.units.giveBack(hold);
		}

		@Override
		protected int units() {
			return this.units;
		}

		@Override
		protected Standing standing() {
			return ReadWriteLock.this.units.standing();
		}

		@Override
		public Nesting nesting() {
			return this.nesting;
		}

		@Override
		public @Nullable Duration leakThreshold() {
			return ReadWriteLock.this.units.leakThreshold();
		}

		@Override
		public Object identity() {
			return ReadWriteLock.this;
		}

	}

}
