package io.scopedasync.r2dbc;

import io.r2dbc.h2.H2ConnectionConfiguration;
import io.r2dbc.h2.H2ConnectionFactory;
import io.r2dbc.spi.ConnectionFactory;

/**
 * Units of work on H2 in memory.
 */
class H2UnitOfWorkTests extends UnitOfWorkContract {

	@Override
	ConnectionFactory database() {
		return new H2ConnectionFactory(
				H2ConnectionConfiguration.builder().inMemory("units").property("DB_CLOSE_DELAY", "-1").build());
	}

}
