package io.scopedasync.leak;

import java.time.Duration;
import java.time.Instant;

/**
 * That something was reported, or recovered.
 *
 * @param at when
 * @param reason the reason of the leak
 * @param name the scope's name, or the resource's
 * @param id the scope's number, 0 if it has none
 * @param age how long the scope was open
 * @param recovered whether it ended after all, having been reported before
 */
public record LeakEvent(Instant at, LeakReason reason, String name, long id, Duration age, boolean recovered) {

	static LeakEvent of(Leak leak, Duration age, boolean recovered) {
		return new LeakEvent(Instant.now(), leak.reason(), leak.scope(), leak.id(), age, recovered);
	}

}
