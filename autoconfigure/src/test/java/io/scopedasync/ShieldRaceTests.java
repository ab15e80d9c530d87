package io.scopedasync;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Phaser;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A cancel that arrives as a shielded scope begins: it runs with everything still held
 * around it, or not at all.
 */
@Timeout(360)
class ShieldRaceTests {

	private static final int ROUNDS = Integer.getInteger("shield.rounds", 5_000);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Recording outer = new Recording("outer");

	private final Recording inner = new Recording("inner");

	private final ScopeSpec shield = ScopeSpec.of("shield").shielded();

	private final AtomicReference<Disposable> running = new AtomicReference<>();

	private final AtomicInteger commits = new AtomicInteger();

	@Test
	void aShieldedScopeCancelledAsItIsSubscribedToDoesNotBegin() {
		cancelledAsItBegins(
				(step) -> step.then(this.scopes.with(this.shield, (scope) -> scope.enter(this.inner).then(commit()))
					.doOnSubscribe((subscription) -> this.running.get().dispose())));
	}

	@Test
	void aShieldedScopeOfManyValuesCancelledAsItIsSubscribedToDoesNotBegin() {
		cancelledAsItBegins((step) -> step
			.thenMany(this.scopes.withMany(this.shield, (scope) -> scope.enter(this.inner).thenMany(commit()))
				.doOnSubscribe((subscription) -> this.running.get().dispose()))
			.then());
	}

	@Test
	void aShieldedScopeInsideAShieldCancelledAsItIsSubscribedToDoesNotBegin() {
		cancelledAsItBegins((step) -> step
			.then(this.scopes.with(this.shield, (scope) -> this.scopes.with(this.shield, (within) -> commit()))
				.doOnSubscribe((subscription) -> this.running.get().dispose())));
	}

	@Test
	void aShieldedChildOfAChildCancelledAsItIsSubscribedToDoesNotBegin() {
		cancelledAsItBegins((step) -> this.scopes.with(ScopeSpec.of("between"),
				(scope) -> step.then(this.scopes.with(this.shield, (within) -> commit())
					.doOnSubscribe((subscription) -> this.running.get().dispose()))));
	}

	@Test
	void aShieldedScopeWithNoneAroundItCancelledInOnSubscribeAcquiresNothing() {
		this.scopes.with(this.shield, (scope) -> scope.enter(this.inner).then(commit()))
			.subscribe(new BaseSubscriber<Void>() {
				@Override
				protected void hookOnSubscribe(Subscription subscription) {
					cancel();
				}
			});
		this.scopes.withMany(this.shield, (scope) -> scope.enter(this.inner).thenMany(commit()))
			.subscribe(new BaseSubscriber<Void>() {
				@Override
				protected void hookOnSubscribe(Subscription subscription) {
					cancel();
				}
			});
		assertThat(this.commits).hasValue(0);
		assertThat(this.inner.events).isEmpty();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	private void cancelledAsItBegins(Function<Mono<Void>, Mono<Void>> body) {
		Sinks.Empty<Void> step = Sinks.empty();
		this.running.set(this.scopes.use(this.outer, (value) -> body.apply(step.asMono())).subscribe());
		step.tryEmitEmpty();
		assertThat(this.commits).hasValue(0);
		assertThat(this.inner.events).isEmpty();
		assertThat(this.outer.released()).isOne();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	private Mono<Void> commit() {
		return Mono.fromRunnable(this.commits::incrementAndGet);
	}

	@Test
	void aShieldedScopeRunsOnWhatIsStillHeldOrNotAtAll() throws Exception {
		AtomicInteger onClosed = new AtomicInteger();
		Phaser both = new Phaser(2);
		AtomicReference<Disposable> cancel = new AtomicReference<>();
		CountDownLatch over = new CountDownLatch(1);
		Thread canceller = new Thread(() -> {
			for (int i = 0; i < ROUNDS; i++) {
				both.arriveAndAwaitAdvance();
				for (int spin = i & 63; spin > 0; spin--) {
					Thread.onSpinWait();
				}
				cancel.get().dispose();
				both.arriveAndAwaitAdvance();
			}
			over.countDown();
		});
		canceller.setDaemon(true);
		canceller.start();
		for (int i = 0; i < ROUNDS; i++) {
			AtomicBoolean closed = new AtomicBoolean();
			AsyncResource<String> connection = AsyncResource.closing(() -> Mono.just("connection"),
					(value) -> Mono.fromRunnable(() -> closed.set(true)));
			Sinks.Empty<Void> step = Sinks.empty();
			Mono<Void> commit = Mono.fromRunnable(() -> {
				if (closed.get()) {
					onClosed.incrementAndGet();
				}
			});
			cancel.set(this.scopes
				.use(connection, (value) -> step.asMono().then(this.scopes.with(this.shield, (scope) -> commit)))
				.subscribe());
			both.arriveAndAwaitAdvance();
			step.tryEmitEmpty();
			both.arriveAndAwaitAdvance();
		}
		assertThat(over.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(onClosed).hasValue(0);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

}
