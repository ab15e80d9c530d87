package io.scopedasync.sync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Measured;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * The barrier's promises.
 */
@Timeout(60)
@EventLoop
class BarrierTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Barrier barrier = Barrier.of("start", 3);

	private final List<Integer> numbers = new CopyOnWriteArrayList<>();

	private final List<Throwable> errors = new CopyOnWriteArrayList<>();

	@Test
	@Case(135)
	void theLastLetsAllPassEachWithItsNumber() {
		for (int round = 0; round < 3; round++) {
			arrive();
			arrive();
			assertThat(this.numbers).isEmpty();
			assertThat(this.barrier.usage()).isEqualTo(new Measured.Usage(0, 2, 3, 1));
			assertThat(this.barrier).hasToString("barrier 'start' (2 of 3 waiting)");
			arrive();
			assertThat(this.numbers).containsExactlyInAnyOrder(0, 1, 2);
			this.numbers.clear();
		}
	}

	@Test
	@Case(135)
	void thoseWhoPassMayComeAgainAtOnce() {
		List<List<Integer>> all = Flux.range(0, 3)
			.flatMap((i) -> this.scopes.use(this.barrier, Mono::just).repeat(99).collectList())
			.collectList()
			.as(EventLoop.Loop::await);
		assertThat(all).hasSize(3).allSatisfy((mine) -> assertThat(mine).hasSize(100));
		for (int round = 0; round < 100; round++) {
			int phase = round;
			assertThat(all.stream().map((mine) -> mine.get(phase))).containsExactlyInAnyOrder(0, 1, 2);
		}
		assertThat(this.barrier.waiting()).isZero();
	}

	@Test
	@Case(104)
	void whoIsCancelledLeavesAndTheOthersWaitForOneMore() {
		Disposable first = arrive();
		arrive();
		first.dispose();
		arrive();
		assertThat(this.numbers).isEmpty();
		assertThat(this.barrier.isBroken()).isFalse();
		arrive();
		assertThat(this.numbers).containsExactlyInAnyOrder(0, 1, 2);
	}

	@Test
	@Case(137)
	void resetFailsThoseWhoWaitAndIsUsableAtOnce() {
		arrive();
		arrive();
		this.barrier.reset();
		assertThat(this.errors).hasSize(2)
			.allSatisfy((error) -> assertThat(error).isInstanceOf(BarrierBrokenException.class)
				.hasMessageContaining("'start' was reset"));
		assertThat(this.barrier.isBroken()).isFalse();
		arrive();
		arrive();
		arrive();
		assertThat(this.numbers).containsExactlyInAnyOrder(0, 1, 2);
	}

	@Test
	@Case(137)
	void abortedItIsBrokenUntilReset() {
		arrive();
		this.barrier.abort();
		assertThat(this.barrier.isBroken()).isTrue();
		assertThat(this.barrier).hasToString("barrier 'start' (broken)");
		assertThat(this.errors).hasSize(1);
		assertThatExceptionOfType(BarrierBrokenException.class)
			.isThrownBy(() -> this.scopes.use(this.barrier, Mono::just).as(EventLoop.Loop::await))
			.withMessageContaining("reset it");
		this.barrier.reset();
		arrive();
		arrive();
		arrive();
		assertThat(this.numbers).containsExactlyInAnyOrder(0, 1, 2);
	}

	@Test
	void everyKindOfScopeMeetsAtIt() throws Exception {
		CompletableFuture<Integer> blocking = CompletableFuture.supplyAsync(() -> {
			try {
				return this.scopes.useBlocking(this.barrier, (number) -> number);
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		CompletableFuture<Integer> future = this.scopes.useFuture(this.barrier, CompletableFuture::completedFuture);
		CompletableFuture<Integer> mono = this.scopes.with((scope) -> this.barrier.await()).toFuture();
		List<Integer> all = new ArrayList<>();
		for (CompletableFuture<Integer> one : List.of(blocking, future, mono)) {
			all.add(one.get(30, TimeUnit.SECONDS));
		}
		assertThat(all).containsExactlyInAnyOrder(0, 1, 2);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void aHundredThousandPartiesDoNotOverflow() {
		Barrier large = Barrier.of("large", 100_000);
		for (int i = 0; i < 100_000; i++) {
			this.scopes.use(large, (number) -> Mono.fromRunnable(() -> {
				if (number == 50_000) {
					this.numbers.add(number);
				}
			})).subscribe();
		}
		assertThat(this.numbers).containsExactly(50_000);
		assertThat(large.waiting()).isZero();
	}

	@Test
	void itNeedsAParty() {
		assertThatIllegalArgumentException().isThrownBy(() -> Barrier.of("none", 0)).withMessageContaining("'none'");
	}

	private Disposable arrive() {
		return this.barrier.await().subscribe(this.numbers::add, this.errors::add);
	}

}
