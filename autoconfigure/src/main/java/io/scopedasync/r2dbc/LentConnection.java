package io.scopedasync.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ValidationDepth;
import io.scopedasync.Exit;
import reactor.core.publisher.Mono;

import org.springframework.r2dbc.connection.ConnectionFactoryUtils;
import org.springframework.r2dbc.connection.ConnectionHolder;

/**
 * What Spring finds in place of a new connection. It would forget one that nobody uses at
 * the moment; this one is the scope's for as long as that lasts.
 */
final class LentConnection extends ConnectionHolder {

	private final GuardedConnection connection;

	private final boolean autoCommit;

	private volatile State state = State.IN_USE;

	LentConnection(GuardedConnection connection) {
		super(connection);
		this.connection = connection;
		this.autoCommit = connection.isAutoCommit();
	}

	@Override
	public void released() {
		super.released();
		setConnection(this.connection);
	}

	/** A transaction on it has ended; whether it is known how. */
	void transactionEnded(boolean known) {
		if (this.state != State.UNCLEAN) {
			this.state = known ? State.ANSWERED : State.UNCLEAN;
		}
	}

	/** What is sent from now on is refused; completes once nobody is about to send. */
	Mono<Void> end() {
		return this.connection.gate().close();
	}

	/** Drivers differ in whether the end of a transaction does that. */
	Mono<Void> restoreAutoCommit() {
		return Mono.defer(() -> (this.autoCommit && !this.connection.isAutoCommit())
				? Mono.from(this.connection.setAutoCommit(true)) : Mono.empty());
	}

	/**
	 * Closes it, back into its pool if it has one. A pool takes no word for it that a
	 * connection is unclean, but looks whether it is still connected.
	 */
	Mono<Void> giveBack(Exit exit) {
		return Mono.defer(() -> isClean(exit))
			.onErrorReturn(false)
			.flatMap((clean) -> clean ? close() : closeByForce());
	}

	private Mono<Boolean> isClean(Exit exit) {
		State now = this.state;
		if (now == State.UNCLEAN) {
			return Mono.just(false);
		}
		Mono<Void> restored = restoreAutoCommit();
		if (now == State.ANSWERED || exit instanceof Exit.Completed) {
			return restored.thenReturn(true);
		}
		// What was cancelled may be under way still, and its answer on the way. The next
		// one would get that, or wait for it.
		return restored.then(Mono.from(this.connection.validate(ValidationDepth.REMOTE)));
	}

	private Mono<Void> close() {
		return Mono.from(this.connection.close());
	}

	Mono<Void> closeByForce() {
		return Mono.defer(() -> Mono.from(ConnectionFactoryUtils.getTargetConnection(this.connection).close()))
			.onErrorComplete()
			.then(Mono.defer(this::close));
	}

	private enum State {

		/** Who has used it last may have left something under way. */
		IN_USE,

		/** What was under way has ended. */
		ANSWERED,

		/** Nobody may be lent it again. */
		UNCLEAN

	}

}
