package io.scopedasync.sync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * A lock per key.
 */
@EventLoop
class KeyedLockTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final KeyedLock accounts = KeyedLock.builder("account-lock").leakThreshold(Duration.ofHours(1)).build();

	private final List<String> order = new CopyOnWriteArrayList<>();

	@Test
	@Case(121)
	void oneHolderPerKeyAndKeysDoNotDisturbEachOther() {
		Sinks.Empty<Void> first = waits("a", "first of a");
		Sinks.Empty<Void> second = waits("a", "second of a");
		waits("b", "first of b");
		assertThat(this.order).containsExactly("first of a", "first of b");
		assertThat(this.accounts.statistics()).isEqualTo(new KeyedLock.Statistics(2, 2, 1));
		assertThat(this.accounts.usage()).isEqualTo(new Measured.Usage(2, 1, 2, 0));
		first.tryEmitEmpty();
		assertThat(this.order).last().isEqualTo("second of a");
		second.tryEmitEmpty();
		assertThat(this.accounts.statistics()).isEqualTo(new KeyedLock.Statistics(1, 1, 0));
		assertThat(this.accounts).hasToString("lock 'account-lock' (1 of 1 keys held, 0 waiting)");
		assertThat(this.accounts.type()).isEqualTo("keyed-lock");
	}

	@Test
	void idleKeysAreForgotten() {
		for (int i = 0; i < 1000; i++) {
			this.scopes.use(this.accounts.forKey(i), (hold) -> Mono.empty()).as(EventLoop.Loop::await);
			this.scopes.use(this.accounts.forKey(i), (hold) -> Mono.error(new IllegalStateException("expected")))
				.onErrorComplete()
				.as(EventLoop.Loop::await);
		}
		Sinks.Empty<Void> end = waits("a", "holder");
		this.scopes.use(this.accounts.forKey("a"), (hold) -> Mono.never()).subscribe().dispose();
		assertThat(this.accounts.statistics()).isEqualTo(new KeyedLock.Statistics(1, 1, 0));
		end.tryEmitEmpty();
		assertThat(this.accounts.statistics()).isEqualTo(new KeyedLock.Statistics(0, 0, 0));
	}

	@Test
	@Case(122)
	void anotherKeyMayBeTakenUnderOneAndTheSameMayNot() {
		assertThat(this.scopes
			.use(this.accounts.forKey("a"),
					(a) -> this.scopes.use(this.accounts.forKey("b"),
							(b) -> Mono.just(this.accounts.statistics().held())))
			.toFuture()
			.join()).isEqualTo(2);
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes
				.use(this.accounts.forKey("a"),
						(a) -> this.scopes.use(this.accounts.forKey("b"),
								(b) -> this.scopes.use(this.accounts.forKey("a"), (again) -> Mono.just("x"))))
				.as(EventLoop.Loop::await))
			.withMessageContaining("'account-lock' is held already");
		assertThat(this.accounts.statistics()).isEqualTo(new KeyedLock.Statistics(0, 0, 0));
	}

	@Test
	void whoHoldsIsKnownByKey() {
		Sinks.Empty<Void> a = waits("a", "a");
		Sinks.Empty<Void> b = waits("b", "b");
		List<Scope> holders = this.scopes.holders(this.accounts.forKey("a"));
		assertThat(holders).singleElement()
			.satisfies((scope) -> assertThat(scope.keys()).containsEntry("account-lock", "a"))
			.satisfies((scope) -> assertThat(scope.leakThreshold()).isEqualTo(Duration.ofHours(1)));
		assertThat(this.scopes.holders(this.accounts.forKey("c"))).isEmpty();
		a.tryEmitEmpty();
		b.tryEmitEmpty();
	}

	@Test
	void aHoldIsAskedForByKey() {
		this.scopes.use(this.accounts.forKey("a"), (hold) -> this.accounts.forKey("a").held().map((held) -> {
			assertThat(held).isSameAs(hold);
			return held;
		})).as(EventLoop.Loop::await);
	}

	@Test
	void itIsNotCountedInUnits() {
		assertThatIllegalArgumentException().isThrownBy(() -> this.accounts.forKey("a", 2))
			.withMessageContaining("'account-lock'");
	}

	private Sinks.Empty<Void> waits(String key, String name) {
		Sinks.Empty<Void> end = Sinks.empty();
		this.scopes
			.use(this.accounts.forKey(key), (hold) -> Mono.fromRunnable(() -> this.order.add(name)).then(end.asMono()))
			.subscribe();
		return end;
	}

}
