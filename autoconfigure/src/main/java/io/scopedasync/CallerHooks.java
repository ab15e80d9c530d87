package io.scopedasync;

import reactor.util.context.Context;

/**
 * What operators downstream of a scope put into the context of everything upstream of
 * them, by the keys that Reactor gives them. A scope is a border for them: an error
 * strategy of the caller would make a failing body, acquisition or release look like one
 * that has succeeded.
 */
final class CallerHooks {

	/** Of {@code onErrorContinue}. */
	private static final String ERROR_STRATEGY = "reactor.onNextError.localStrategy";

	private static final String[] HOOKS = { ERROR_STRATEGY, "reactor.onOperatorError.local",
			"reactor.onRejectedExecution.local", "reactor.onErrorDropped.local", "reactor.onNextDropped.local",
			"reactor.onDiscard.local" };

	private CallerHooks() {
	}

	/**
	 * What a body sees. Its values are its caller's, and so are the hooks for those that
	 * are dropped or discarded.
	 */
	static Context hiddenFromBody(Context context) {
		return (!context.isEmpty() && context.hasKey(ERROR_STRATEGY)) ? context.delete(ERROR_STRATEGY) : context;
	}

	/** What an acquisition or a release sees. Its values are none of the caller's. */
	static Context hiddenFromResource(Context context) {
		Context visible = context;
		for (String hook : HOOKS) {
			if (visible.hasKey(hook)) {
				visible = visible.delete(hook);
			}
		}
		return visible;
	}

}
