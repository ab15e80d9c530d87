package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.pool.PoolMetrics;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeRecorder;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;

import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.reactive.TransactionalOperator;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A database behind a pool, which is whole after each test.
 */
@Timeout(180)
abstract class DatabaseContract {

	static final Duration BOUND = Duration.ofSeconds(45);

	static final int POOL = 4;

	final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	final AsyncScopes scopes = AsyncScopes.builder().recorder(new ScopeRecorder() {
		@Override
		public void undelivered(String scope, Throwable error) {
			DatabaseContract.this.undelivered.add(error);
		}
	}).releaseTimeout(releaseTimeout()).build();

	/** Told what is asked of the database. */
	volatile Consumer<String> step = (name) -> {
	};

	final ConnectionPool pool = pool(POOL);

	final R2dbcTransactionManager manager = new R2dbcTransactionManager(this.pool);

	final DatabaseClient client = DatabaseClient.create(this.pool);

	final TransactionalOperator transactional = TransactionalOperator.create(this.manager);

	final AsyncResource<Connection> connection = R2dbc.connection(this.pool);

	final AsyncResource<UnitOfWork> unitOfWork = R2dbc.unitOfWork(this.manager);

	/** Beside the pool. */
	final DatabaseClient beside = DatabaseClient.create(database());

	abstract ConnectionFactory database();

	Duration releaseTimeout() {
		return Duration.ofSeconds(10);
	}

	ConnectionPool pool(int size) {
		return new ConnectionPool(
				ConnectionPoolConfiguration.builder(DatabaseSteps.of(database(), (name) -> this.step.accept(name)))
					.initialSize(0)
					.maxSize(size)
					.build());
	}

	@BeforeEach
	void createTable() {
		this.beside.sql("create table if not exists part (unit int not null, part int not null)").then().block(BOUND);
		this.beside.sql("delete from part").then().block(BOUND);
	}

	@AfterEach
	void isWhole() {
		assertWhole();
		this.pool.disposeLater().block(BOUND);
	}

	void assertWhole() {
		PoolMetrics metrics = this.pool.getMetrics().orElseThrow();
		Awaitility.await().pollInterval(Duration.ofMillis(2)).atMost(BOUND).untilAsserted(() -> {
			assertThat(metrics.acquiredSize()).as("lent").isZero();
			assertThat(metrics.pendingAcquireSize()).as("waiting").isZero();
			assertThat(metrics.allocatedSize()).as("neither lent nor idle").isEqualTo(metrics.idleSize());
			assertThat(this.scopes.openScopes()).isEmpty();
		});
	}

	Mono<Long> insert(DatabaseClient client, int unit, int part) {
		return client.sql("insert into part (unit, part) values (" + unit + ", " + part + ")").fetch().rowsUpdated();
	}

	/** Two rows, of which there is never one. */
	Mono<Long> both(int unit) {
		return insert(this.client, unit, 1).then(insert(this.client, unit, 2));
	}

	int rows(int unit) {
		return Objects.requireNonNull(this.beside.sql("select count(*) from part where unit = " + unit)
			.map((row) -> Objects.requireNonNull(row.get(0, Number.class)).intValue())
			.one()
			.block(BOUND));
	}

}
