package io.scopedasync;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;

import org.jspecify.annotations.Nullable;
import reactor.core.scheduler.Schedulers;

/**
 * The threads {@code scoped-async-handover-N} of this JVM, on which waiters go on that
 * must not do so where they were granted. They may block, inherit no thread locals, and
 * end after {@link #IDLE}.
 * <p>
 * All take from one line. Waiters that need no time are served by one thread, however
 * many there are. Those that block keep nobody waiting: a thread that leaves others in
 * the line has another one watch, which serves the next if nobody was served for
 * {@link #PATIENCE}. So there are as many threads as waiters that block at the same time,
 * which is what permits, locks and pools allow.
 */
final class HandOverThreads {

	private static final Duration IDLE = Duration.ofSeconds(5);

	private static final Duration PATIENCE = Duration.ofMillis(1);

	/** How often a thread looks at an empty line before it stops watching. */
	private static final int LOOKS = 20;

	private static final long NOTHING = -1;

	private final ThreadGroup group = outermostGroup();

	// Guarded by this.

	private final Line line = new Line();

	/** The last to come is the first to be called, so that the others may end. */
	private final Deque<Worker> idle = new ArrayDeque<>();

	/** Looks whether the others are blocked; null while there is no need to. */
	private @Nullable Worker watching;

	/** How many waiters were served. */
	private long served;

	/** What the watching thread saw of that at its last look at waiting ones. */
	private long seen = NOTHING;

	/** How many looks have found an empty line since. */
	private int looks;

	private int threads;

	private static ThreadGroup outermostGroup() {
		ThreadGroup group = Thread.currentThread().getThreadGroup();
		while (group.getParent() != null) {
			group = group.getParent();
		}
		return group;
	}

	void take(Waiter waiter) {
		Line one = new Line();
		one.add(waiter);
		takeAll(one);
	}

	/** Serves them in order; those that block let the others go on beside them. */
	void takeAll(Line waiters) {
		Worker called;
		synchronized (this) {
			boolean first = this.line.isEmpty();
			this.line.addAll(waiters);
			if (Thread.currentThread() instanceof Worker) {
				// It comes back for them, unless it blocks before.
				called = watcher();
			}
			else {
				called = this.idle.poll();
				if (called == null && first) {
					called = new Worker();
				}
				// Behind others there is a thread on its way, or one watches.
			}
		}
		call(called);
	}

	/**
	 * Under the lock: who is to watch from now on, to be called; null if nobody is.
	 */
	private @Nullable Worker watcher() {
		if (this.watching != null || this.line.isEmpty()) {
			return null;
		}
		Worker worker = this.idle.poll();
		if (worker == null) {
			worker = new Worker();
		}
		this.watching = worker;
		this.seen = NOTHING;
		this.looks = 0;
		return worker;
	}

	private void call(@Nullable Worker worker) {
		if (worker == null) {
			return;
		}
		if (worker.getState() != Thread.State.NEW) {
			LockSupport.unpark(worker);
			return;
		}
		try {
			worker.start();
		}
		catch (Throwable ex) {
			synchronized (this) {
				if (this.watching == worker) {
					this.watching = null;
				}
			}
			serveOnParallel(ex);
		}
	}

	/** For want of a thread nobody is lost who was granted something. */
	private void serveOnParallel(Throwable reason) {
		ScopeMachine.logger.error("No thread could be started for callers whose turn has come. They go on on "
				+ "Reactor's parallel threads, where they must not block: raise the limit of threads of this "
				+ "process (ulimit -u, the container's pids.max), or start fewer.", reason);
		try {
			Schedulers.parallel().schedule(() -> {
				for (Waiter waiter = first(); waiter != null; waiter = first()) {
					Trampoline.run(waiter);
				}
			});
		}
		catch (Throwable ex) {
			ScopeMachine.logger.error("Nor does a parallel thread take them: they go on with the next ones", ex);
		}
	}

	private synchronized @Nullable Waiter first() {
		this.served++;
		return this.line.poll();
	}

	/** Whom a thread serves next; null if it is not needed any more. */
	private @Nullable Waiter next(Worker worker) {
		while (true) {
			Waiter next = null;
			Worker called = null;
			boolean watches;
			synchronized (this) {
				if (this.watching == worker && isToStopWatching()) {
					this.watching = null;
				}
				watches = this.watching == worker;
				if (!watches) {
					next = first();
					called = watcher();
					if (next == null) {
						this.idle.push(worker);
					}
				}
			}
			call(called);
			if (next != null) {
				return next;
			}
			if (watches) {
				LockSupport.parkNanos(this, PATIENCE.toNanos());
			}
			else if (!isCalledWhileIdle(worker)) {
				return null;
			}
		}
	}

	/**
	 * Under the lock: whether nobody was served since the last look though somebody
	 * waits, or nobody has waited for a while.
	 */
	private boolean isToStopWatching() {
		if (this.line.isEmpty()) {
			this.seen = NOTHING;
			return ++this.looks > LOOKS;
		}
		boolean stuck = this.seen == this.served;
		this.seen = this.served;
		this.looks = 0;
		return stuck;
	}

	private boolean isCalledWhileIdle(Worker worker) {
		long end = System.nanoTime() + IDLE.toNanos();
		while (true) {
			long left = end - System.nanoTime();
			if (left > 0) {
				LockSupport.parkNanos(this, left);
			}
			synchronized (this) {
				if (!this.idle.contains(worker)) {
					return true;
				}
				if (left <= 0) {
					this.idle.remove(worker);
					return false;
				}
			}
		}
	}

	/** Only these may block and yet belong to no caller. */
	private final class Worker extends Thread {

		Worker() {
			super(HandOverThreads.this.group, null, "scoped-async-handover-" + ++HandOverThreads.this.threads, 0,
					false);
			setDaemon(true);
			setPriority(NORM_PRIORITY);
			setContextClassLoader(HandOverThreads.class.getClassLoader());
		}

		@Override
		public void run() {
			for (Waiter waiter = next(this); waiter != null; waiter = next(this)) {
				RunningScope asking = waiter.asking();
				if (asking != null) {
					setContextClassLoader(asking.scopes.classLoader);
				}
				Trampoline.resume(waiter);
				// Of whoever was served, not of the next one.
				interrupted();
				setContextClassLoader(HandOverThreads.class.getClassLoader());
			}
		}

	}

}
