package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import org.springframework.r2dbc.connection.ConnectionHolder;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.transaction.ReactiveTransaction;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.annotation.Isolation;
import org.springframework.transaction.reactive.TransactionSynchronizationManager;
import org.springframework.transaction.support.DefaultTransactionDefinition;

/**
 * Units of work, begun, committed and rolled back by Spring's transaction manager. What
 * Spring does in the scope's reactive chain, in a {@code DatabaseClient} or a repository,
 * is part of it, and {@code @Transactional} joins it; under a transaction or a unit of
 * work it joins that one, and leaves the end to it. {@link #fresh()} begins one beside
 * what is around, on a connection of its own.
 * <p>
 * Begins masked: who is cancelled while waiting for a connection keeps waiting, and gives
 * back what comes. A commit under way is not cancelled. If it fails, the error is the
 * caller's; a rollback that fails is added to the body's error. A connection of which it
 * is unknown whether it was rolled back, or whose end takes longer than the release
 * limit, is closed and not lent again. The scope's deadline is the transaction's timeout,
 * in whole seconds rounded up.
 * <p>
 * Immutable; found again by {@link #held()} whatever its settings.
 */
public final class UnitOfWorkResource implements AsyncResource<UnitOfWork> {

	private final R2dbcTransactionManager transactions;

	private final ConnectionFactory connections;

	private final boolean readOnly;

	private final Isolation isolation;

	/** Whether a transaction around is left alone. */
	private final boolean separate;

	UnitOfWorkResource(R2dbcTransactionManager transactions) {
		this(transactions, false, Isolation.DEFAULT, false);
	}

	private UnitOfWorkResource(R2dbcTransactionManager transactions, boolean readOnly, Isolation isolation,
			boolean separate) {
		this.transactions = transactions;
		this.connections = Objects.requireNonNull(transactions.getConnectionFactory(),
				"the transaction manager has no ConnectionFactory");
		this.readOnly = readOnly;
		this.isolation = isolation;
		this.separate = separate;
	}

	/**
	 * The same for reading only: the database, or its driver, may refuse to write.
	 * @return the new resource, called {@value R2dbc#READ_ONLY_UNIT_OF_WORK}
	 */
	public UnitOfWorkResource readOnly() {
		return new UnitOfWorkResource(this.transactions, true, this.isolation, this.separate);
	}

	/**
	 * The same with an isolation level.
	 * @param isolation the level; the database's default unless set
	 * @return the new resource
	 */
	public UnitOfWorkResource isolation(Isolation isolation) {
		return new UnitOfWorkResource(this.transactions, this.readOnly, Objects.requireNonNull(isolation, "isolation"),
				this.separate);
	}

	@Override
	public UnitOfWorkResource fresh() {
		return new UnitOfWorkResource(this.transactions, this.readOnly, this.isolation, true);
	}

	@Override
	public Mono<UnitOfWork> acquire() {
		return Mono.deferContextual((around) -> {
			Context context = this.separate ? TransactionContexts.separate() : TransactionContexts.joining(around);
			TransactionSynchronizationManager known = TransactionContexts.resources(context);
			boolean owned = !known.hasResource(this.connections);
			return this.transactions.getReactiveTransaction(definition(around))
				.map((transaction) -> begun(transaction, known, context, owned))
				.contextWrite(context.readOnly());
		});
	}

	private UnitOfWork begun(ReactiveTransaction transaction, TransactionSynchronizationManager known, Context context,
			boolean owned) {
		ConnectionHolder holder = (ConnectionHolder) Objects.requireNonNull(known.getResource(this.connections));
		UnitOfWork work = new UnitOfWork(transaction, holder, context, owned);
		if (work.isNew()) {
			known.registerSynchronization(work.closingUnknown());
		}
		return work;
	}

	private TransactionDefinition definition(ContextView context) {
		DefaultTransactionDefinition definition = new DefaultTransactionDefinition();
		definition.setReadOnly(this.readOnly);
		definition.setIsolationLevel(this.isolation.value());
		Scope scope = context.getOrDefault(Scope.class, null);
		Optional<Duration> remaining = (scope != null) ? scope.remaining() : Optional.empty();
		remaining.ifPresent((left) -> definition.setTimeout(seconds(left)));
		return definition;
	}

	private static int seconds(Duration left) {
		long seconds = left.plusNanos(999_999_999).getSeconds();
		return (int) Math.max(1, Math.min(Integer.MAX_VALUE, seconds));
	}

	@Override
	public Mono<Void> release(UnitOfWork work, Exit exit) {
		return end(work, exit).contextWrite(work.context());
	}

	private Mono<Void> end(UnitOfWork work, Exit exit) {
		if (!(exit instanceof Exit.Completed)) {
			return this.transactions.rollback(work.transaction());
		}
		if (work.isDoomed()) {
			return this.transactions.rollback(work.transaction())
				.then(Mono.error(() -> new UnexpectedRollbackException(
						"'" + name() + "' was rolled back, though its body completed: one that joined it had failed. "
								+ "Let that error through, or ask for a fresh one where it may fail alone.")));
		}
		return this.transactions.commit(work.transaction());
	}

	@Override
	public Mono<Void> abort(UnitOfWork work) {
		return work.abort();
	}

	@Override
	public @Nullable Function<Context, Context> context(UnitOfWork work) {
		return work.context();
	}

	@Override
	public Object identity() {
		return this.transactions;
	}

	@Override
	public String name() {
		return this.readOnly ? R2dbc.READ_ONLY_UNIT_OF_WORK : R2dbc.UNIT_OF_WORK;
	}

}
