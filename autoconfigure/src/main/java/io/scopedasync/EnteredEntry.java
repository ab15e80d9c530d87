package io.scopedasync;

import reactor.core.publisher.MonoSink;

/**
 * A resource that the body entered. Whoever asked may go away while it is acquired; then
 * it is released as soon as it is there, and not at the end of the scope.
 */
final class EnteredEntry<T> extends StackedEntry {

	private final MonoSink<T> sink;

	private volatile boolean unwanted;

	EnteredEntry(RunningScope scope, AsyncResource<T> resource, MonoSink<T> sink) {
		super(scope, resource);
		this.sink = sink;
	}

	void begin() {
		RunningScope scope = this.scope;
		// Pending from the first moment on: a scope that ends now waits for what comes of
		// it.
		set(PENDING);
		if (!scope.pushUnlessEnding(this)) {
			this.sink.error(closed());
			return;
		}
		this.sink.onCancel(this::giveUp);
		acquire();
		if (this.state != PENDING) {
			resume();
		}
	}

	private ScopeClosedException closed() {
		return new ScopeClosedException(this.scope.name(), "Scope '" + this.scope.name()
				+ "' is ending and takes nothing more: enter '" + resource().name() + "' before its body ends.");
	}

	private void giveUp() {
		this.unwanted = true;
		if (this.state == PENDING && withdraw()) {
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
		switch (this.state) {
			case FAILED -> {
				Throwable error = (Throwable) value();
				if (move(FAILED, GONE)) {
					recordAcquired(ScopeExtras.outcomeOf(error));
					leave();
					if (this.unwanted) {
						scope.undelivered(error);
					}
					else {
						this.sink.error(error);
					}
				}
			}
			case ARRIVED, JOINED -> {
				if (this.unwanted) {
					releaseEarly();
				}
				else if (scope.isEnding()) {
					this.sink.error(closed());
					scope.drive();
				}
				else {
					recordAcquired(ScopeRecorder.Outcome.SUCCESS);
					this.sink.success((T) RawResource.view(resource(), value()));
				}
			}
			default -> {
				// The scope ended first and answered for it.
				this.sink.error(closed());
				scope.drive();
			}
		}
	}

	@Override
	void abandoned() {
		this.sink.error(closed());
	}

	private void releaseEarly() {
		if (move(ARRIVED, RELEASING)) {
			release(Exit.cancelled("not wanted any more"));
			if (this.state == RELEASED) {
				released();
			}
		}
		else if (move(JOINED, GONE)) {
			leave();
		}
	}

	@Override
	void released() {
		Object result = this.value;
		if (this.unwanted && move(RELEASED, GONE)) {
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
