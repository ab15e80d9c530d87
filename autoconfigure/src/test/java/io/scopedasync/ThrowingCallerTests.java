package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Callers that throw where the rules of Reactive Streams forbid it, as a lambda given to
 * {@code subscribe} may: the harm is their own.
 */
@Timeout(60)
class ThrowingCallerTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AtomicInteger released = new AtomicInteger();

	private final List<Throwable> heard = new CopyOnWriteArrayList<>();

	private final List<String> ends = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.shutdownTimeout(Duration.ofSeconds(5))
		.releaseTimeout(Duration.ofSeconds(5))
		.build();

	@AfterEach
	void stopTime() {
		this.time.dispose();
	}

	@Test
	void aCallerThatThrowsWhenItIsToldOfTheShutdownHarmsNobodyElse() {
		for (int i = 0; i < 3; i++) {
			this.scopes.with((scope) -> {
				scope.onExit((exit) -> Mono.fromRunnable(this.released::incrementAndGet));
				return Mono.never();
			}).subscribe(new Throwing());
		}
		closeNow();
		this.time.advanceTimeBy(Duration.ofSeconds(6));
		assertThat(this.released).hasValue(3);
		assertThat(this.ends).containsExactly("closed");
	}

	@Test
	void aCallerInsideThatThrowsDoesNotKeepTheScopeAroundItOpen() {
		Scope outer = this.scopes.open("outer");
		outer.onExit((exit) -> Mono.fromRunnable(this.released::incrementAndGet));
		this.scopes.with((scope) -> Mono.never())
			.contextWrite((context) -> context.put(Scope.class, outer))
			.subscribe(new Throwing());
		outer.cancel("test").subscribe(null, this.heard::add, () -> this.ends.add("settled"));
		assertThat(this.released).hasValue(1);
		assertThat(this.ends).containsExactly("settled");
	}

	@Test
	void whoWaitsForTheEndAndThrowsDoesNotKeepItFromTheCaller() {
		Scope[] opened = new Scope[1];
		Scope outer = this.scopes.open("outer");
		this.scopes.with((scope) -> {
			opened[0] = scope;
			return Mono.never();
		}).contextWrite((context) -> context.put(Scope.class, outer)).subscribe(null, this.heard::add);
		Sinks.Empty<Void> release = Sinks.empty();
		opened[0].onExit((exit) -> release.asMono());
		opened[0].close().subscribe(new Throwing());
		release.tryEmitEmpty();
		assertThat(this.heard).hasSize(1);
		outer.close().subscribe(null, null, () -> this.ends.add("settled"));
		assertThat(this.ends).containsExactly("settled");
	}

	private void closeNow() {
		this.scopes.close().subscribe(null, null, () -> this.ends.add("closed"));
	}

	/** Breaks the rules: what it throws reaches whoever signals. */
	private static final class Throwing implements CoreSubscriber<Object> {

		@Override
		public void onSubscribe(Subscription subscription) {
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		public void onNext(Object value) {
		}

		@Override
		public void onError(Throwable error) {
			throw new IllegalStateException("thrown by a caller");
		}

		@Override
		public void onComplete() {
			throw new IllegalStateException("thrown by a caller");
		}

	}

}
