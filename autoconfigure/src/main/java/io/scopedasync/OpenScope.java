package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * The front without a body: open until closed by hand.
 */
final class OpenScope extends RunningScope {

	OpenScope(DefaultAsyncScopes scopes, ScopeSpec spec) {
		super(scopes, spec);
	}

	void open(@Nullable RunningScope parent) {
		start(parent);
		if (state() == State.CLOSED && end() instanceof Exit.Failed refused) {
			throw (RuntimeException) refused.error();
		}
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
