package io.scopedasync.leak;

import io.scopedasync.Scope;
import io.scopedasync.ScopeWatcher;

/**
 * Reports as leaks what scopes and resources notice themselves.
 */
public final class LeakWatcher implements ScopeWatcher {

	private final Leaks leaks;

	/**
	 * Creates the watcher.
	 * @param leaks where to report
	 */
	public LeakWatcher(Leaks leaks) {
		this.leaks = leaks;
	}

	@Override
	public void releaseStuck(Scope scope, String resource) {
		this.leaks.report(Leak.of(LeakReason.RELEASE_STUCK, scope, "given up on '" + resource + "'"),
				"It did not end within scoped-async.release-timeout, its caller goes on: look what the release of '"
						+ resource + "' waits for.");
	}

	@Override
	public void late(Scope scope, String resource) {
		this.leaks.report(Leak.of(LeakReason.LATE, scope, "'" + resource + "' came too late and was released"),
				"Its acquisition delivers after its cancel or its limit: look how '" + resource + "' is acquired.");
	}

	@Override
	public void outlivedParent(Scope child) {
		this.leaks.report(Leak.of(LeakReason.OUTLIVED_PARENT, child),
				"The scope around it has ended, and releases what this one may be using: have the outer body wait for it.");
	}

	@Override
	public void usedAfterClose(String scope, String what) {
		this.leaks.report(Leak.of(LeakReason.AFTER_CLOSE, scope, what + " was used after the end"),
				"Whoever used it has an error: have the body's result wait for all that uses it.");
	}

	@Override
	public void releasedTwice(String resource) {
		this.leaks.report(Leak.of(LeakReason.DOUBLE_RELEASE, resource, "given back twice"),
				"Whoever did it has an error: a scope gives back by itself, and what was taken by hand is closed once.");
	}

	@Override
	public void unreadBody(String resource, String request) {
		this.leaks.report(Leak.of(LeakReason.UNREAD_BODY, resource, "nobody read the body of " + request),
				"Read it, or release it with toBodilessEntity() or releaseBody().");
	}

}
