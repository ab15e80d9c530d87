package io.scopedasync;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Writes down what scopes tell their recorder and their watcher.
 */
final class Told implements ScopeRecorder, ScopeWatcher {

	/** What was acquired and released, and how that ended. */
	final Queue<String> recorded = new ConcurrentLinkedQueue<>();

	/** Which scopes ended, and how. */
	final Queue<String> closed = new ConcurrentLinkedQueue<>();

	final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	/** Which acquisitions were late and which releases stuck. */
	final List<String> watched = new CopyOnWriteArrayList<>();

	/** The names of those that outlived the scope around them. */
	final List<String> outlived = new CopyOnWriteArrayList<>();

	@Override
	public void acquired(String resource, Outcome outcome, long nanos) {
		this.recorded.add("acquired " + resource + " " + outcome);
	}

	@Override
	public void released(String resource, Outcome outcome, long nanos) {
		this.recorded.add("released " + resource + " " + outcome);
	}

	@Override
	public void closed(String scope, Exit exit, long nanos) {
		this.closed.add(scope + " " + exit);
	}

	@Override
	public void undelivered(String scope, Throwable error) {
		this.undelivered.add(error);
	}

	@Override
	public void late(Scope scope, String resource) {
		this.watched.add("late " + resource);
	}

	@Override
	public void releaseStuck(Scope scope, String resource) {
		this.watched.add("stuck " + scope.name() + " " + resource);
	}

	@Override
	public void outlivedParent(Scope child) {
		this.outlived.add(child.name());
	}

}
