package io.scopedasync;

import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * The body of a task that blocks. Its scope holds the thread and gives it back once the
 * work has returned, so that nothing else is released before.
 */
final class BlockingWork<T> extends Mono<T> implements Subscription, Runnable {

	/** Null before Java 21. */
	private static final @Nullable Executor VIRTUAL = virtualThreads();

	private final RunningScope scope;

	private final Callable<? extends T> work;

	private final Sinks.Empty<Void> returned = Sinks.empty();

	private @Nullable CoreSubscriber<? super T> actual;

	/** Where the work runs, while it does; guarded by this. */
	private @Nullable Thread thread;

	private boolean begun;

	private boolean cancelled;

	private BlockingWork(RunningScope scope, Callable<? extends T> work) {
		this.scope = scope;
		this.work = work;
	}

	static <T> Mono<T> in(RunningScope scope, Callable<? extends T> callable) {
		BlockingWork<T> work = new BlockingWork<>(scope, callable);
		StartedTask<?> task = scope.extras().task;
		if (task != null) {
			task.blocking = work;
		}
		scope.own(new OccupiedThread(work.returned.asMono()), work);
		return work;
	}

	private static @Nullable Executor virtualThreads() {
		try {
			return (Executor) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
		}
		catch (ReflectiveOperationException ex) {
			return null;
		}
	}

	@Override
	public void subscribe(CoreSubscriber<? super T> actual) {
		this.actual = actual;
		actual.onSubscribe(this);
		try {
			if (VIRTUAL != null) {
				VIRTUAL.execute(this);
			}
			else {
				Schedulers.boundedElastic().schedule(this);
			}
		}
		catch (Throwable ex) {
			this.returned.tryEmitEmpty();
			actual.onError(ex);
		}
	}

	@Override
	public void run() {
		synchronized (this) {
			if (this.cancelled) {
				return;
			}
			this.begun = true;
			this.thread = Thread.currentThread();
		}
		if (VIRTUAL != null) {
			Thread.currentThread().setName(this.scope.spec.name);
		}
		try {
			this.scope.carried(this::call, (error) -> answer(null, error, leave()));
		}
		finally {
			this.returned.tryEmitEmpty();
		}
	}

	private void call() {
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place before = current.bind(this.scope);
		T value = null;
		Throwable thrown = null;
		try {
			value = this.work.call();
		}
		catch (Throwable ex) {
			thrown = ex;
		}
		current.bind(before);
		answer(value, thrown, leave());
	}

	/** No interrupt comes after this; tells whether one did. */
	private synchronized boolean leave() {
		this.thread = null;
		// The thread is for others next.
		Thread.interrupted();
		return this.cancelled;
	}

	private void answer(@Nullable T value, @Nullable Throwable thrown, boolean cancelled) {
		CoreSubscriber<? super T> actual = this.actual;
		if (actual == null || (cancelled && thrown instanceof InterruptedException)) {
			return;
		}
		if (thrown != null) {
			actual.onError(thrown);
			return;
		}
		if (value != null) {
			actual.onNext(value);
		}
		actual.onComplete();
	}

	/** Without a thread it is about to begin, or has ended. */
	synchronized boolean mayWait() {
		return this.thread != null && ScopeState.mayWait(this.thread);
	}

	synchronized boolean hasInterrupted(Thread thread) {
		return this.cancelled && this.thread == thread;
	}

	@Override
	public void request(long n) {
		// It runs already.
	}

	@Override
	public void cancel() {
		synchronized (this) {
			this.cancelled = true;
			if (this.begun) {
				if (this.thread != null) {
					this.thread.interrupt();
				}
				return;
			}
		}
		// It never begins.
		this.returned.tryEmitEmpty();
	}

	/** The thread, until the work has returned. */
	private record OccupiedThread(Mono<Void> returned) implements AsyncResource<Object>, TaskResource {

		@Override
		public Mono<Object> acquire() {
			throw new IllegalStateException("it is there already");
		}

		@Override
		public Mono<Void> release(Object work, Exit exit) {
			return this.returned;
		}

		@Override
		public String name() {
			return "thread";
		}

	}

}
