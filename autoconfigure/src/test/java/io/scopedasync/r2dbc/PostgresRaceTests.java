package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.Scope;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Units of work of two rows each on a real PostgreSQL, cancelled, failed and killed at
 * random. There are always both rows or none, whoever was told something was told the
 * truth, and no connection is lost. The system property {@value #RUNS} says how many
 * there are at most, and a minute is enough in any case.
 */
@Timeout(300)
class PostgresRaceTests extends DatabaseContract {

	static final String RUNS = "scoped-async.postgres-races";

	private static final Duration LONGEST = Duration.ofSeconds(60);

	private static final int TOLD_COMMITTED = 1;

	private static final int TOLD_FAILED_BY_ITSELF = 2;

	private static final List<Logger> EXPECTED = List.of((Logger) LoggerFactory.getLogger(Scope.class),
			(Logger) LoggerFactory.getLogger("reactor.core.publisher.Operators"),
			(Logger) LoggerFactory.getLogger("io.r2dbc.postgresql"));

	private static PostgresServer server;

	@BeforeAll
	static void start() {
		server = PostgresServer.start();
		EXPECTED.forEach((logger) -> logger.setLevel(Level.OFF));
	}

	@AfterAll
	static void stop() throws Exception {
		EXPECTED.forEach((logger) -> logger.setLevel(null));
		if (server != null) {
			server.close();
		}
	}

	@Override
	ConnectionFactory database() {
		return server.connections();
	}

	@Test
	void noConnectionIsLostAndNoUnitOfWorkIsHalfCommitted() {
		int runs = Integer.getInteger(RUNS, 100_000);
		long seed = System.nanoTime();
		System.out.println("PostgresRaceTests: seed " + seed);
		Random random = new Random(seed);
		AtomicIntegerArray told = new AtomicIntegerArray(runs);
		AtomicInteger cancelled = new AtomicInteger();
		AtomicInteger failed = new AtomicInteger();
		AtomicInteger killed = new AtomicInteger();
		AtomicBoolean enough = new AtomicBoolean();
		Disposable limit = Schedulers.parallel()
			.schedule(() -> enough.set(true), LONGEST.toMillis(), TimeUnit.MILLISECONDS);
		AtomicBoolean over = new AtomicBoolean();
		CompletableFuture<Void> killer = Flux.interval(Duration.ofMillis(200))
			.onBackpressureDrop()
			.takeWhile((tick) -> !over.get())
			.concatMap((tick) -> this.beside
				.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'test' "
						+ "and pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 1")
				.fetch()
				.all()
				.doOnNext((row) -> killed.incrementAndGet())
				.then()
				.onErrorComplete())
			.then()
			.toFuture();
		Integer done = Flux.range(0, runs).takeWhile((unit) -> !enough.get()).flatMap((unit) -> {
			int fate = random.nextInt(8);
			long after = random.nextInt(4000) * 1000L;
			Mono<Long> body = this.scopes.use(this.unitOfWork, (work) -> {
				Mono<Long> both = both(unit);
				return (fate == 0) ? both.then(Mono.error(new IllegalStateException("body"))) : both;
			});
			Mono<Long> heard = body.doOnSuccess((value) -> told.set(unit, TOLD_COMMITTED)).doOnError((error) -> {
				failed.incrementAndGet();
				if (error instanceof IllegalStateException && "body".equals(error.getMessage())) {
					told.set(unit, TOLD_FAILED_BY_ITSELF);
				}
			}).doOnCancel(cancelled::incrementAndGet);
			Mono<Long> caller = (fate < 4) ? heard.takeUntilOther(Mono.delay(Duration.ofNanos(after))) : heard;
			return caller.onErrorComplete().thenReturn(unit);
		}, 24).count().map(Long::intValue).block(LONGEST.multipliedBy(2));
		limit.dispose();
		// Its last victim must not be one of those that count.
		over.set(true);
		assertThat(killer).succeedsWithin(BOUND);
		assertWhole();
		long committed = units("= 2");
		long truth = countOf(told, TOLD_COMMITTED);
		System.out.printf(
				"PostgresRaceTests: %d units of work, %d committed (%d told), %d cancelled, %d failed, "
						+ "%d connections killed%n",
				done, committed, truth, cancelled.get(), failed.get(), killed.get());
		assertThat(units("<> 2")).as("half-committed, seed %d", seed).isZero();
		assertThat(committed).as("seed %d", seed).isBetween(truth, truth + cancelled.get() + failed.get());
		List<Integer> there = this.beside.sql("select distinct unit from part")
			.map((row) -> Objects.requireNonNull(row.get(0, Integer.class)))
			.all()
			.collectList()
			.block(BOUND);
		assertThat(there).as("said to have failed, seed %d", seed)
			.noneMatch((unit) -> told.get(unit) == TOLD_FAILED_BY_ITSELF);
		assertThat(there.stream().filter((unit) -> told.get(unit) == TOLD_COMMITTED).count())
			.as("said to be committed, seed %d", seed)
			.isEqualTo(truth);
		assertThat(cancelled.get()).isPositive();
		assertThat(killed.get()).isPositive();
	}

	private long units(String condition) {
		return Objects.requireNonNull(this.beside
			.sql("select count(*) from (select unit from part group by unit having count(*) " + condition + ") units")
			.map((row) -> row.get(0, Long.class))
			.one()
			.block(BOUND));
	}

	private static long countOf(AtomicIntegerArray told, int what) {
		long count = 0;
		for (int i = 0; i < told.length(); i++) {
			count += (told.get(i) == what) ? 1 : 0;
		}
		return count;
	}

}
