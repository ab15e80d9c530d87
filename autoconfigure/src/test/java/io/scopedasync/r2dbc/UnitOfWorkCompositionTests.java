package io.scopedasync.r2dbc;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

import io.r2dbc.h2.H2ConnectionConfiguration;
import io.r2dbc.h2.H2ConnectionFactory;
import io.r2dbc.h2.H2ConnectionOption;
import io.r2dbc.spi.ConnectionFactory;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.limiter.Limiter;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Units of work among the other members of the family.
 */
class UnitOfWorkCompositionTests extends DatabaseContract {

	private final IllegalStateException error = new IllegalStateException("expected");

	@Override
	ConnectionFactory database() {
		return new H2ConnectionFactory(H2ConnectionConfiguration.builder()
			.inMemory("composed")
			.property(H2ConnectionOption.DB_CLOSE_DELAY, "-1")
			.build());
	}

	@Test
	void aDeadlineThatPassesDuringTheCommitDoesNotDenyIt() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		AsyncScopes timed = AsyncScopes.builder().clock(ScopeClock.of(time)).build();
		AtomicBoolean late = new AtomicBoolean();
		this.step = (name) -> {
			if (name.equals("commitTransaction")) {
				late.set(true);
				time.advanceTimeBy(Duration.ofSeconds(1));
			}
		};
		ScopeSpec slow = ScopeSpec.of("slow").entering(this.unitOfWork).timeout(Duration.ofMillis(400));
		Long updated = timed.with(slow, (scope) -> both(1)).block(BOUND);
		assertThat(late).isTrue();
		assertThat(updated).isEqualTo(1);
		assertThat(rows(1)).isEqualTo(2);
	}

	@Test
	void tasksInsideArePartOfIt() {
		this.scopes.use(this.unitOfWork, (work) -> this.scopes.group((group) -> {
			group.start(insert(this.client, 1, 1));
			group.start(insert(this.client, 1, 2));
			return Mono.just("started");
		})).block(BOUND);
		assertThat(rows(1)).isEqualTo(2);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(this.unitOfWork, (work) -> this.scopes.group((group) -> {
				group.start(insert(this.client, 2, 1).then(Mono.error(this.error)));
				group.start(insert(this.client, 2, 2));
				return Mono.just("started");
			})).block(BOUND))
			.isSameAs(this.error);
		assertThat(rows(2)).isZero();
	}

	@Test
	void aTaskMayHaveOneOfItsOwn() {
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(this.unitOfWork, (work) -> this.scopes.group((group) -> {
				group.start(this.scopes.use(this.unitOfWork.fresh(), (own) -> both(1)));
				return insert(this.client, 2, 1);
			}).then(Mono.error(this.error))).block(BOUND))
			.isSameAs(this.error);
		assertThat(List.of(rows(1), rows(2))).containsExactly(2, 0);
	}

	@Test
	void aGroupOfUnitsOfWorkCommitsEachOrNone() {
		Sinks.Empty<Void> committed = Sinks.empty();
		Sinks.Empty<Void> halfWay = Sinks.empty();
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.group((group) -> {
			group.start(this.scopes.use(this.unitOfWork, (work) -> both(1))
				.doOnSuccess((value) -> committed.tryEmitEmpty()));
			group.start(this.scopes.use(this.unitOfWork,
					(work) -> insert(this.client, 2, 1).doOnSuccess((value) -> halfWay.tryEmitEmpty())
						.then(Mono.never())));
			group.start(Mono.when(committed.asMono(), halfWay.asMono()).then(Mono.error(this.error)));
			return Mono.never();
		}).block(BOUND)).isSameAs(this.error);
		assertThat(List.of(rows(1), rows(2))).containsExactly(2, 0);
	}

	@Test
	void oneAcquiredBesideOthersIsThatOfTheBody() {
		AsyncResource<List<Object>> both = AsyncResource.all(this.unitOfWork,
				AsyncResource.of(() -> Mono.delay(Duration.ofMillis(20)), (value, exit) -> Mono.empty()));
		this.scopes
			.use(both,
					(values) -> both(1).then(this.unitOfWork.held())
						.doOnNext((held) -> assertThat(held).isSameAs(values.get(0))))
			.block(BOUND);
		assertThat(rows(1)).isEqualTo(2);
		assertThatIllegalStateException().isThrownBy(
				() -> this.scopes
					.use(both,
							(values) -> this.scopes.use(this.unitOfWork, (work) -> both(2))
								.then(Mono.error(this.error)))
					.block(BOUND))
			.isSameAs(this.error);
		assertThat(rows(2)).isZero();
	}

	@Test
	void oneBesideOneThatFailsIsUndone() {
		AsyncResource<List<Object>> both = AsyncResource.all(this.unitOfWork, AsyncResource
			.of(() -> Mono.delay(Duration.ofMillis(50)).then(Mono.error(this.error)), (value, exit) -> Mono.empty()));
		assertThatIllegalStateException().isThrownBy(() -> this.scopes.use(both, (values) -> both(1)).block(BOUND))
			.isSameAs(this.error);
		assertThat(rows(1)).isZero();
	}

	/** The limiter counts the inner one too, which joins behind it. */
	@Test
	void oneBehindALimiterGivesBackBothWheneverItIsCancelled() {
		Limiter limiter = Limiter.builder("db-limit").permits(2).build();
		AsyncResource<UnitOfWork> limited = limiter.flatMap((permit) -> this.unitOfWork);
		this.scopes.use(limited, (work) -> both(1).then(this.scopes.use(limited, (inner) -> {
			assertThat(inner.isNew()).isFalse();
			assertThat(limiter.usage().active()).isEqualTo(2);
			return insert(this.client, 1, 3);
		})).then(this.unitOfWork.held()).doOnNext((held) -> assertThat(held).isSameAs(work))).block(BOUND);
		assertThat(rows(1)).isEqualTo(3);
		Flux.range(100, 500)
			.flatMap((unit) -> this.scopes.use(limited, (work) -> both(unit))
				.takeUntilOther(Mono.delay(Duration.ofNanos((unit % 40) * 50_000L))), 32)
			.then()
			.block(BOUND);
		assertWhole();
		assertThat(limiter.usage().active()).isZero();
		assertThat(this.beside
			.sql("select count(*) from (select unit from part where unit >= 100 "
					+ "group by unit having count(*) <> 2)")
			.fetch()
			.one()
			.block(BOUND)
			.values()).containsExactly(0L);
	}

}
