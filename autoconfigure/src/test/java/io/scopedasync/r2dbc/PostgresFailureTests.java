package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

import io.r2dbc.pool.PoolMetrics;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Result;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ScopeSpec;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.r2dbc.core.DatabaseClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What becomes of units of work and connections when a real PostgreSQL, or the wire to
 * it, lets them down; and what was reported of {@code io.r2dbc.pool} when callers go
 * away, which must not happen to a scope in front of it.
 */
class PostgresFailureTests extends DatabaseContract {

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

	@Override
	Duration releaseTimeout() {
		return Duration.ofSeconds(2);
	}

	private Mono<Integer> backend(DatabaseClient client) {
		return client.sql("select pg_backend_pid()")
			.map((row) -> Objects.requireNonNull(row.get(0, Integer.class)))
			.one();
	}

	private Mono<Void> kill(int backend) {
		return this.beside.sql("select pg_terminate_backend(" + backend + ", 5000)").fetch().one().then();
	}

	private PoolMetrics metrics() {
		return this.pool.getMetrics().orElseThrow();
	}

	// The server.

	@Test
	void aConnectionKilledInTheMiddleIsTheBodysErrorAndIsNotLentAgain() {
		assertThatThrownBy(() -> this.scopes
			.use(this.unitOfWork,
					(work) -> insert(this.client, 1, 1).then(backend(this.client))
						.flatMap(this::kill)
						.then(insert(this.client, 1, 2)))
			.block(BOUND)).isNotNull();
		assertThat(rows(1)).isZero();
		assertWhole();
		this.scopes.use(this.unitOfWork, (work) -> both(2)).block(BOUND);
		assertThat(rows(2)).isEqualTo(2);
	}

	@Test
	void aConnectionKilledBeforeItsCommitIsTheCallersError() {
		assertThatThrownBy(
				() -> this.scopes.use(this.unitOfWork, (work) -> both(1).then(backend(this.client)).flatMap(this::kill))
					.block(BOUND))
			.isNotNull();
		assertThat(rows(1)).isZero();
		assertWhole();
	}

	@Test
	void aStatementThatFailedUnheardFailsTheCommit() {
		assertThatThrownBy(() -> this.scopes
			.use(this.unitOfWork,
					(work) -> insert(this.client, 1, 1).then(this.client.sql("select 1 / 0").fetch().one())
						.onErrorComplete())
			.block(BOUND)).isNotNull();
		assertThat(rows(1)).isZero();
	}

	@Test
	void aCommitThatFailsIsTheCallersErrorAndItsConnectionIsWhole() {
		this.beside.sql("create table if not exists owner (id int primary key)").then().block(BOUND);
		this.beside.sql("create table if not exists owned (id int references owner deferrable initially deferred)")
			.then()
			.block(BOUND);
		assertThatThrownBy(() -> this.scopes
			.use(this.unitOfWork, (work) -> both(1).then(this.client.sql("insert into owned values (7)").then()))
			.block(BOUND)).hasMessageContaining("owned");
		assertThat(rows(1)).isZero();
		assertWhole();
		this.scopes.use(this.unitOfWork, (work) -> both(2)).block(BOUND);
		assertThat(rows(2)).isEqualTo(2);
	}

	@Test
	void aServerThatStopsAndComesBackIsUsedAgain() throws Exception {
		this.scopes.use(this.unitOfWork, (work) -> both(1)).block(BOUND);
		List<Throwable> errors = new CopyOnWriteArrayList<>();
		Disposable running = this.scopes
			.use(this.unitOfWork, (work) -> both(2).then(this.client.sql("select pg_sleep(60)").fetch().one()))
			.subscribe(null, errors::add);
		Awaitility.await().atMost(BOUND).until(() -> metrics().acquiredSize() == 1);
		server.down();
		// It counts as disposed a moment before its error is heard.
		Awaitility.await().atMost(BOUND).untilAsserted(() -> assertThat(errors).hasSize(1));
		assertThat(running.isDisposed()).isTrue();
		assertThatThrownBy(() -> this.scopes.use(this.unitOfWork, (work) -> both(3)).block(BOUND)).isNotNull();
		assertWhole();
		server.up();
		Awaitility.await()
			.atMost(BOUND)
			.ignoreExceptions()
			.until(() -> this.scopes.use(this.unitOfWork, (work) -> both(4)).block(BOUND) != null);
		assertThat(List.of(rows(1), rows(2), rows(3), rows(4))).containsExactly(2, 0, 0, 2);
	}

	@Test
	void aStatementThatOutlivesItsCallerCostsTheConnectionAndNotThePlaceInThePool() {
		Disposable running = this.scopes
			.use(this.unitOfWork, (work) -> both(1).then(this.client.sql("select pg_sleep(30)").fetch().one()))
			.subscribe();
		Awaitility.await().atMost(BOUND).until(() -> isSleeping(30));
		running.dispose();
		// The rollback waits behind the statement until the release limit.
		assertWhole();
		assertThat(metrics().allocatedSize()).isZero();
		assertThat(rows(1)).isZero();
		this.beside
			.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' "
					+ "and pid <> pg_backend_pid()")
			.fetch()
			.all()
			.blockLast(BOUND);
	}

	@Test
	void aPlainConnectionWithAStatementUnderWayIsNotLentAgain() {
		Disposable running = this.scopes
			.use(this.connection, (connection) -> this.client.sql("select pg_sleep(31)").fetch().one())
			.subscribe();
		Awaitility.await().atMost(BOUND).until(() -> isSleeping(31));
		running.dispose();
		assertWhole();
		assertThat(metrics().allocatedSize()).isZero();
	}

	/** Seconds that no other test sleeps: a server goes on after its client has gone. */
	private boolean isSleeping(int seconds) {
		return Objects.requireNonNull(this.beside
			.sql("select count(*) from pg_stat_activity where query like 'select pg_sleep(" + seconds
					+ ")%' and state = 'active'")
			.map((row) -> Objects.requireNonNull(row.get(0, Long.class)).intValue())
			.one()
			.block(BOUND)) == 1;
	}

	@Test
	void aDeadlineThatPassesUndoesEverything() {
		assertThatThrownBy(() -> this.scopes
			.with(ScopeSpec.of("slow").entering(this.unitOfWork).timeout(Duration.ofMillis(200)),
					(scope) -> both(1).then(this.client.sql("select pg_sleep(1)").fetch().one()))
			.block(BOUND)).isInstanceOf(DeadlineExceededException.class);
		assertThat(rows(1)).isZero();
		assertWhole();
	}

	// Reported of r2dbc-pool.

	/**
	 * r2dbc-pool issue 140: a request is cancelled, and its connection is gone.
	 */
	@Test
	void aCancelledRequestGivesItsConnectionBack() {
		Flux.range(0, 500).flatMap((i) -> {
			Mono<Integer> request = this.scopes.use(this.connection, (connection) -> backend(this.client));
			return request.takeUntilOther(Mono.delay(Duration.ofNanos((i % 40) * 50_000L)));
		}, 32).then().block(BOUND);
		assertWhole();
		everyConnectionAnswers();
	}

	/**
	 * r2dbc-pool issue 143: after cancelled inserts idle connections are never evicted.
	 */
	@Test
	void afterCancelledInsertsNothingIsLeftAllocatedThatIsNotIdle() {
		Flux.range(0, 5)
			.flatMap((thread) -> Flux.range(0, 100)
				.concatMap((i) -> this.scopes.use(this.connection, (connection) -> insert(this.client, i, thread))
					.takeUntilOther(Mono.delay(Duration.ofNanos((i % 10) * 100_000L)))))
			.then()
			.block(BOUND);
		assertWhole();
		everyConnectionAnswers();
	}

	/**
	 * r2dbc-pool issue 144: the same without Spring, on statements of the driver.
	 */
	@Test
	void statementsOfTheDriverThatAreCancelledGiveTheirConnectionBack() {
		Flux.range(0, 500).flatMap((i) -> {
			Mono<Integer> request = this.scopes.use(this.connection,
					(connection) -> Flux.from(connection.createStatement("select 1").execute())
						.<Integer>flatMap((Result result) -> result.map((row) -> row.get(0, Integer.class)))
						.single());
			return request.takeUntilOther(Mono.delay(Duration.ofNanos((i % 40) * 50_000L)));
		}, 32).then().block(BOUND);
		assertWhole();
		everyConnectionAnswers();
	}

	/**
	 * r2dbc-pool issue 198: one of two concurrent queries fails, the other is cancelled
	 * with its answer half read, and whoever gets that connection next waits for ever.
	 */
	@Test
	void aQueryCancelledWithItsAnswerHalfReadSpoilsNobodysConnection() {
		Mono<Long> large = this.scopes.use(this.connection,
				(connection) -> Flux
					.from(connection.createStatement("select generate_series(1, 50000)").fetchSize(100).execute())
					.flatMap((Result result) -> result.map((row) -> row.get(0)))
					.concatMap((row) -> Mono.just(row).delayElement(Duration.ofMillis(1)), 1)
					.count());
		Mono<Long> failing = this.scopes.use(this.connection,
				(connection) -> this.client.sql("select 1 / (select 0 from pg_sleep(0.02))")
					.fetch()
					.one()
					.thenReturn(1L));
		for (int i = 0; i < 10; i++) {
			assertThatThrownBy(() -> Mono.zip(large, failing).block(BOUND)).isNotNull();
		}
		assertWhole();
		everyConnectionAnswers();
	}

	private void everyConnectionAnswers() {
		List<Integer> answers = Flux.range(0, POOL)
			.flatMap((i) -> this.scopes.use(this.connection, (connection) -> backend(this.client)), POOL)
			.collectList()
			.block(BOUND);
		assertThat(answers).hasSize(POOL);
	}

}
