package io.scopedasync;

import org.jspecify.annotations.Nullable;

/** An entry of its own beside the scope that is its first. */
class StackedEntry extends Entry {

	volatile RunningScope scope;

	@Nullable StackedEntry below;

	@Nullable StackedEntry above;

	private OpenRecord.@Nullable Held noted;

	StackedEntry(RunningScope scope, @Nullable AsyncResource<?> resource) {
		super(resource);
		this.scope = scope;
	}

	@Override
	final RunningScope scope() {
		return this.scope;
	}

	@Override
	final OpenRecord.@Nullable Held noted() {
		return this.noted;
	}

	@Override
	final void note(OpenRecord.Held held) {
		this.noted = held;
	}

	@Override
	@Nullable OwnThread home() {
		return this.scope.home();
	}

	@Override
	final void noteBeginning() {
		DefaultAsyncScopes scopes = this.scope.scopes;
		if (scopes.timed) {
			this.since = scopes.clock.nanos();
		}
	}

	/** Whoever entered it may be gone by the time it arrives. */
	@Override
	final void arrivedAtOnce(Object value) {
		arrived(value);
	}

	/**
	 * The scope that this entry stands for has settled; its parent may be waiting for
	 * that.
	 */
	final void childSettled() {
		set(GONE);
		RunningScope parent = this.scope;
		parent.extras().stack.remove(this);
		if (this.value instanceof RunningScope child && child.hasPassedLimit()) {
			// The error may not have got through to the end of the parent's body.
			parent.readAhead();
		}
		if (parent.phase == ScopeMachine.UNWINDING) {
			parent.driveFlat();
		}
	}

}
