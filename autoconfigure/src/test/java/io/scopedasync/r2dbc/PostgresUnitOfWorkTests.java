package io.scopedasync.r2dbc;

import io.r2dbc.spi.ConnectionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/**
 * Units of work on a real PostgreSQL.
 */
class PostgresUnitOfWorkTests extends UnitOfWorkContract {

	private static PostgresServer server;

	@BeforeAll
	static void start() {
		server = PostgresServer.start();
	}

	@AfterAll
	static void stop() throws Exception {
		if (server != null) {
			server.close();
		}
	}

	@Override
	ConnectionFactory database() {
		return server.connections();
	}

}
