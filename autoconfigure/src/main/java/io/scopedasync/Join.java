package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

/**
 * Tasks in a group of their own, and the body of that group, which waits until a joiner
 * has enough of them.
 */
final class Join<T, R> {

	private final ScopeTasks tasks;

	private final Joiner<T, R> joiner;

	private final List<Mono<? extends T>> work;

	private final Joiner.Joining<T, R> joining;

	/** Guarded by this. */
	private int ended;

	private boolean done;

	/** What went wrong in tasks and was told to the joiner; guarded by this. */
	private final List<Throwable> failures = new ArrayList<>();

	Join(RunningScope scope, Joiner<T, R> joiner, List<Mono<? extends T>> work) {
		this.tasks = scope.tasks(joiner.policy().cancelRest());
		this.joiner = joiner;
		this.work = work;
		this.joining = joiner.begin(work.size());
	}

	Mono<R> result() {
		return Mono.create((sink) -> {
			RunningScope scope = this.tasks.scope;
			Duration limit = this.joiner.timeLimit();
			if (limit != null) {
				sink.onDispose(scope.scopes.clock.schedule(() -> finish(sink), limit));
			}
			// One name for all: there is a meter for each name.
			ScopeSpec spec = this.tasks.spec();
			int index = 0;
			for (Mono<? extends T> one : this.work) {
				int place = index++;
				boolean started = !isDone() && this.tasks.<T>tryStart(spec, (task) -> one,
						(task, exit, value) -> ended(sink, place, task, exit, value)) != null;
				if (!started) {
					return;
				}
			}
			if (index == 0) {
				finish(sink);
			}
		});
	}

	private synchronized boolean isDone() {
		return this.done;
	}

	/** Whether a failure is none of the group's. */
	private boolean ended(MonoSink<R> sink, int index, StartedTask<?> task, Exit exit, @Nullable T value) {
		if (exit instanceof Exit.Failed && !this.tasks.isSupervising()) {
			return false;
		}
		boolean enough;
		Throwable broken = null;
		synchronized (this) {
			if (this.done) {
				// The joiner does not hear of it.
				return false;
			}
			Exit told = withoutCancel(index, task, exit);
			if (told instanceof Exit.Failed failed) {
				this.failures.add(failed.error());
			}
			try {
				enough = this.joining.ended(index, told, value) || ++this.ended == this.work.size();
			}
			catch (Throwable ex) {
				this.done = true;
				broken = ex;
				enough = false;
			}
		}
		if (broken != null) {
			fail(sink, broken);
		}
		else if (enough) {
			finish(sink);
		}
		return true;
	}

	/** Nobody meant it to be cancelled before there is enough: it has failed. */
	private Exit withoutCancel(int index, StartedTask<?> task, Exit exit) {
		if (exit instanceof Exit.Cancelled cancelled) {
			String name = this.tasks.scope.spec.name;
			return Exit.failed(Unheard.addTo(
					new ScopeClosedException(name,
							"Task " + index + " of '" + name + "' was cancelled: " + cancelled.reason() + "."),
					task.scope()));
		}
		return exit;
	}

	/** With all that went wrong, also where the joiner has left something out. */
	private void fail(MonoSink<R> sink, Throwable error) {
		List<Throwable> failures;
		synchronized (this) {
			failures = List.copyOf(this.failures);
		}
		for (Throwable failure : failures) {
			if (!Errors.attach(error, failure)) {
				this.tasks.scope.undelivered(failure);
			}
		}
		sink.error(error);
	}

	private void finish(MonoSink<R> sink) {
		R result = null;
		Throwable error = null;
		synchronized (this) {
			if (this.done) {
				return;
			}
			this.done = true;
			try {
				result = this.joining.result();
			}
			catch (Throwable ex) {
				error = ex;
			}
		}
		if (error != null) {
			fail(sink, error);
		}
		else {
			sink.success(result);
		}
	}

}
