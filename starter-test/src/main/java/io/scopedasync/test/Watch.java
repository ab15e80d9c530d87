package io.scopedasync.test;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.LeakSite;
import io.scopedasync.leak.Leaks;

/**
 * Compares what is there now with what was there when the first of the tests began that
 * run on it at the same time. Guarded by {@link Watches}.
 */
abstract class Watch {

	final Object target;

	/** Those that run now, by id. */
	final Set<String> running = new HashSet<>();

	/** Names of all that ran since the watch began. */
	final Set<String> names = new LinkedHashSet<>();

	/** What all of them expect. */
	final Set<Finding.Expectable> expected = new HashSet<>();

	private Watch(Object target) {
		this.target = target;
	}

	/**
	 * Begins to watch.
	 * @param target scopes or leaks
	 * @param made whether the test made it, so that all it shows is the test's
	 */
	static Watch of(Object target, boolean made) {
		return (target instanceof Leaks leaks) ? new OfLeaks(leaks, made) : new OfScopes((AsyncScopes) target, made);
	}

	final boolean isExpected(Finding finding) {
		return this.expected.contains(finding.expectable());
	}

	/** What is there now and was not before. */
	abstract List<Finding> look();

	private static final class OfScopes extends Watch {

		private final AsyncScopes scopes;

		private final Set<Long> before = new HashSet<>();

		private final List<Finding> lost = new ArrayList<>();

		OfScopes(AsyncScopes scopes, boolean made) {
			super(scopes);
			this.scopes = scopes;
			if (!made) {
				scopes.openScopes().forEach((scope) -> this.before.add(scope.id()));
			}
		}

		@Override
		List<Finding> look() {
			for (Scope scope : this.scopes.takeLost()) {
				if (!this.before.contains(scope.id())) {
					this.lost.add(Finding.reported(Leak.of(LeakReason.LOST, scope)));
				}
				scope.cancel("nobody can reach it any more");
			}
			List<Finding> found = new ArrayList<>(this.lost);
			for (Scope scope : this.scopes.openScopes()) {
				if (!this.before.contains(scope.id()) && scope.state() != Scope.State.CLOSED) {
					found.add(Finding.open(scope));
				}
			}
			return found;
		}

	}

	private static final class OfLeaks extends Watch {

		private final Leaks leaks;

		private final Map<LeakReason, Long> before = new EnumMap<>(LeakReason.class);

		private final Map<String, Long> sitesBefore = new HashMap<>();

		OfLeaks(Leaks leaks, boolean made) {
			super(leaks);
			this.leaks = leaks;
			if (!made) {
				for (LeakReason reason : LeakReason.values()) {
					this.before.put(reason, leaks.count(reason));
				}
				leaks.sites().forEach((site) -> this.sitesBefore.put(key(site), site.count()));
			}
		}

		private static String key(LeakSite site) {
			return site.reason() + " " + site.name();
		}

		@Override
		List<Finding> look() {
			List<Finding> found = new ArrayList<>();
			List<LeakSite> sites = this.leaks.sites();
			for (LeakReason reason : LeakReason.values()) {
				long more = this.leaks.count(reason) - this.before.getOrDefault(reason, 0L);
				for (LeakSite site : (more > 0) ? sites : List.<LeakSite>of()) {
					if (site.reason() == reason) {
						long ofSite = site.count() - this.sitesBefore.getOrDefault(key(site), 0L);
						site.latest().stream().limit(Math.max(0, ofSite)).map(Finding::reported).forEach(found::add);
						more -= Math.min(Math.max(0, ofSite), site.latest().size());
					}
				}
				if (more > 0) {
					found.add(Finding.reported(reason, more));
				}
			}
			return found;
		}

	}

}
