package io.scopedasync;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

/**
 * A task whose starter waits for an answer: its result, or that it is ready. Until it has
 * given one it belongs to the starter.
 */
final class AskedTask<T> implements StartedTask.Watch<Object>, Consumer<T> {

	private enum State {

		ASKED, ANSWERED, GONE

	}

	private final ScopeTasks group;

	private final ScopeSpec spec;

	private final MonoSink<T> sink;

	private final boolean forResult;

	private final AtomicReference<State> state = new AtomicReference<>(State.ASKED);

	private AskedTask(ScopeTasks group, ScopeSpec spec, MonoSink<T> sink, boolean forResult) {
		this.group = group;
		this.spec = spec;
		this.sink = sink;
		this.forResult = forResult;
	}

	static <T> Mono<T> ready(ScopeTasks group, ScopeSpec spec,
			Function<? super Consumer<? super T>, ? extends Mono<?>> body) {
		return Mono.create((sink) -> {
			AskedTask<T> asked = new AskedTask<>(group, spec, sink, false);
			asked.start((scope) -> body.apply(asked));
		});
	}

	static <T> Mono<T> result(ScopeTasks group, ScopeSpec spec,
			Function<? super Scope, ? extends Mono<? extends T>> body) {
		return Mono.create((sink) -> new AskedTask<>(group, spec, sink, true).start(body));
	}

	private void start(Function<? super Scope, ? extends Mono<?>> body) {
		StartedTask<Object> task = this.group.tryStart(this.spec, body, this);
		if (task == null) {
			this.sink.error(this.group.refusal(this.spec.name));
			return;
		}
		this.sink.onCancel(() -> {
			if (this.state.compareAndSet(State.ASKED, State.GONE)) {
				task.endWithGroup(Exit.cancelled("whoever had asked for it went away"));
			}
		});
	}

	/** It is ready. */
	@Override
	public void accept(T value) {
		if (this.state.compareAndSet(State.ASKED, State.ANSWERED)) {
			this.sink.success(value);
		}
		else if (this.state.get() == State.ANSWERED) {
			throw new IllegalStateException("Task '" + this.spec.name + "' was ready already: say so once.");
		}
	}

	@Override
	@SuppressWarnings("unchecked")
	public boolean ended(StartedTask<?> task, Exit exit, @Nullable Object value) {
		if (this.state.compareAndSet(State.ASKED, State.ANSWERED)) {
			if (exit instanceof Exit.Failed failed) {
				this.sink.error(failed.error());
			}
			else if (exit instanceof Exit.Cancelled cancelled) {
				this.sink.error(Unheard.addTo(
						new ScopeClosedException(this.spec.name,
								"Task '" + this.spec.name + "' was cancelled: " + cancelled.reason() + "."),
						task.scope()));
			}
			else if (this.forResult) {
				this.sink.success((T) value);
			}
			else {
				this.sink.error(new IllegalStateException(
						"Task '" + this.spec.name + "' ended without being ready: call what it is given before that."));
			}
			return true;
		}
		if (this.state.get() == State.GONE) {
			if (exit instanceof Exit.Failed failed) {
				this.group.scope.undelivered(failed.error());
			}
			return exit instanceof Exit.Failed;
		}
		return false;
	}

}
