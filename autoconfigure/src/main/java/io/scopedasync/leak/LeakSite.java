package io.scopedasync.leak;

import java.time.Instant;
import java.util.List;

/**
 * What was reported of one reason and one name.
 *
 * @param reason the reason
 * @param name the scope's name, or the resource's
 * @param count how many were reported
 * @param recovered how many of them ended after all
 * @param last when the latest was reported
 * @param advice what to do about it
 * @param latest some of the latest, at most {@value #KEPT}
 */
public record LeakSite(LeakReason reason, String name, long count, long recovered, Instant last, String advice,
		List<Leak> latest) {

	static final int KEPT = 4;

}
