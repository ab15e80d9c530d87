package io.scopedasync.r2dbc;

import java.util.Objects;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;

import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.transaction.TransactionDefinition;

/**
 * Resources over a database. Those over the application's own are beans:
 * {@value #CONNECTION}, {@value #UNIT_OF_WORK} and {@value #READ_ONLY_UNIT_OF_WORK}.
 * <p>
 * They are acquired masked: who is cancelled while waiting for a pool keeps waiting, and
 * gives back what comes. A limiter in front makes that wait cancellable. Both may be
 * asked for again inside: it is the same connection then, and
 * {@link AsyncResource#fresh()} is one beside it.
 */
public final class R2dbc {

	/**
	 * Bean name of the connection.
	 */
	public static final String CONNECTION = "r2dbcConnection";

	/**
	 * Bean name of the unit of work.
	 */
	public static final String UNIT_OF_WORK = "unitOfWork";

	/**
	 * Bean name of the unit of work that only reads.
	 */
	public static final String READ_ONLY_UNIT_OF_WORK = "readOnlyUnitOfWork";

	private R2dbc() {
	}

	/**
	 * A connection for the length of a scope. What Spring does in the scope's reactive
	 * chain, in a {@code DatabaseClient}, a repository or a transaction, it does with
	 * this connection; under a transaction, or a scope that holds one already, it is that
	 * one. What is sent after the end of the scope is refused. After a body that failed
	 * or was cancelled the connection goes back to its pool once the database has
	 * answered that it is idle; if it does not within the release limit, the connection
	 * is closed and not lent again.
	 * @param connections where connections come from, a pool usually
	 * @return the resource, called {@value #CONNECTION}
	 */
	public static AsyncResource<Connection> connection(ConnectionFactory connections) {
		return new LeasedConnection(connections, false).map(LeasedConnection.Lease::connection);
	}

	/**
	 * A unit of work for the length of a scope.
	 * @param transactions Spring's transaction manager for the database
	 * @return the resource, called {@value #UNIT_OF_WORK}
	 * @see #unitOfWork(R2dbcTransactionManager, TransactionDefinition)
	 */
	public static AsyncResource<UnitOfWork> unitOfWork(R2dbcTransactionManager transactions) {
		return unitOfWork(transactions, TransactionDefinition.withDefaults());
	}

	/**
	 * A unit of work for the length of a scope, begun, committed and rolled back by
	 * Spring's transaction manager on a {@linkplain #connection connection} of the scope.
	 * What Spring does in the scope's reactive chain is part of it, and
	 * {@code @Transactional} joins it; under a transaction or a unit of work it joins
	 * that one, and leaves the end to it.
	 * <p>
	 * A commit under way is not cancelled. If it fails, the error is the caller's; a
	 * rollback that fails is added to the body's error. A connection of which it is
	 * unknown how its transaction ended, or whose end takes longer than the release
	 * limit, is closed and not lent again.
	 * @param transactions Spring's transaction manager for the database
	 * @param definition isolation, read-only and timeout; the scope's deadline, in whole
	 * seconds rounded up, is the timeout if it is earlier
	 * @return the resource, called {@value #UNIT_OF_WORK}
	 */
	public static AsyncResource<UnitOfWork> unitOfWork(R2dbcTransactionManager transactions,
			TransactionDefinition definition) {
		ConnectionFactory connections = Objects.requireNonNull(transactions.getConnectionFactory(),
				"the transaction manager has no ConnectionFactory");
		return new LeasedConnection(connections, false)
			.flatMap((lease) -> new Transaction(transactions, connections, definition, lease))
			.named(UNIT_OF_WORK);
	}

}
