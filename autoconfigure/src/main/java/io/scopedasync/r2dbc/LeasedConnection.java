package io.scopedasync.r2dbc;

import java.util.function.Function;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.r2dbc.LeasedConnection.Lease;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import org.springframework.r2dbc.connection.ConnectionFactoryUtils;
import org.springframework.transaction.reactive.TransactionContext;
import org.springframework.transaction.reactive.TransactionSynchronization;
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
		return Mono.deferContextual((around) -> (!this.separate && isKnown(around)) ? joined(around) : own());
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
		TransactionSynchronizationManager known = TransactionContexts.resources(context);
		return ConnectionFactoryUtils.getConnection(this.connections).map((connection) -> {
			LentConnection lent = (known.getResource(this.connections) instanceof LentConnection found) ? found : null;
			return new Lease(connection, context, lent, false);
		});
	}

	private Mono<Lease> own() {
		return ConnectionFactoryUtils.getConnection(this.connections)
			.flatMap((connection) -> Mono.fromCallable(() -> lend(connection))
				.onErrorResume((error) -> Mono.from(connection.close()).onErrorComplete().then(Mono.error(error))))
			.contextWrite(TransactionContexts.separate().readOnly());
	}

	private Lease lend(Connection connection) {
		GuardedConnection guarded = new GuardedConnection(connection);
		LentConnection lent = new LentConnection(guarded);
		Context context = TransactionContexts.separate();
		TransactionSynchronizationManager known = TransactionContexts.resources(context);
		known.bindResource(this.connections, lent);
		// Spring leaves a connection to another database open unless it is told when to
		// close it.
		known.initSynchronization();
		return new Lease(guarded, context, lent, true);
	}

	@Override
	public @Nullable Function<Context, Context> context(Lease lease) {
		return lease.write();
	}

	@Override
	public Mono<Void> release(Lease lease, Exit exit) {
		LentConnection lent = lease.lent();
		if (lent == null || !lease.owned()) {
			return Mono.empty();
		}
		Mono<Void> others = Mono.defer(() -> completeOthers(lease.resources(), exit)).contextWrite(lease.write());
		return lent.end().then(Flux.concatDelayError(others, lent.giveBack(exit)).then());
	}

	/** What Spring has opened on the way ends with the scope. */
	private Mono<Void> completeOthers(TransactionSynchronizationManager known, Exit exit) {
		int status = (exit instanceof Exit.Completed) ? TransactionSynchronization.STATUS_COMMITTED
				: TransactionSynchronization.STATUS_ROLLED_BACK;
		return Flux.fromIterable(known.getSynchronizations())
			.concatMapDelayError((other) -> other.beforeCompletion().then(other.afterCompletion(status)))
			.then();
	}

	@Override
	public Mono<Void> abort(Lease lease) {
		LentConnection lent = lease.lent();
		return (lent != null && lease.owned()) ? lent.closeByForce() : Mono.empty();
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
	 * @param lent null if it is that of a transaction of Spring's
	 * @param owned whether this scope closes it
	 */
	record Lease(Connection connection, Context context, @Nullable LentConnection lent, boolean owned) {

		Function<Context, Context> write() {
			return (context) -> context.putAll(this.context.readOnly());
		}

		TransactionSynchronizationManager resources() {
			return TransactionContexts.resources(this.context);
		}

	}

}
