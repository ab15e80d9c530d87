package io.scopedasync.test;

import java.time.Duration;
import java.util.List;
import java.util.Set;

/**
 * A test that runs now.
 *
 * @param id unique among all tests
 * @param name for people
 * @param expected what it is to leave behind
 * @param grace how long what is about to end is waited for
 * @param annotated whether somebody asked for it to be watched
 * @param watches all it takes part in
 */
record WatchedTest(String id, String name, Set<Finding.Expectable> expected, Duration grace, boolean annotated,
		List<Watch> watches) {
}
