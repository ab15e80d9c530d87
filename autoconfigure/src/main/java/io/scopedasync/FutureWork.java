package io.scopedasync;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;

/**
 * The body of a task that is a future. Says how that ended also after a cancel, for the
 * scope to judge.
 */
final class FutureWork<T> extends Mono<T> implements Subscription {

	private final RunningScope scope;

	private final Supplier<? extends CompletionStage<? extends T>> work;

	private volatile @Nullable CompletionStage<? extends T> stage;

	private volatile boolean cancelled;

	FutureWork(RunningScope scope, Supplier<? extends CompletionStage<? extends T>> work) {
		this.scope = scope;
		this.work = work;
	}

	@Override
	public void subscribe(CoreSubscriber<? super T> actual) {
		actual.onSubscribe(this);
		if (this.cancelled) {
			return;
		}
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place before = current.bind(this.scope);
		CompletionStage<? extends T> stage;
		try {
			stage = this.work.get();
			if (stage == null) {
				throw new NullPointerException(
						"The work of task '" + this.scope.spec.name + "' returned null: return a CompletionStage.");
			}
		}
		catch (Throwable ex) {
			actual.onError(ex);
			return;
		}
		finally {
			current.bind(before);
		}
		// Before the look: whoever cancels later finds it, whoever did before is seen.
		this.stage = stage;
		if (this.cancelled) {
			cancel();
		}
		stage.whenComplete((value, error) -> ended(actual, value, error));
	}

	private void ended(CoreSubscriber<? super T> actual, @Nullable T value, @Nullable Throwable error) {
		if (error != null) {
			Throwable cause = error.getCause();
			Throwable thrown = (error instanceof CompletionException && cause != null) ? cause : error;
			if (!this.cancelled || !(thrown instanceof CancellationException)) {
				actual.onError(thrown);
			}
			return;
		}
		if (value != null) {
			actual.onNext(value);
		}
		actual.onComplete();
	}

	@Override
	public void request(long n) {
		// It runs already.
	}

	@Override
	public void cancel() {
		this.cancelled = true;
		CompletionStage<? extends T> stage = this.stage;
		if (stage != null) {
			try {
				stage.toCompletableFuture().cancel(true);
			}
			catch (UnsupportedOperationException ex) {
				ScopeState.logger.debug("The future of task '{}' can't be cancelled and runs on", this.scope.spec.name,
						ex);
			}
		}
	}

}
