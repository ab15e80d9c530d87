package io.scopedasync;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * The front of a body that returns a future. Completed by its scope alone; when anybody
 * else completes it, by a cancel or a timeout for instance, the scope ends. Every such
 * way goes through one of the methods below, so no dependent future is needed to notice.
 */
final class ScopeFuture<R> extends CompletableFuture<R> {

	private static final Exit BY_OTHERS = Exit.cancelled("its future was cancelled or completed by somebody else");

	private final Running<R> scope;

	private ScopeFuture(Running<R> scope) {
		this.scope = scope;
	}

	@SuppressWarnings("unchecked")
	static <R> CompletableFuture<R> start(DefaultAsyncScopes scopes, ScopeSpec spec,
			Function<?, ? extends CompletionStage<? extends R>> body) {
		Running<R> running = new Running<>(scopes, spec,
				(Function<Object, ? extends CompletionStage<? extends R>>) body);
		running.start(CurrentScope.ofThread());
		ScopeFuture<R> pending = running.pending;
		return (pending != null) ? pending : running.settledAtOnce();
	}

	private boolean byOthers(boolean completed) {
		if (completed) {
			this.scope.cancelFromOutside(BY_OTHERS);
		}
		return completed;
	}

	private boolean settle(@Nullable R value) {
		return super.complete(value);
	}

	private boolean settleExceptionally(Throwable error) {
		return super.completeExceptionally(error);
	}

	@Override
	public boolean complete(R value) {
		return byOthers(super.complete(value));
	}

	@Override
	public boolean completeExceptionally(Throwable error) {
		return byOthers(super.completeExceptionally(error));
	}

	@Override
	public boolean cancel(boolean mayInterruptIfRunning) {
		byOthers(super.cancel(mayInterruptIfRunning));
		return isCancelled();
	}

	@Override
	public void obtrudeValue(R value) {
		super.obtrudeValue(value);
		byOthers(true);
	}

	@Override
	public void obtrudeException(Throwable error) {
		super.obtrudeException(error);
		byOthers(true);
	}

	@Override
	public CompletableFuture<R> completeAsync(Supplier<? extends R> supplier, Executor executor) {
		executor.execute(() -> {
			try {
				complete(supplier.get());
			}
			catch (Throwable ex) {
				completeExceptionally(ex);
			}
		});
		return this;
	}

	@Override
	public <U> CompletableFuture<U> newIncompleteFuture() {
		return new CompletableFuture<>();
	}

	private static final class Running<R> extends RunningScope {

		private final Function<Object, ? extends CompletionStage<? extends R>> body;

		/** Null until there is something to wait for. */
		private @Nullable ScopeFuture<R> pending;

		private volatile @Nullable CompletionStage<? extends R> stage;

		private @Nullable R result;

		private boolean forgotten;

		Running(DefaultAsyncScopes scopes, ScopeSpec spec,
				Function<Object, ? extends CompletionStage<? extends R>> body) {
			super(scopes, spec);
			this.body = body;
		}

		@Override
		Context callerContext() {
			return Context.empty();
		}

		@Override
		void startBody() {
			CurrentScope current = CurrentScope.slot();
			CurrentScope.Place before = current.bind(this);
			CompletionStage<? extends R> stage;
			try {
				stage = this.body.apply(bodyArgument());
				if (stage == null) {
					throw new NullPointerException(
							"The body of scope '" + this.spec.name + "' returned null: return a CompletionStage.");
				}
			}
			catch (Throwable ex) {
				endedAtOnce(Exit.failed(ex));
				return;
			}
			finally {
				current.bind(before);
			}
			if (stage instanceof CompletableFuture<? extends R> done && done.isDone()
					&& !done.isCompletedExceptionally()) {
				this.result = done.join();
				endedAtOnce(Exit.completed());
				return;
			}
			// Before the look at the end: whoever decides it later cancels the stage,
			// whoever did so earlier is seen here.
			this.stage = stage;
			if (this.end != null) {
				cancelBody();
			}
			stage.whenComplete(this::bodyEnded);
		}

		private void bodyEnded(@Nullable R value, @Nullable Throwable error) {
			if (error == null) {
				this.result = value;
			}
			Exit exit = (error == null) ? Exit.completed() : Exit.failed(unwrap(error));
			if (!ended(exit) && exit instanceof Exit.Failed failed
					&& !(failed.error() instanceof CancellationException)) {
				undelivered(failed.error());
			}
		}

		/** A stage after the one that failed gives its error wrapped. */
		private static Throwable unwrap(Throwable error) {
			Throwable cause = error.getCause();
			return (error instanceof CompletionException && cause != null) ? cause : error;
		}

		@Override
		boolean cancelBody() {
			CompletionStage<? extends R> stage = this.stage;
			if (stage == null) {
				return true;
			}
			try {
				stage.toCompletableFuture().cancel(true);
			}
			catch (UnsupportedOperationException ex) {
				logger.debug("The body's stage in scope '{}' can't be cancelled and runs on", this.spec.name, ex);
			}
			return true;
		}

		@Override
		void forgetResult() {
			// A body that could not be cancelled may still bring one.
			this.forgotten = true;
		}

		@Override
		void beforeWaiting() {
			if (this.pending == null) {
				this.pending = new ScopeFuture<>(this);
			}
		}

		@Override
		boolean deliver(Exit end) {
			ScopeFuture<R> pending = this.pending;
			if (pending == null) {
				// The caller is about to get a future that is done already.
				return true;
			}
			Throwable error = errorOf(end);
			return (error != null) ? pending.settleExceptionally(error) : pending.settle(valueOrNull());
		}

		CompletableFuture<R> settledAtOnce() {
			Throwable error = errorOf(told());
			return (error != null) ? CompletableFuture.failedFuture(error)
					: CompletableFuture.completedFuture(valueOrNull());
		}

		@SuppressWarnings("NullAway") // null is what the body's future brought
		private R valueOrNull() {
			return this.forgotten ? null : this.result;
		}

		private @Nullable Throwable errorOf(Exit end) {
			if (end instanceof Exit.Failed failed) {
				return failed.error();
			}
			return (end instanceof Exit.Cancelled cancelled) ? cancelled(cancelled) : null;
		}

	}

}
