package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * The front without a body: open until closed by hand.
 */
class OpenScope extends RunningScope {

	OpenScope(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	void open(@Nullable RunningScope parent) {
		start(parent);
		if (state() == State.CLOSED && end() instanceof Exit.Failed refused) {
			throw (RuntimeException) refused.error();
		}
	}

	/**
	 * What takes the place of a scope that was lost, to release what that one held.
	 */
	static OpenScope inPlaceOf(OpenRecord lost, @Nullable RunningScope parent) {
		OpenScope scope = new OpenScope(lost.scopes, ScopeSpec.of(lost.spec.name()));
		if (lost.carried != null) {
			scope.extras().carried = lost.carried;
		}
		if (lost.observed != null) {
			scope.extras().observed = lost.observed;
		}
		scope.since = lost.since;
		Trace trace = new Trace(lost.thread, lost.callSite);
		scope.trace = trace;
		scope.shared = true;
		// Also while an application closes, which refuses those that begin.
		lost.scopes.open.add(scope);
		trace.id = lost.id;
		if (parent != null) {
			parent.adopt(scope);
		}
		scope.run();
		for (OpenRecord.Held held : lost.held()) {
			scope.own(held.resource, (held.value != null) ? held.value : scope);
		}
		return scope;
	}

	@Override
	boolean isByHand() {
		return true;
	}

	@Override
	Context callerContext() {
		return Context.empty();
	}

	@Override
	void startBody() {
		// Open until somebody closes it.
	}

	@Override
	boolean cancelBody() {
		return true;
	}

	@Override
	void forgetResult() {
		// There is none.
	}

	@Override
	boolean deliver(Exit end) {
		// Whoever closes it hears of the error, see settled(); a parent or a shutdown
		// that does has no caller.
		return hasListener();
	}

}
