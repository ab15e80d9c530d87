package io.scopedasync.r2dbc;

import java.util.function.Function;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ValidationDepth;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.r2dbc.LeasedConnection.Lease;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import org.springframework.r2dbc.connection.ConnectionFactoryUtils;
import org.springframework.transaction.reactive.TransactionContext;
import org.springframework.transaction.reactive.TransactionSynchronizationManager;

/**
 * A connection that is the scope's. Where Spring knows one already, of a transaction or
 * of a scope around, it is that one.
 */
final class LeasedConnection implements AsyncResource<Lease> {

	private final ConnectionFactory connections;

	/** Whether a connection around is left alone. */
	private final boolean separate;

	LeasedConnection(ConnectionFactory connections, boolean separate) {
		this.connections = connections;
		this.separate = separate;
	}

	@Override
	public Mono<Lease> acquire() {
		return Mono.deferContextual((around) -> (!this.separate && isKnown(around)) ? joined(around) : own(around));
	}

	private boolean isKnown(ContextView around) {
		if (!around.hasKey(TransactionContext.class)) {
			return false;
		}
		TransactionSynchronizationManager known = TransactionContexts.resources(around);
		return known.hasResource(this.connections) || known.isSynchronizationActive();
	}

	private Mono<Lease> joined(ContextView around) {
		Context context = TransactionContexts.joining(around);
		return ConnectionFactoryUtils.getConnection(this.connections)
			.map((connection) -> new Lease(connection, context, false));
	}

	private Mono<Lease> own(ContextView around) {
		Context context = TransactionContexts.separate();
		TransactionSynchronizationManager known = TransactionContexts.resources(context);
		if (!this.separate && around.hasKey(TransactionContext.class)) {
			// Connections to other databases: they stay those of the scopes around.
			around.<TransactionContext>get(TransactionContext.class).getResources().forEach(known::bindResource);
		}
		return ConnectionFactoryUtils.getConnection(this.connections).map((connection) -> {
			known.bindResource(this.connections, new LentConnection(connection));
			return new Lease(connection, context, true);
		}).contextWrite(TransactionContexts.separate().readOnly());
	}

	@Override
	public @Nullable Function<Context, Context> context(Lease lease) {
		return (context) -> context.putAll(lease.context().readOnly());
	}

	@Override
	public Mono<Void> release(Lease lease, Exit exit) {
		Connection connection = lease.connection();
		if (!lease.owned()) {
			return ConnectionFactoryUtils.releaseConnection(connection, this.connections)
				.contextWrite(lease.context().readOnly());
		}
		TransactionContexts.resources(lease.context()).unbindResourceIfPossible(this.connections);
		if (exit instanceof Exit.Completed) {
			return Mono.from(connection.close());
		}
		// What was cancelled may be under way still, and its answer on the way. The next
		// one would get that, or wait for it.
		return Mono.from(connection.validate(ValidationDepth.REMOTE))
			.onErrorReturn(false)
			.flatMap((clean) -> clean ? Mono.from(connection.close()) : Unclean.closeAndGiveBack(connection));
	}

	@Override
	public Mono<Void> abort(Lease lease) {
		return lease.owned() ? Unclean.closeAndGiveBack(lease.connection()) : Mono.empty();
	}

	@Override
	public AsyncResource<Lease> fresh() {
		return new LeasedConnection(this.connections, true);
	}

	@Override
	public String name() {
		return R2dbc.CONNECTION;
	}

	/**
	 * A connection, and how Spring finds it.
	 *
	 * @param connection the connection
	 * @param context Spring's entries in the Reactor context
	 * @param owned whether this scope closes it
	 */
	record Lease(Connection connection, Context context, boolean owned) {
	}

}
