package io.scopedasync;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import io.scopedasync.ContextCarrier.Restored;
import io.scopedasync.ScopeRecorder.Outcome;

/**
 * Something that is told of scopes, which goes wrong without harm to them: what it throws
 * is logged, the first time as a warning, and the scope goes on as if it had been told.
 */
final class Guarded {

	private static final Restored NOTHING = () -> {
	};

	private final String name;

	private final AtomicBoolean warned = new AtomicBoolean();

	private Guarded(Object told) {
		this.name = told.getClass().getName();
	}

	static ScopeRecorder recorder(ScopeRecorder recorder) {
		return (recorder != ScopeRecorder.NOOP) ? new Recorder(recorder) : recorder;
	}

	static ScopeObserver observer(ScopeObserver observer) {
		return (observer != ScopeObserver.NONE) ? new Observer(observer) : observer;
	}

	static ScopeWatcher watcher(ScopeWatcher watcher) {
		return (watcher != ScopeWatcher.NONE) ? new Watcher(watcher) : watcher;
	}

	static CallSiteSampler sampler(CallSiteSampler sampler) {
		if (sampler == CallSiteSampler.NONE) {
			return sampler;
		}
		Guarded guarded = new Guarded(sampler);
		return (scope) -> {
			try {
				return sampler.samples(scope);
			}
			catch (Throwable ex) {
				guarded.failed(ex);
				return false;
			}
		};
	}

	/** What was restored is taken away again, as far as that works. */
	static void close(@Nullable Restored restored) {
		if (restored != null) {
			try {
				restored.close();
			}
			catch (Throwable ex) {
				warn(() -> "Thread locals could not be put back as they were; the scope goes on", ex);
			}
		}
	}

	private void failed(Throwable error) {
		if (this.warned.compareAndSet(false, true)) {
			warn(() -> this.name + " failed. Scopes go on, what it was to be told may be missing; further failures are "
					+ "logged at debug level", error);
		}
		else if (ScopeState.logger.isDebugEnabled()) {
			ScopeState.logger.debug("{} failed again", this.name, error);
		}
	}

	/** An error is somebody else's code, and so is its message. */
	static void warn(Supplier<String> message, Throwable error) {
		try {
			ScopeState.logger.warn(message.get(), error);
		}
		catch (Throwable ex) {
			ScopeState.logger.warn("{}: {}, which can't be logged", message.get(), error.getClass().getName());
		}
	}

	private static final class Recorder implements ScopeRecorder {

		private final ScopeRecorder recorder;

		private final Guarded guarded;

		Recorder(ScopeRecorder recorder) {
			this.recorder = recorder;
			this.guarded = new Guarded(recorder);
		}

		@Override
		public void acquired(String resource, Outcome outcome, long nanos) {
			try {
				this.recorder.acquired(resource, outcome, nanos);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public void released(String resource, Outcome outcome, long nanos) {
			try {
				this.recorder.released(resource, outcome, nanos);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public void closed(String scope, Exit exit, long nanos) {
			try {
				this.recorder.closed(scope, exit, nanos);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public void undelivered(String scope, Throwable error) {
			try {
				this.recorder.undelivered(scope, error);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

	}

	private static final class Observer implements ScopeObserver {

		private final ScopeObserver observer;

		private final Guarded guarded;

		Observer(ScopeObserver observer) {
			this.observer = observer;
			this.guarded = new Guarded(observer);
		}

		@Override
		public @Nullable Observed begin(String scope, ContextView caller, @Nullable Observed around) {
			try {
				Observed outer = (around instanceof Followed followed) ? followed.observed : around;
				Observed observed = this.observer.begin(scope, caller, outer);
				return (observed != null) ? new Followed(observed, this.guarded) : null;
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
				return null;
			}
		}

	}

	private record Followed(ScopeObserver.Observed observed, Guarded guarded) implements ScopeObserver.Observed {

		@Override
		public Restored open() {
			try {
				return guarded(this.observed.open());
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
				return NOTHING;
			}
		}

		@Override
		public Context write(Context context) {
			try {
				return this.observed.write(context);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
				return context;
			}
		}

		@Override
		public void acquired(String resource, Outcome outcome) {
			try {
				this.observed.acquired(resource, outcome);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public void released(String resource, Outcome outcome) {
			try {
				this.observed.released(resource, outcome);
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public Restored closed(long id, Exit exit) {
			try {
				return guarded(this.observed.closed(id, exit));
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
				return NOTHING;
			}
		}

		private Restored guarded(Restored restored) {
			return () -> {
				try {
					restored.close();
				}
				catch (Throwable ex) {
					this.guarded.failed(ex);
				}
			};
		}

	}

	private static final class Watcher implements ScopeWatcher {

		private final ScopeWatcher watcher;

		private final Guarded guarded;

		Watcher(ScopeWatcher watcher) {
			this.watcher = watcher;
			this.guarded = new Guarded(watcher);
		}

		private void tell(Runnable event) {
			try {
				event.run();
			}
			catch (Throwable ex) {
				this.guarded.failed(ex);
			}
		}

		@Override
		public void releaseStuck(Scope scope, String resource) {
			tell(() -> this.watcher.releaseStuck(scope, resource));
		}

		@Override
		public void late(Scope scope, String resource) {
			tell(() -> this.watcher.late(scope, resource));
		}

		@Override
		public void outlivedParent(Scope child) {
			tell(() -> this.watcher.outlivedParent(child));
		}

		@Override
		public void usedAfterClose(String scope, String what) {
			tell(() -> this.watcher.usedAfterClose(scope, what));
		}

		@Override
		public void releasedTwice(String resource) {
			tell(() -> this.watcher.releasedTwice(resource));
		}

		@Override
		public void unreadBody(String resource, String request) {
			tell(() -> this.watcher.unreadBody(resource, request));
		}

	}

}
