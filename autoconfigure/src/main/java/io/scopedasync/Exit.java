package io.scopedasync;

/**
 * How the body of a scope ended. A release is told exactly one of the three.
 */
public sealed interface Exit {

	/**
	 * The body ended normally.
	 * @return the one exit of that kind
	 */
	static Exit completed() {
		return Completed.INSTANCE;
	}

	/**
	 * The body, an acquisition or a limit failed.
	 * @param error the error that the caller gets, never wrapped
	 * @return a failed exit
	 */
	static Exit failed(Throwable error) {
		return new Failed(error);
	}

	/**
	 * The body was stopped from outside.
	 * @param reason why, for release, log and errors; the first reason given stays
	 * @return a cancelled exit
	 */
	static Exit cancelled(String reason) {
		return new Cancelled(reason);
	}

	/**
	 * The body ended normally.
	 */
	final class Completed implements Exit {

		static final Completed INSTANCE = new Completed();

		/** The same, of a group in which no task can turn it into a failure any more. */
		static final Completed FOR_GOOD = new Completed();

		private Completed() {
		}

		@Override
		public String toString() {
			return "completed";
		}

	}

	/**
	 * The body failed, or the scope's limit passed.
	 *
	 * @param error what the caller gets
	 */
	record Failed(Throwable error) implements Exit {

		@Override
		public String toString() {
			return "failed: " + this.error;
		}

	}

	/**
	 * The body was stopped from outside: by its subscriber, an interrupt, a shutdown.
	 *
	 * @param reason why
	 */
	record Cancelled(String reason) implements Exit {

		@Override
		public String toString() {
			return "cancelled: " + this.reason;
		}

	}

}
