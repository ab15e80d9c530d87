package io.scopedasync.r2dbc;

import io.r2dbc.spi.Connection;

import org.springframework.r2dbc.connection.ConnectionHolder;

/**
 * What Spring finds in place of a new connection. It would forget one that nobody uses at
 * the moment; this one is the scope's for as long as that lasts.
 */
final class LentConnection extends ConnectionHolder {

	private final Connection connection;

	LentConnection(Connection connection) {
		super(connection);
		this.connection = connection;
	}

	@Override
	public void released() {
		super.released();
		setConnection(this.connection);
	}

}
