package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.ScopeClock;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;

import org.springframework.r2dbc.connection.ConnectionHolder;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.transaction.ReactiveTransaction;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.reactive.TransactionSynchronization;
import org.springframework.transaction.support.DefaultTransactionDefinition;

/**
 * A transaction on a connection that is there, begun and ended by Spring's transaction
 * manager.
 */
final class Transaction implements AsyncResource<UnitOfWork> {

	private final R2dbcTransactionManager transactions;

	private final ConnectionFactory connections;

	private final TransactionDefinition definition;

	private final LeasedConnection.Lease lease;

	Transaction(R2dbcTransactionManager transactions, ConnectionFactory connections, TransactionDefinition definition,
			LeasedConnection.Lease lease) {
		this.transactions = transactions;
		this.connections = connections;
		this.definition = definition;
		this.lease = lease;
	}

	@Override
	public Mono<UnitOfWork> acquire() {
		return Mono
			.deferContextual((context) -> this.transactions.getReactiveTransaction(limited(context)).map(this::begun))
			.contextWrite(this.lease.write());
	}

	private UnitOfWork begun(ReactiveTransaction transaction) {
		ConnectionHolder holder = (ConnectionHolder) Objects
			.requireNonNull(this.lease.resources().getResource(this.connections));
		if (transaction.isNewTransaction() && holder instanceof LentConnection lent) {
			this.lease.resources().registerSynchronization(new TransactionSynchronization() {
				@Override
				public Mono<Void> afterCompletion(int status) {
					return Mono.fromRunnable(() -> lent.transactionEnded(status != STATUS_UNKNOWN));
				}
			});
		}
		return new UnitOfWork(transaction, holder, this.lease.write());
	}

	private TransactionDefinition limited(ContextView context) {
		Scope scope = context.getOrDefault(Scope.class, null);
		Optional<Duration> remaining = (scope != null) ? scope.remaining() : Optional.empty();
		if (remaining.isEmpty()) {
			return this.definition;
		}
		int left = seconds(remaining.get());
		DefaultTransactionDefinition limited = new DefaultTransactionDefinition(this.definition);
		if (limited.getTimeout() == TransactionDefinition.TIMEOUT_DEFAULT || left < limited.getTimeout()) {
			limited.setTimeout(left);
		}
		return limited;
	}

	private static int seconds(Duration left) {
		long seconds = ScopeClock.limited(left).plusNanos(999_999_999).getSeconds();
		return (int) Math.max(1, Math.min(Integer.MAX_VALUE, seconds));
	}

	@Override
	public Mono<Void> release(UnitOfWork work, Exit exit) {
		LentConnection lent = this.lease.lent();
		Mono<Void> end = Mono.defer(() -> end(work, exit)).contextWrite(this.lease.write());
		if (lent == null || !work.isNew()) {
			return end;
		}
		return this.lease.owned() ? lent.end().then(end) : end.then(lent.restoreAutoCommit());
	}

	private Mono<Void> end(UnitOfWork work, Exit exit) {
		if (!(exit instanceof Exit.Completed)) {
			return this.transactions.rollback(work.transaction());
		}
		if (work.isDoomed()) {
			return this.transactions.rollback(work.transaction())
				.then(Mono.error(() -> new UnexpectedRollbackException(
						"The unit of work was rolled back, though its body completed: one that joined it had failed. "
								+ "Let that error through, or ask for a fresh one where it may fail alone.")));
		}
		return this.transactions.commit(work.transaction());
	}

	@Override
	public String name() {
		return R2dbc.UNIT_OF_WORK;
	}

}
