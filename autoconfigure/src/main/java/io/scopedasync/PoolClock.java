package io.scopedasync;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;

/**
 * The clock of scopes as pools read it, for the ages of what they keep. Its days are not
 * those of the calendar.
 */
final class PoolClock extends Clock {

	private final ScopeClock clock;

	PoolClock(ScopeClock clock) {
		this.clock = clock;
	}

	@Override
	public ZoneId getZone() {
		return ZoneOffset.UTC;
	}

	@Override
	public Clock withZone(ZoneId zone) {
		return this;
	}

	@Override
	public long millis() {
		return TimeUnit.NANOSECONDS.toMillis(this.clock.nanos());
	}

	@Override
	public Instant instant() {
		return Instant.ofEpochMilli(millis());
	}

}
