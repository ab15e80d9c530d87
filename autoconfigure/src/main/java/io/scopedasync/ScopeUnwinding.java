package io.scopedasync;

import org.jspecify.annotations.Nullable;

import io.scopedasync.ScopeRecorder.Outcome;

/**
 * How a scope unwinds: from the top of its stack down, each release told how the body
 * ended, each step bounded.
 */
abstract class ScopeUnwinding extends ScopeState {

	ScopeUnwinding(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	/** Everything is released. */
	abstract void settle();

	/**
	 * Nothing of the body runs any more. Scopes inside that have to end are told all at
	 * once, so that they end side by side and share one limit.
	 */
	final void beginUnwinding() {
		turn(UNWINDING);
		ScopeExtras extras = this.extras;
		if (extras == null || extras.stack.top() == null) {
			return;
		}
		for (StackedEntry entry : extras.stack.snapshot()) {
			if (entry.state == CHILD) {
				endInner((RunningScope) entry.value());
			}
		}
	}

	/** One opened by hand ends in its turn instead, as what the others hold does. */
	private void endInner(RunningScope child) {
		if (child.isByHand()) {
			return;
		}
		if (end() instanceof Exit.Cancelled || hasPassedLimit()) {
			child.cancelFromOutside(Exit.cancelled("the scope around it, '" + this.spec.name + "', ended"));
		}
		else if (this.scopes.cancelOutliving && child.phase < SETTLED && !child.isToEnd()) {
			this.scopes.watcher.outlivedParent(child);
			child.cancelFromOutside(Exit.cancelled("it outlived the scope around it, '" + this.spec.name + "'"));
		}
	}

	/** Takes a step; false if there is something to wait for, or nothing left. */
	final boolean releaseNext() {
		ScopeExtras extras = this.extras;
		StackedEntry top = (extras != null) ? extras.stack.top() : null;
		Entry entry = (top != null && !isBeingReleased()) ? top : this;
		switch (entry.state) {
			case CHILD -> {
				return isChildDone(entry);
			}
			case PENDING -> {
				return takeBack(entry);
			}
			case ENDING -> {
				return false;
			}
			case FAILED -> {
				if (entry.move(FAILED, GONE)) {
					failedLate((Throwable) entry.value());
				}
			}
			case ARRIVED -> {
				disarm();
				if (claim(entry, ARRIVED, RELEASING)) {
					entry.release(end());
				}
			}
			case LENT -> {
				// By a scope inside this one that was given up: it keeps what it gets.
				entry.move(LENT, GONE);
			}
			case RELEASING -> {
				// Parts have limits of their own.
				return Parts.in(entry.value) == null && isOverdue(entry) && giveUpRelease(entry);
			}
			case RELEASED -> {
				disarm();
				if (claim(entry, RELEASED, GONE)) {
					afterRelease(entry, entry.value);
				}
			}
			default -> {
				if (entry == this) {
					settle();
					return false;
				}
				extras().stack.remove((StackedEntry) entry);
			}
		}
		return true;
	}

	/** An acquisition failed after the end was decided, which may be why. */
	private void failedLate(Throwable error) {
		if (!(end() instanceof Exit.Cancelled && error instanceof ScopeClosedException)) {
			scope().undelivered(error);
		}
	}

	/**
	 * Ends an acquisition that nobody wants any more; false if it can only be waited for.
	 */
	private boolean takeBack(Entry entry) {
		Acquisition acquisition = entry.acquisition();
		boolean back = entry.withdraw(acquisition);
		if (!back && entry.isMasked(acquisition) && isOverdue(entry) && entry.move(PENDING, ABANDONED)) {
			back = true;
			disarm();
			releaseFailed(new ReleaseTimeoutException(RawResource.name(entry.resource()), releaseTimeout(),
					"The acquisition, waited for by a scope that was cancelled,"));
		}
		if (back) {
			if (acquisition != null) {
				acquisition.abandon();
			}
			entry.abandoned();
			entry.recordAcquired(hasPassedLimit() ? Outcome.TIMEOUT : Outcome.CANCELLED);
		}
		return back || entry.state != PENDING;
	}

	/**
	 * A scope opened under this one: what this one holds may be in use there until it has
	 * settled. One that neither ends nor has to is left to outlive this one, unless that
	 * is forbidden.
	 */
	private boolean isChildDone(Entry entry) {
		RunningScope child = (RunningScope) entry.value();
		endInner(child);
		if (child.isByHand()) {
			child.interrupt(end());
		}
		if (child.phase < SETTLED && child.isToEnd()) {
			Entry own = child.isByHand() ? entry : null;
			if (!isOverdue(own)) {
				return false;
			}
			if (child.isBounded()) {
				// To be looked at again, in case that changes.
				disarm();
				return isOverdue(own);
			}
			this.scopes.watcher.outlivedParent(child);
			releaseFailed(new ReleaseTimeoutException(child.spec.name, releaseTimeout(), "The inner scope"));
		}
		else if (child.phase < SETTLED) {
			this.scopes.watcher.outlivedParent(child);
		}
		entry.set(GONE);
		return true;
	}

	/** The caller goes on, after a close by force where the resource knows one. */
	private boolean giveUpRelease(Entry entry) {
		disarm();
		if (!entry.aborted) {
			String resource = RawResource.name(entry.resource());
			this.scopes.watcher.releaseStuck(scope(), resource);
			releaseFailed(new ReleaseTimeoutException(resource, releaseTimeout(), "The release"));
			entry.recordReleased(Outcome.TIMEOUT);
			if (entry.abort()) {
				return true;
			}
		}
		entry.move(RELEASING, ABANDONED);
		return true;
	}

	private void afterRelease(Entry entry, @Nullable Object result) {
		if (result instanceof Throwable error) {
			releaseFailed(error);
		}
		else if (result instanceof Exit exit && exit != this.end) {
			forgetResult();
			this.end = exit;
		}
		if (!entry.aborted) {
			entry.recordReleased((result instanceof Throwable) ? Outcome.ERROR : Outcome.SUCCESS);
		}
	}

	/**
	 * A release went wrong: after success that is what the caller is told. Java's rule
	 * otherwise: the first error stays.
	 */
	void releaseFailed(Throwable error) {
		if (end() instanceof Exit.Completed) {
			this.end = Exit.failed(error);
		}
		else {
			scope().undelivered(error);
		}
	}

	/**
	 * Whether an entry had its time; the time begins with the first look. Null stands for
	 * all scopes inside that were told to end at once.
	 */
	final boolean isOverdue(@Nullable Entry entry) {
		return extras().isOverdue(entry, this);
	}

	final void disarm() {
		ScopeExtras extras = this.extras;
		if (extras != null) {
			extras.disarm(this);
		}
	}

}
