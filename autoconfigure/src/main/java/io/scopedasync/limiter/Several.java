package io.scopedasync.limiter;

import io.scopedasync.DirectResource;
import io.scopedasync.Waiter;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/** The limiter asked for more than one permit. */
final class Several extends DirectResource<Permit> {

	private final Limiter limiter;

	private final Permit permit;

	Several(Limiter limiter, int permits) {
		super(limiter.name());
		this.limiter = limiter;
		this.permit = new Permit(limiter, permits, false);
	}

	@Override
	protected @Nullable Permit attempt(Waiter waiter) {
		return this.limiter.attempt(waiter, this.permit.permits()) ? this.permit : null;
	}

	@Override
	protected boolean withdraw(Waiter waiter) {
		return this.limiter.withdraw(waiter);
	}

	@Override
	protected void giveBack(Permit permit) {
		this.limiter.giveBack(permit);
	}

	@Override
	protected int units() {
		return this.permit.permits();
	}

	@Override
	protected Standing standing() {
		return this.limiter.standing();
	}

	@Override
	public @Nullable Duration leakThreshold() {
		return this.limiter.leakThreshold();
	}

	@Override
	public Object identity() {
		return this.limiter;
	}

}
