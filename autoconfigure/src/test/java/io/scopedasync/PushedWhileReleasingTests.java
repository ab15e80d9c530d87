package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What is pushed while a scope releases, as in Python's {@code AsyncExitStack}, and what
 * leaves a scope by a transfer.
 */
class PushedWhileReleasingTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<String> events = new CopyOnWriteArrayList<>();

	private Mono<Void> later(String event) {
		return Mono.delay(Duration.ofMillis(5)).doOnNext((tick) -> this.events.add(event)).then();
	}

	@ParameterizedTest
	@EnumSource(Front.class)
	void itRunsNextAndIsWaitedFor(Front front) {
		ScopeSpec spec = ScopeSpec.of("stack").entering(AsyncResource.of(() -> Mono.just("x"), (value, exit) -> {
			this.events.add("resource");
			return Mono.empty();
		}));
		Front.Call call = front.start(this.scopes, spec, (scope) -> {
			scope.onExit((exit) -> later("first"));
			scope.onExit((exit) -> Mono.defer(() -> {
				scope.onExit((again) -> later("pushed first"));
				scope.onExit((again) -> later("pushed last"));
				return later("second");
			}));
			return Mono.just("x");
		});
		assertThat(call.value()).isEqualTo("x");
		assertThat(this.events).containsExactly("second", "pushed last", "pushed first", "first", "resource");
	}

	@Test
	void itRunsAfterTheReleaseOfTheFirstResource() {
		AtomicReference<Scope> scope = new AtomicReference<>();
		AsyncResource<String> resource = AsyncResource.of(() -> Mono.just("x"), (value, exit) -> Mono.defer(() -> {
			scope.get().onExit((again) -> later("pushed"));
			return later("resource");
		}));
		this.scopes.with(ScopeSpec.of("stack").entering(resource), (opened) -> {
			scope.set(opened);
			return Mono.just("x");
		}).block(LIMIT);
		assertThat(this.events).containsExactly("resource", "pushed");
	}

	@Test
	void itMayReplaceTheExit() {
		IllegalStateException error = new IllegalStateException("expected");
		assertThatThrownBy(() -> this.scopes.with((scope) -> {
			scope.onExit((exit) -> {
				scope.onExit((again) -> Mono.error(error));
				return Mono.empty();
			});
			return Mono.just("x");
		}).block(LIMIT)).isSameAs(error);
	}

	@Test
	void whatIsPushedAsTheScopeSettlesRunsOnce() {
		int rounds = 5_000;
		AtomicInteger pushed = new AtomicInteger();
		AtomicInteger ran = new AtomicInteger();
		for (int i = 0; i < rounds; i++) {
			AtomicReference<Scope> scope = new AtomicReference<>();
			CompletableFuture<Void> settled = this.scopes.with((opened) -> {
				scope.set(opened);
				opened.onExit((exit) -> Mono.<Void>empty().publishOn(Schedulers.parallel()));
				return Mono.just("x");
			}).then().toFuture();
			int spins = ThreadLocalRandom.current().nextInt(300);
			for (int spin = 0; spin < spins; spin++) {
				Thread.onSpinWait();
			}
			pushed.incrementAndGet();
			scope.get().onExit((exit) -> Mono.fromRunnable(ran::incrementAndGet));
			settled.join();
			scope.get().close().block(LIMIT);
		}
		org.awaitility.Awaitility.await().atMost(LIMIT).untilAsserted(() -> assertThat(ran).hasValue(pushed.get()));
	}

	@Test
	void aTransferOutlivesTheScopesAround() {
		AtomicReference<Scope> owner = new AtomicReference<>();
		AsyncResource<String> resource = AsyncResource.of(() -> Mono.just("x"), (value, exit) -> later("released"));
		this.scopes.with(ScopeSpec.of("outer"),
				(outer) -> this.scopes.with(ScopeSpec.of("inner").entering(resource), (inner) -> {
					owner.set(inner.transfer());
					return Mono.just("x");
				}))
			.block(LIMIT);
		assertThat(this.events).isEmpty();
		assertThat(owner.get().parent()).isNull();
		owner.get().close().block(LIMIT);
		assertThat(this.events).containsExactly("released");
	}

	@Test
	void aCancelOfAGroupInItsBodyIsHeardAtOnce() {
		AtomicInteger cancelled = new AtomicInteger();
		AtomicInteger before = new AtomicInteger();
		this.scopes.group((group) -> {
			Task<Object> task = group.start(Mono.never().doOnCancel(cancelled::incrementAndGet));
			group.cancel();
			before.set(cancelled.get());
			assertThat(task.exit()).isInstanceOf(Exit.Cancelled.class);
			assertThatThrownBy(() -> group.start(Mono.just("late"))).isInstanceOf(ScopeClosedException.class);
			return Mono.just("x");
		}).block(LIMIT);
		assertThat(before).hasValue(1);
		assertThat(cancelled).hasValue(1);
	}

}
