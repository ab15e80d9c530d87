package io.scopedasync.sync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Deadlock;
import io.scopedasync.DeadlockException;
import io.scopedasync.ScopeClock;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Scopes that wait for each other's locks are found.
 */
@EventLoop
class LockDeadlockTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).tracked(true).build();

	private final Lock lock = Lock.builder("lock").build();

	private final Lock other = Lock.builder("other").build();

	private final ReadWriteLock prices = ReadWriteLock.builder("prices").build();

	private final KeyedLock accounts = KeyedLock.builder("accounts").build();

	private final Limiter limiter = Limiter.builder("limiter").build();

	private final List<Deadlock> found = new ArrayList<>();

	private final Sinks.Empty<String> gate = Sinks.empty();

	@AfterEach
	void everythingIsGivenBack() {
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(List.of(this.lock.usage(), this.other.usage(), this.prices.usage(), this.accounts.usage(),
				this.limiter.usage()))
			.allSatisfy((usage) -> assertThat(usage.active() + usage.pending()).isZero());
	}

	private CompletableFuture<String> nesting(AsyncResource<?> first, AsyncResource<?> second) {
		CompletableFuture<String> call = this.scopes
			.use(first, (held) -> this.gate.asMono().then(this.scopes.use(second, (both) -> Mono.just("both"))))
			.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		return call;
	}

	private void open() {
		this.gate.tryEmitEmpty();
		for (int look = 0; look < 2; look++) {
			this.scopes.breakDeadlocks(this.found::add);
		}
	}

	private void theSecondFails(CompletableFuture<String> first, CompletableFuture<String> second) {
		assertThat(this.found).hasSize(1);
		assertThat(second).failsWithin(Duration.ofSeconds(30))
			.withThrowableOfType(ExecutionException.class)
			.withCauseInstanceOf(DeadlockException.class);
		assertThat(first).isCompletedWithValue("both");
	}

	@Test
	void twoLocksInOppositeOrder() {
		CompletableFuture<String> first = nesting(this.lock, this.other);
		CompletableFuture<String> second = nesting(this.other, this.lock);
		open();
		theSecondFails(first, second);
	}

	@Test
	void aLockAndALimiter() {
		CompletableFuture<String> first = nesting(this.lock, this.limiter);
		CompletableFuture<String> second = nesting(this.limiter, this.lock);
		open();
		theSecondFails(first, second);
	}

	@Test
	void twoKeysOfOneLock() {
		CompletableFuture<String> first = nesting(this.accounts.forKey("a"), this.accounts.forKey("b"));
		CompletableFuture<String> second = nesting(this.accounts.forKey("b"), this.accounts.forKey("a"));
		CompletableFuture<String> beside = nesting(this.accounts.forKey("c"), this.accounts.forKey("d"));
		open();
		theSecondFails(first, second);
		assertThat(beside).isCompletedWithValue("both");
	}

	@Test
	void whatIsComposedOfOneAfterTheOther() {
		CompletableFuture<String> first = composed(this.lock, this.other);
		CompletableFuture<String> second = composed(this.other, this.lock);
		open();
		theSecondFails(first, second);
	}

	private CompletableFuture<String> composed(Lock one, Lock next) {
		AsyncResource<Hold> both = one.flatMap((held) -> waitingForTheGate().flatMap((open) -> next));
		CompletableFuture<String> call = this.scopes.use(both, (held) -> Mono.just("both")).toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		return call;
	}

	private AsyncResource<String> waitingForTheGate() {
		return AsyncResource.of(() -> this.gate.asMono().defaultIfEmpty("open"), (open, exit) -> Mono.empty());
	}

	@Test
	void aReaderThatHoldsWhatTheWriterWaitsFor() {
		CompletableFuture<String> first = nesting(this.prices.read(), this.lock);
		CompletableFuture<String> second = nesting(this.lock, this.prices.write());
		open();
		theSecondFails(first, second);
	}

	@Test
	void readersAreNoDeadlock() {
		CompletableFuture<String> first = nesting(this.prices.read(), this.lock);
		CompletableFuture<String> second = nesting(this.lock, this.prices.read());
		open();
		assertThat(this.found).isEmpty();
		assertThat(List.of(first, second)).allMatch((call) -> "both".equals(call.join()));
	}

	@Test
	void whoWaitsForASignalIsNoDeadlock() {
		Condition ready = this.lock.condition("ready");
		CompletableFuture<String> waiting = this.scopes.use(this.lock, (held) -> ready.await().thenReturn("woken"))
			.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		open();
		assertThat(this.found).isEmpty();
		this.scopes.use(this.lock, (held) -> ready.signal()).subscribe();
		assertThat(waiting).isCompletedWithValue("woken");
	}

	@Test
	void whoIsWokenIntoADeadlockIsFound() {
		Condition ready = this.lock.condition("ready");
		CompletableFuture<String> woken = this.scopes
			.use(this.other, (outer) -> this.scopes.use(this.lock, (held) -> ready.await().thenReturn("woken")))
			.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		CompletableFuture<String> second = this.scopes
			.use(this.lock, (held) -> ready.signal().then(this.scopes.use(this.other, (both) -> Mono.just("both"))))
			.toFuture();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		open();
		assertThat(this.found).hasSize(1);
		assertThat(second).isCompletedExceptionally();
		assertThat(woken).isCompletedWithValue("woken");
	}

}
