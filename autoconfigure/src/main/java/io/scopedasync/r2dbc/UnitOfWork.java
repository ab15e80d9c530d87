package io.scopedasync.r2dbc;

import java.util.function.Function;

import io.r2dbc.spi.Connection;
import reactor.util.context.Context;

import org.springframework.r2dbc.connection.ConnectionHolder;
import org.springframework.transaction.ReactiveTransaction;

/**
 * A transaction that is the scope's. Commits when the body completes and rolls back when
 * it fails or is cancelled; there is nothing to call for that.
 */
public final class UnitOfWork {

	private final ReactiveTransaction transaction;

	private final ConnectionHolder holder;

	private final Connection connection;

	private final Function<Context, Context> context;

	UnitOfWork(ReactiveTransaction transaction, ConnectionHolder holder, Function<Context, Context> context) {
		this.transaction = transaction;
		this.holder = holder;
		this.connection = holder.getConnection();
		this.context = context;
	}

	/**
	 * The connection that everything under the scope uses.
	 * @return the connection, not to be closed nor told to commit or roll back
	 */
	public Connection connection() {
		return this.connection;
	}

	/**
	 * Rolls back in the end, also if the body completes. The caller gets the body's
	 * value. From one that joined it dooms the unit of work around, as a failure does:
	 * that one rolls back, with an {@code UnexpectedRollbackException} if its own body
	 * completes.
	 */
	public void rollbackOnly() {
		this.transaction.setRollbackOnly();
	}

	/**
	 * Whether this began the transaction, and so ends it.
	 * @return false if it joined one around
	 */
	public boolean isNew() {
		return this.transaction.isNewTransaction();
	}

	/**
	 * Brings what is subscribed to by hand in a blocking or future body into the unit of
	 * work: {@code client.sql(...).then().contextWrite(work.context()).block()}. In the
	 * scope's own reactive chain nobody needs it.
	 * @return for {@code contextWrite}
	 */
	public Function<Context, Context> context() {
		return this.context;
	}

	ReactiveTransaction transaction() {
		return this.transaction;
	}

	/** Whether one that joined has failed. Spring notes it, and would commit. */
	boolean isDoomed() {
		return isNew() && this.holder.isRollbackOnly();
	}

}
