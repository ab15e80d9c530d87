package io.scopedasync.autoconfigure;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.r2dbc.R2dbc;
import io.scopedasync.r2dbc.UnitOfWork;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.transaction.reactive.TransactionSynchronizationManager;
import org.springframework.transaction.support.DefaultTransactionDefinition;

/**
 * Auto-configuration of connections and units of work over the application's database.
 */
@AutoConfiguration(afterName = { "org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
		"org.springframework.boot.r2dbc.autoconfigure.R2dbcTransactionManagerAutoConfiguration" })
@ConditionalOnClass({ ConnectionFactory.class, R2dbcTransactionManager.class, TransactionSynchronizationManager.class })
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
public final class ScopedAsyncR2dbcAutoConfiguration {

	@Bean(R2dbc.CONNECTION)
	@ConditionalOnSingleCandidate(ConnectionFactory.class)
	@ConditionalOnMissingBean(name = R2dbc.CONNECTION)
	AsyncResource<Connection> r2dbcConnection(ConnectionFactory connections) {
		return R2dbc.connection(connections);
	}

	@Bean(R2dbc.UNIT_OF_WORK)
	@ConditionalOnSingleCandidate(R2dbcTransactionManager.class)
	@ConditionalOnMissingBean(name = R2dbc.UNIT_OF_WORK)
	AsyncResource<UnitOfWork> unitOfWork(R2dbcTransactionManager transactions) {
		return R2dbc.unitOfWork(transactions);
	}

	@Bean(R2dbc.READ_ONLY_UNIT_OF_WORK)
	@ConditionalOnSingleCandidate(R2dbcTransactionManager.class)
	@ConditionalOnMissingBean(name = R2dbc.READ_ONLY_UNIT_OF_WORK)
	AsyncResource<UnitOfWork> readOnlyUnitOfWork(R2dbcTransactionManager transactions) {
		DefaultTransactionDefinition definition = new DefaultTransactionDefinition();
		definition.setReadOnly(true);
		return R2dbc.unitOfWork(transactions, definition).named(R2dbc.READ_ONLY_UNIT_OF_WORK);
	}

}
