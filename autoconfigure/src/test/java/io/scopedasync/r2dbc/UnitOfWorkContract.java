package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.spi.Connection;
import io.scopedasync.Case;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ScopeSpec;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import org.springframework.r2dbc.connection.ConnectionFactoryUtils;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.DefaultTransactionDefinition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What a unit of work promises, whatever the database.
 */
abstract class UnitOfWorkContract extends DatabaseContract {

	/** The connection that Spring uses here. */
	private Mono<Connection> springs() {
		return this.client.inConnection((connection) -> Mono.just(target(connection)));
	}

	private static Connection target(Connection connection) {
		return ConnectionFactoryUtils.getTargetConnection(connection);
	}

	// One unit of work.

	@Test
	void commitsWhenTheBodyCompletes() {
		Long updated = this.scopes.use(this.unitOfWork, (work) -> both(1)).block(BOUND);
		assertThat(updated).isEqualTo(1);
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void showsNothingBeforeItCommits() {
		this.scopes.use(this.unitOfWork,
				(work) -> both(1).then(this.beside.sql("select count(*) from part").fetch().one()).doOnNext((row) -> {
					assertThat(row.values().iterator().next()).isEqualTo(0L);
				}))
			.block(BOUND);
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void rollsBackWhenTheBodyFails() {
		IllegalStateException error = new IllegalStateException("expected");
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(this.unitOfWork, (work) -> both(1).then(Mono.error(error))).block(BOUND))
			.isSameAs(error);
		assertThat(rows(1)).isZero();
	}

	@Test
	void rollsBackWhenItIsCancelled() {
		Disposable running = this.scopes.use(this.unitOfWork, (work) -> both(1).then(hang())).subscribe();
		awaitHanging();
		running.dispose();
		assertWhole();
		assertThat(rows(1)).isZero();
	}

	@Test
	void rollsBackWhenItsDeadlinePasses() {
		assertThatExceptionOfType(DeadlineExceededException.class).isThrownBy(
				() -> this.scopes
					.with(ScopeSpec.of("slow").entering(this.unitOfWork).timeout(Duration.ofMillis(300)),
							(scope) -> both(1).then(Mono.never()))
					.block(BOUND));
		assertThat(rows(1)).isZero();
	}

	@Test
	void rollsBackWhatIsToldTo() {
		Long updated = this.scopes.use(this.unitOfWork, (work) -> both(1).doOnNext((value) -> work.rollbackOnly()))
			.block(BOUND);
		assertThat(updated).isEqualTo(1);
		assertThat(rows(1)).isZero();
	}

	@Test
	void isTheConnectionOfEverythingInside() {
		this.scopes.use(this.unitOfWork, (work) -> springs().doOnNext((connection) -> {
			assertThat(connection).isSameAs(target(work.connection()));
			assertThat(this.pool.getMetrics().orElseThrow().acquiredSize()).isEqualTo(1);
		}).then(this.unitOfWork.held()).doOnNext((held) -> assertThat(held).isSameAs(work))).block(BOUND);
	}

	@Test
	void isTheConnectionOfWhatABodyEnters() {
		this.scopes
			.with((scope) -> scope.enter(this.unitOfWork)
				.flatMap((work) -> springs()
					.doOnNext((connection) -> assertThat(connection).isSameAs(target(work.connection())))
					.then(both(1))))
			.block(BOUND);
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void worksInABlockingBody() throws Exception {
		this.scopes.useBlocking(this.unitOfWork, (work) -> both(1).contextWrite(work.context()).block(BOUND));
		assertThat(rows(1)).isEqualTo(2);
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.useBlocking(this.unitOfWork, (work) -> {
			both(2).contextWrite(work.context()).block(BOUND);
			throw new IllegalStateException("expected");
		}));
		assertThat(rows(2)).isZero();
	}

	@Test
	void aScopeInABlockingBodyJoinsWithoutBeingTold() throws Exception {
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.useBlocking(this.unitOfWork, (outer) -> {
			this.scopes.useBlocking(this.unitOfWork, (inner) -> {
				assertThat(inner.connection()).isSameAs(outer.connection());
				assertThat(inner.isNew()).isFalse();
				return this.scopes.use(this.unitOfWork, (reactive) -> both(1)).block(BOUND);
			});
			throw new IllegalStateException("expected");
		}));
		assertThat(rows(1)).isZero();
	}

	@Test
	void worksInAFutureBody() {
		this.scopes.useFuture(this.unitOfWork, (work) -> both(1).contextWrite(work.context()).toFuture()).join();
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void readsOnly() {
		DefaultTransactionDefinition definition = new DefaultTransactionDefinition();
		definition.setReadOnly(true);
		definition.setIsolationLevel(TransactionDefinition.ISOLATION_SERIALIZABLE);
		this.scopes
			.use(R2dbc.unitOfWork(this.manager, definition),
					(work) -> this.client.sql("select count(*) from part").fetch().one())
			.block(BOUND);
	}

	// Joining.

	@Test
	void oneInsideJoins() {
		List<Connection> seen = new CopyOnWriteArrayList<>();
		this.scopes.use(this.unitOfWork, (outer) -> {
			seen.add(outer.connection());
			return this.scopes.use(this.unitOfWork, (inner) -> {
				seen.add(inner.connection());
				assertThat(inner.isNew()).isFalse();
				return both(1);
			}).then(this.beside.sql("select count(*) from part").fetch().one());
		})
			.doOnNext((row) -> assertThat(row.values().iterator().next()).as("not committed yet").isEqualTo(0L))
			.block(BOUND);
		assertThat(seen.get(0)).isSameAs(seen.get(1));
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void oneInsideThatFailsDoomsTheOneAround() {
		assertThatExceptionOfType(UnexpectedRollbackException.class)
			.isThrownBy(
					() -> this.scopes.use(this.unitOfWork,
							(outer) -> insert(this.client, 1, 1)
								.then(this.scopes.use(this.unitOfWork,
										(inner) -> insert(this.client, 1, 2)
											.then(Mono.error(new IllegalStateException("expected")))))
								.onErrorComplete())
						.block(BOUND))
			.withMessageContaining("was rolled back")
			.withMessageContaining("fresh");
		assertThat(rows(1)).isZero();
	}

	@Test
	void aFreshOneStandsBesideTheOneAround() {
		assertThatIllegalStateException().isThrownBy(() -> this.scopes
			.use(this.unitOfWork, (outer) -> both(1).then(this.scopes.use(this.unitOfWork.fresh(), (inner) -> {
				assertThat(inner.connection()).isNotSameAs(outer.connection());
				return both(2);
			}))
				.then(springs())
				.doOnNext((connection) -> assertThat(connection).isSameAs(target(outer.connection())))
				.then(Mono.error(new IllegalStateException("expected"))))
			.block(BOUND));
		assertThat(rows(1)).isZero();
		assertThat(rows(2)).isEqualTo(2);
	}

	@Test
	void freshOnesStandBesideEachOther() {
		this.scopes.use(this.unitOfWork,
				(outer) -> Mono.when(both(1), this.scopes.use(this.unitOfWork.named("log").fresh(), (a) -> both(2)),
						this.scopes.use(this.unitOfWork.fresh(), (b) -> both(3))))
			.block(BOUND);
		assertThat(List.of(rows(1), rows(2), rows(3))).containsExactly(2, 2, 2);
	}

	@Test
	void springsTransactionsInsideJoin() {
		assertThatIllegalStateException().isThrownBy(
				() -> this.scopes
					.use(this.unitOfWork,
							(work) -> both(1).then(springs())
								.doOnNext((connection) -> assertThat(connection).isSameAs(target(work.connection())))
								.as(this.transactional::transactional)
								.then(Mono.error(new IllegalStateException("expected"))))
					.block(BOUND));
		assertThat(rows(1)).isZero();
	}

	@Test
	void joinsSpringsTransactionAroundAndLeavesTheEndToIt() {
		assertThatIllegalStateException()
			.isThrownBy(() -> springs().flatMap((around) -> this.scopes.use(this.unitOfWork, (work) -> {
				assertThat(work.isNew()).isFalse();
				assertThat(target(work.connection())).isSameAs(around);
				return both(1);
			}))
				.then(Mono.error(new IllegalStateException("expected")))
				.as(this.transactional::transactional)
				.block(BOUND));
		assertThat(rows(1)).isZero();
		this.scopes.use(this.unitOfWork, (work) -> both(2)).as(this.transactional::transactional).block(BOUND);
		assertThat(rows(2)).isEqualTo(2);
	}

	// A connection.

	@Test
	void aConnectionIsThatOfEverythingInside() {
		this.scopes.use(this.connection,
				(connection) -> springs().doOnNext((found) -> assertThat(found).isSameAs(target(connection)))
					.then(both(1))
					.then(springs())
					.doOnNext((found) -> assertThat(found).isSameAs(target(connection)))
					.then(this.scopes.use(this.connection, (inner) -> {
						assertThat(inner).isSameAs(connection);
						return springs();
					}))
					.doOnNext((found) -> assertThat(found).isSameAs(target(connection))))
			.block(BOUND);
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void aTransactionRunsOnTheConnectionAround() {
		this.scopes
			.use(this.connection,
					(connection) -> this.scopes
						.use(this.unitOfWork,
								(work) -> both(1)
									.doOnNext((value) -> assertThat(work.connection()).isSameAs(connection)))
						.then(springs())
						.doOnNext((found) -> assertThat(found).isSameAs(target(connection)))
						.then(this.scopes.use(this.unitOfWork,
								(work) -> both(2).then(Mono.error(new IllegalStateException("expected")))))
						.onErrorComplete()
						.then(springs())
						.doOnNext((found) -> assertThat(found).isSameAs(target(connection)))
						// Each statement for itself again.
						.then(both(3)))
			.block(BOUND);
		assertThat(List.of(rows(1), rows(2), rows(3))).containsExactly(2, 0, 2);
	}

	@Test
	void aConnectionInsideATransactionIsThatOfTheTransaction() {
		this.scopes
			.use(this.unitOfWork,
					(work) -> this.scopes
						.use(this.connection,
								(connection) -> both(1)
									.doOnNext((value) -> assertThat(connection).isSameAs(work.connection())))
						.then(both(2)))
			.block(BOUND);
		assertThat(List.of(rows(1), rows(2))).containsExactly(2, 2);
	}

	@Test
	void aFreshConnectionIsNotThatOfTheScopeAround() {
		this.scopes.use(this.connection, (outer) -> this.scopes.use(this.connection.fresh(), (inner) -> {
			assertThat(inner).isNotSameAs(outer);
			return springs().doOnNext((found) -> assertThat(found).isSameAs(target(inner)));
		})).block(BOUND);
		this.scopes
			.use(this.unitOfWork,
					(work) -> both(1).then(this.scopes.use(this.connection.fresh(),
							(inner) -> this.client.sql("select count(*) from part").fetch().one())))
			.doOnNext((row) -> assertThat(row.values().iterator().next()).isEqualTo(0L))
			.block(BOUND);
	}

	@Test
	void whatAnotherDatabaseIsAskedInsideGoesBackToo() {
		ConnectionPool other = pool(2);
		Mono<?> asked = insert(DatabaseClient.create(other), 1, 1).then(both(2));
		this.scopes.use(this.connection, (connection) -> asked.then(asked)).block(BOUND);
		assertThat(other.getMetrics().orElseThrow().acquiredSize()).isZero();
		this.scopes.use(this.unitOfWork, (work) -> asked).block(BOUND);
		assertThat(other.getMetrics().orElseThrow().acquiredSize()).isZero();
		other.disposeLater().block(BOUND);
	}

	@Test
	void aConnectionGoesBackAfterACancel() {
		for (int i = 0; i < 3 * POOL; i++) {
			CountDownLatch there = new CountDownLatch(1);
			Disposable running = this.scopes.use(this.connection, (connection) -> {
				there.countDown();
				return Mono.never();
			}).subscribe();
			await(there);
			running.dispose();
		}
		assertWhole();
	}

	// Steps.

	@Test
	@Case(177)
	void aUnitOfWorkCancelledAtAnyStepIsThereOrNot() {
		int steps = atEachStep((unit) -> this.scopes.use(this.unitOfWork, (work) -> both(unit)), false);
		assertThat(steps).isGreaterThan(10);
	}

	@Test
	@Case(177)
	void aUnitOfWorkThatFailsAtAnyStepIsThereOrNot() {
		int steps = atEachStep((unit) -> this.scopes.use(this.unitOfWork, (work) -> both(unit)), true);
		assertThat(steps).isGreaterThan(10);
	}

	@Test
	@Case(177)
	void aConnectionCancelledOrFailingAtAnyStepGoesBack() {
		Mono<Object> query = this.scopes.use(this.connection,
				(connection) -> this.client.sql("select count(*) from part").fetch().one());
		assertThat(atEachStep((unit) -> query, false)).isGreaterThan(3);
		assertThat(atEachStep((unit) -> query, true)).isGreaterThan(3);
	}

	private int atEachStep(IntFunction<Mono<?>> program, boolean failing) {
		for (int at = 0; true; at++) {
			int chosen = at;
			AtomicInteger steps = new AtomicInteger();
			Sinks.Empty<Void> cancel = Sinks.empty();
			List<String> names = new CopyOnWriteArrayList<>();
			this.step = (name) -> {
				names.add(name);
				if (steps.getAndIncrement() == chosen) {
					if (failing) {
						throw new IllegalStateException("the database failed at " + name);
					}
					cancel.tryEmitEmpty();
				}
			};
			AtomicInteger completed = new AtomicInteger();
			program.apply(at)
				.doOnSuccess((value) -> completed.incrementAndGet())
				.takeUntilOther(cancel.asMono())
				.onErrorComplete()
				.block(BOUND);
			assertWhole();
			this.step = (name) -> {
			};
			int rows = rows(at);
			assertThat(rows).as("step %d of %s", at, names).isIn(0, 2);
			if (steps.get() <= chosen) {
				return steps.get();
			}
		}
	}

	// Around.

	private final CountDownLatch hanging = new CountDownLatch(1);

	<T> Mono<T> hang() {
		return Mono.<T>never().doOnSubscribe((subscription) -> this.hanging.countDown());
	}

	void awaitHanging() {
		await(this.hanging);
	}

	static void await(CountDownLatch latch) {
		try {
			assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
