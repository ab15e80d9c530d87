package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import io.scopedasync.ContextCarrier.Restored;
import io.scopedasync.ScopeRecorder.Outcome;

/**
 * Follows scopes one by one and is on the thread wherever they run: the port behind which
 * observations and traces live. Called on hot paths, on any thread, outside locks; must
 * neither block nor throw.
 */
@FunctionalInterface
public interface ScopeObserver {

	/** Follows none and costs nothing. */
	ScopeObserver NONE = (scope, caller, around) -> null;

	/**
	 * A scope begins, on its caller's thread.
	 * @param scope the scope's name
	 * @param caller the caller's Reactor context, empty for who has none
	 * @param around what follows the scope around this one, null if nothing does
	 * @return what follows this scope until it has settled, null for nothing. It must not
	 * hold on to anything of the scope's, which could then not be found lost
	 */
	@Nullable Observed begin(String scope, ContextView caller, @Nullable Observed around);

	/**
	 * Follows one scope.
	 */
	interface Observed {

		/**
		 * Makes this the current one on the calling thread, for acquisition, body or
		 * release.
		 * @return closes to what was current before
		 */
		Restored open();

		/**
		 * Makes this the current one for who reads the Reactor context of acquisition,
		 * body and release.
		 * @param context the context so far
		 * @return the context with it
		 */
		Context write(Context context);

		/**
		 * An acquisition ended.
		 * @param resource the resource's name
		 * @param outcome how it ended
		 */
		void acquired(String resource, Outcome outcome);

		/**
		 * A release ended.
		 * @param resource the resource's name
		 * @param outcome {@link Outcome#SUCCESS}, {@link Outcome#ERROR} or
		 * {@link Outcome#TIMEOUT}
		 */
		void released(String resource, Outcome outcome);

		/**
		 * The scope settled, and its caller is about to hear. Called once.
		 * @param id the scope's number, 0 if it was never listed
		 * @param exit how its body ended, as the caller sees it
		 * @return what makes the caller's the current one until the caller has heard
		 */
		Restored closed(long id, Exit exit);

	}

}
