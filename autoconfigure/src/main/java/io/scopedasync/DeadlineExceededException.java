package io.scopedasync;

import java.time.Duration;
import java.util.List;

/**
 * A scope ran past its limit. The body was cancelled and everything was released before
 * the caller hears this.
 */
public final class DeadlineExceededException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final Duration timeout;

	private final Scope.State state;

	DeadlineExceededException(String scope, String which, Duration timeout, Scope.State state, List<String> resources) {
		super(scope,
				"Scope '" + scope + "' exceeded its " + which + " of " + ScopeClock.toMillis(timeout) + " ms while "
						+ ((state == Scope.State.ENTERING) ? "acquiring " + resources : "running its body")
						+ ". Raise the limit, or find out what is slow there.");
		this.timeout = timeout;
		this.state = state;
	}

	/** It had passed before the scope began. */
	DeadlineExceededException(String scope, Duration timeout) {
		super(scope, "Scope '" + scope + "' was not even begun: its limit"
				+ (timeout.isZero() ? ", or that of a scope around it," : " of " + ScopeClock.toMillis(timeout) + " ms")
				+ " had passed already. Raise the limit, or find out what was slow before.");
		this.timeout = timeout;
		this.state = Scope.State.ENTERING;
	}

	/**
	 * The limit that passed; zero where it had passed before the scope began.
	 * @return the limit
	 */
	public Duration getTimeout() {
		return this.timeout;
	}

	/**
	 * What the scope was doing when the limit passed.
	 * @return {@link Scope.State#ENTERING} while it acquired its resources or had not
	 * begun to, {@link Scope.State#RUNNING} in its body
	 */
	public Scope.State getState() {
		return this.state;
	}

}
