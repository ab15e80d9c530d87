package io.scopedasync.sync;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

import io.scopedasync.QueuedResource;
import io.scopedasync.Waiter;

/**
 * What locks are made of: units, each with the {@link Hold} of its owner. Nobody gives
 * back what he does not own.
 */
abstract class OwnedResource extends QueuedResource<Hold> {

	OwnedResource(LockBuilder<?> settings, int total) {
		super(settings, total);
	}

	final @Nullable Hold tryTake(int units) {
		return take(units) ? new Hold(this, units, true) : null;
	}

	final @Nullable Hold attempt(Waiter waiter, int units) {
		return takeOrQueue(waiter, units) ? new Hold(this, units, false) : null;
	}

	/** For those of this package who hand on what they are asked. */
	@Override
	protected boolean withdraw(Waiter waiter) {
		return super.withdraw(waiter);
	}

	@Override
	protected Standing standing() {
		return super.standing();
	}

	@Override
	protected void giveBack(Hold hold) {
		if (hold.lock() != this) {
			throw hold.lock().notOwned("was given back to lock '" + name() + "', which it is none of.");
		}
		if (!hold.end()) {
			throw notOwned("was given back already: close each hold once.");
		}
		free(hold.units());
	}

	final IllegalStateException notOwned(String what) {
		releasedTwice();
		return new IllegalStateException("This hold of lock '" + name() + "' " + what);
	}

	@Override
	protected boolean grant(Waiter waiter, int units) {
		waiter.grant(new Hold(this, units, false));
		return true;
	}

	@Override
	protected String rejected(int waiting) {
		return "Lock '" + name() + "' rejected a call: it is held and " + waiting + " callers wait already, " + waiting
				+ " may. Raise max-waiting, or call less.";
	}

	@Override
	protected String timedOut(Duration timeout) {
		return "Lock '" + name() + "' did not become free within " + timeout.toMillis() + " ms: " + counts().pending()
				+ " wait for it. Raise acquire-timeout, or find out who holds it for so long.";
	}

	@Override
	protected String beyond(int units, int total) {
		return "Lock '" + name() + "' was asked for " + units + " of " + total + " units.";
	}

}
