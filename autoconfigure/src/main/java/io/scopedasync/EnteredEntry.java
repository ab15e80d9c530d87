package io.scopedasync;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

/**
 * A resource that the body entered. Whoever asked may go away while it is acquired; then
 * it is released as soon as it is there, and not at the end of the scope.
 */
final class EnteredEntry<T> extends StackedEntry {

	@SuppressWarnings("rawtypes")
	private static final AtomicIntegerFieldUpdater<EnteredEntry> ANSWERED = AtomicIntegerFieldUpdater
		.newUpdater(EnteredEntry.class, "answered");

	private final MonoSink<T> sink;

	/** 1 once whoever asked has an answer: what was noted may be looked at twice. */
	private volatile int answered;

	private volatile boolean unwanted;

	private volatile boolean releasedEarly;

	EnteredEntry(RunningScope scope, AsyncResource<T> resource, MonoSink<T> sink) {
		super(scope, resource);
		this.sink = sink;
	}

	void begin() {
		RunningScope scope = this.scope;
		// Pending from the first moment on: a scope that ends now waits for what comes of
		// it.
		set(PENDING);
		if (scope.isCancelled() || !scope.pushUnlessEnding(this)) {
			refuse();
			// Its driver may have seen this entry and be waiting for it.
			scope.drive();
			return;
		}
		this.sink.onCancel(this::giveUp);
		if (this.unwanted && move(PENDING, GONE)) {
			leave();
			return;
		}
		if (this.state == PENDING) {
			scope.carried(this::acquire, this::failed);
		}
		if (this.state != PENDING) {
			resume();
		}
		else if (this.unwanted) {
			// The cancel may have come before there was anything to take back,
			giveUp();
		}
		else if (scope.isEnding()) {
			// and so may the end of the scope.
			scope.drive();
		}
	}

	/** Its scope's own thread runs the body. */
	@Override
	@Nullable OwnThread home() {
		return null;
	}

	private void refuse() {
		if (!this.unwanted) {
			if (this.scope.phase == ScopeMachine.SETTLED) {
				this.scope.scopes.watcher.usedAfterClose(this.scope.name(),
						"the scope, for '" + RawResource.name(resource()) + "',");
			}
			this.sink.error(new ScopeClosedException(this.scope.name(),
					"Scope '" + this.scope.name() + "' is ending and takes nothing more: enter '"
							+ RawResource.name(resource()) + "' before its body ends."));
		}
	}

	private void giveUp() {
		if (this.answered != 0) {
			return;
		}
		this.unwanted = true;
		Acquisition acquisition = acquisition();
		if (this.state == PENDING && withdraw(acquisition)) {
			if (acquisition != null) {
				acquisition.abandon();
			}
			recordAcquired(ScopeRecorder.Outcome.CANCELLED);
			leave();
		}
	}

	private void leave() {
		this.scope.extras().stack.remove(this);
		this.scope.drive();
	}

	@Override
	@SuppressWarnings("unchecked")
	void resume() {
		RunningScope scope = this.scope;
		if (!ANSWERED.compareAndSet(this, 0, 1)) {
			scope.drive();
			return;
		}
		// Before the state: the scope may end at any moment, and the release then puts
		// its
		// result where the value was.
		Object value = this.value;
		VarHandle.acquireFence();
		int now = this.state;
		if (now == FAILED && move(FAILED, GONE)) {
			Throwable error = (Throwable) value();
			recordAcquired(ScopeExtras.outcomeOf(error));
			leave();
			if (this.unwanted) {
				scope.undelivered(error);
			}
			else {
				this.sink.error(error);
			}
		}
		else if ((now == ARRIVED || now == JOINED) && this.unwanted) {
			releaseEarly();
		}
		else if ((now == ARRIVED || now == JOINED || now == GONE) && value != null && !scope.isEnding()) {
			// Gone if a transfer was faster, which recorded it: held by another scope.
			if (now != GONE) {
				recordAcquired(ScopeRecorder.Outcome.SUCCESS);
				scope.holds(this);
				try {
					scope.bringContext(this);
				}
				catch (Throwable ex) {
					undo(Exceptions.unwrap(ex));
					return;
				}
			}
			this.sink.success((T) RawResource.view(resource(), value));
		}
		else {
			// The scope ended first and answers for it.
			refuse();
			scope.drive();
		}
	}

	@Override
	void abandoned() {
		if (ANSWERED.compareAndSet(this, 0, 1)) {
			refuse();
		}
	}

	/** Who asked can't use it. */
	private void undo(Throwable error) {
		Holding early = Holding.part(this.scope, Holding.Holder.NOBODY);
		early.begin(this.scope, this);
		Mono<Void> settled = early.settled();
		early.interrupt(Exit.failed(error));
		settled.subscribe(null, (ignored) -> this.sink.error(error), () -> this.sink.error(error));
	}

	private void releaseEarly() {
		if (move(ARRIVED, RELEASING)) {
			this.releasedEarly = true;
			this.scope.holdsNoMore(this);
			Exit end = this.scope.end;
			Exit exit = (end != null) ? end : Exit.cancelled("not wanted any more");
			this.scope.releaseCarried(() -> release(exit));
			if (this.state == RELEASED) {
				released();
			}
		}
		else if (move(JOINED, GONE)) {
			leave();
		}
		else {
			this.scope.drive();
		}
	}

	@Override
	void released() {
		Object result = this.value;
		if (this.releasedEarly && move(RELEASED, GONE)) {
			if (result instanceof Throwable error) {
				recordReleased(ScopeRecorder.Outcome.ERROR);
				this.scope.undelivered(error);
			}
			else {
				recordReleased(ScopeRecorder.Outcome.SUCCESS);
			}
			leave();
		}
		else {
			this.scope.drive();
		}
	}

}
