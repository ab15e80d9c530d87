package io.scopedasync.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;

import org.springframework.r2dbc.connection.R2dbcTransactionManager;

/**
 * Resources over a database. Those over the application's own are beans:
 * {@value #CONNECTION}, {@value #UNIT_OF_WORK} and {@value #READ_ONLY_UNIT_OF_WORK}.
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
	 * one. After a body that failed or was cancelled it goes back to its pool only once
	 * the database has answered that it is idle, and is closed otherwise.
	 * <p>
	 * The acquisition is masked: who is cancelled while waiting for a pool keeps waiting,
	 * and gives back what comes. A limiter in front makes that wait cancellable.
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
	 */
	public static UnitOfWorkResource unitOfWork(R2dbcTransactionManager transactions) {
		return new UnitOfWorkResource(transactions);
	}

}
