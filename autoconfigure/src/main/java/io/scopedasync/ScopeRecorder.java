package io.scopedasync;

/**
 * What scopes tell the outside about themselves: the port behind which metrics live.
 * Called on hot paths, on any thread, outside locks; must neither block nor throw. Times
 * are nanoseconds of the scopes' clock.
 */
public interface ScopeRecorder {

	/** Hears nothing and costs nothing: the time is not even read. */
	ScopeRecorder NOOP = new ScopeRecorder() {
	};

	/**
	 * An acquisition ended.
	 * @param resource the resource's name
	 * @param outcome how it ended
	 * @param nanos how long it took, waiting included
	 */
	default void acquired(String resource, Outcome outcome, long nanos) {
	}

	/**
	 * A release ended.
	 * @param resource the resource's name
	 * @param outcome {@link Outcome#SUCCESS}, {@link Outcome#ERROR} or, past the release
	 * limit, {@link Outcome#TIMEOUT}
	 * @param nanos how long it took
	 */
	default void released(String resource, Outcome outcome, long nanos) {
	}

	/**
	 * A scope settled.
	 * @param scope the scope's name
	 * @param exit how its body ended, as the caller sees it
	 * @param nanos how long it was open
	 */
	default void closed(String scope, Exit exit, long nanos) {
	}

	/**
	 * An error came up that no caller is left to hear: of a release or an acquisition
	 * after a cancel. It is logged as well.
	 * @param scope the scope's name
	 * @param error the error
	 */
	default void undelivered(String scope, Throwable error) {
	}

	/**
	 * How an acquisition or a release ended.
	 */
	enum Outcome {

		/** As it should. */
		SUCCESS,

		/** A limit passed. */
		TIMEOUT,

		/** No room, and no place left to wait. */
		REJECTED,

		/** The caller went away while waiting. */
		CANCELLED,

		/** It failed. */
		ERROR

	}

}
