package io.scopedasync.test;

import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * All that is watched by tests that run now. Whoever is the last to leave a watch judges
 * it for all that were there.
 */
final class Watches {

	private static final long BETWEEN_LOOKS = TimeUnit.MILLISECONDS.toNanos(2);

	private final Map<Object, Watch> byTarget = new IdentityHashMap<>();

	/**
	 * Has a test take part in watching something, if it does not already.
	 * @param target scopes or leaks
	 * @param made whether the test made it, so that all it shows is the test's
	 * @param test the test
	 */
	synchronized void enter(Object target, boolean made, WatchedTest test) {
		if (test.watches().stream().noneMatch((watch) -> watch.target == target)) {
			Watch watch = this.byTarget.computeIfAbsent(target, (key) -> Watch.of(key, made));
			watch.running.add(test.id());
			watch.names.add(test.name());
			watch.expected.addAll(test.expected());
			test.watches().add(watch);
		}
	}

	/**
	 * Leaves a watch, at the latest at the deadline: what a test has just ended may take
	 * a moment.
	 * @return what is there that was not before, for the last test to leave; nothing for
	 * others
	 */
	List<Finding> leave(Watch watch, WatchedTest test, long deadline) {
		while (true) {
			synchronized (this) {
				if (watch.running.size() > 1) {
					watch.running.remove(test.id());
					return List.of();
				}
				List<Finding> found = watch.look();
				if (found.stream().allMatch(watch::isExpected) || System.nanoTime() - deadline >= 0) {
					this.byTarget.remove(watch.target);
					return found;
				}
			}
			LockSupport.parkNanos(BETWEEN_LOOKS);
		}
	}

	/**
	 * Waits until everything is there that a test expects, or until the deadline.
	 * @return what is missing
	 */
	Set<Finding.Expectable> awaitAll(WatchedTest test, long deadline) {
		while (true) {
			Set<Finding.Expectable> missing = new LinkedHashSet<>(test.expected());
			if (!missing.isEmpty()) {
				synchronized (this) {
					test.watches()
						.forEach((watch) -> watch.look().forEach((finding) -> missing.remove(finding.expectable())));
				}
			}
			if (missing.isEmpty() || System.nanoTime() - deadline >= 0) {
				return missing;
			}
			LockSupport.parkNanos(BETWEEN_LOOKS);
		}
	}

}
