package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Scopes in scopes, and long exit stacks: on the stack of an ordinary thread.
 */
class ScopeDepthTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final AtomicInteger acquired = new AtomicInteger();

	private final AtomicInteger released = new AtomicInteger();

	private final AsyncResource<String> counted = AsyncResource.closing(() -> Mono.fromCallable(() -> {
		this.acquired.incrementAndGet();
		return "r";
	}), (value) -> Mono.fromRunnable(this.released::incrementAndGet));

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	@Case(29)
	void aThousandScopesInsideEachOther(boolean hop) throws Exception {
		CompletableFuture<Integer> depth = new CompletableFuture<>();
		Thread thread = new Thread(() -> nested(1_000, hop).subscribe(depth::complete, depth::completeExceptionally));
		thread.start();
		assertThat(depth.get(30, TimeUnit.SECONDS)).isEqualTo(1_000);
		assertThat(this.acquired).hasValue(1_000);
		assertThat(this.released).hasValue(1_000);
	}

	private Mono<Integer> nested(int depth, boolean hop) {
		return this.scopes.use(this.counted, (value) -> {
			if (depth > 1) {
				return nested(depth - 1, hop).map((below) -> below + 1);
			}
			return hop ? Mono.just(1).publishOn(Schedulers.parallel()) : Mono.just(1);
		});
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	@Case(29)
	void tenThousandScopesByHandInsideEachOther(boolean tracked) throws Exception {
		AsyncScopes scopes = AsyncScopes.builder().tracked(tracked).build();
		CompletableFuture<Object> end = new CompletableFuture<>();
		List<Scope> open = new ArrayList<>();
		Thread thread = new Thread(null, () -> {
			Scope scope = scopes.open("root");
			for (int i = 0; i < 10_000; i++) {
				open.add(scope);
				scope.enter(this.counted).subscribe();
				scope = scope.child("child");
			}
			open.get(0).close().subscribe((value) -> {
			}, end::completeExceptionally, () -> end.complete("closed"));
		}, "small stack", 256 * 1024);
		thread.start();
		assertThat(end.get(30, TimeUnit.SECONDS)).isEqualTo("closed");
		assertThat(this.released).hasValue(10_000);
		assertThat(scopes.openScopes()).isEmpty();
		assertThat(open).allSatisfy((scope) -> assertThat(scope.state()).isEqualTo(Scope.State.CLOSED));
	}

	@Test
	@Case(29)
	void aThousandTrackedScopesInsideEachOtherThatAreCancelled() throws Exception {
		AsyncScopes scopes = AsyncScopes.builder().tracked(true).build();
		CompletableFuture<Integer> open = new CompletableFuture<>();
		// The cancel goes through all operators in between, as Reactor's does: how much
		// of
		// the stack that takes depends on how they are compiled.
		Thread thread = new Thread(null, () -> {
			Disposable call = endless(scopes, 1_000).subscribe();
			open.complete(scopes.openScopes().size());
			call.dispose();
		}, "deep", 4 << 20);
		thread.start();
		assertThat(open.get(30, TimeUnit.SECONDS)).isEqualTo(1_000);
		thread.join(LIMIT.toMillis());
		assertThat(this.released).hasValue(1_000);
		assertThat(scopes.openScopes()).isEmpty();
	}

	private Mono<Integer> endless(AsyncScopes scopes, int depth) {
		return scopes.use(this.counted, (value) -> (depth > 1) ? endless(scopes, depth - 1) : Mono.never());
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	@Case(29)
	void tenThousandEntriesUnwindWithoutRecursion(boolean cancelled) throws Exception {
		CompletableFuture<Object> end = new CompletableFuture<>();
		Thread thread = new Thread(null,
				() -> this.scopes.with((scope) -> Flux.range(0, 10_000)
					.concatMap((i) -> scope.enter(this.counted))
					.then(Mono.fromRunnable(() -> {
						if (cancelled) {
							scope.cancel("enough");
						}
					}))).subscribe((value) -> {
					}, end::complete, () -> end.complete("done")),
				"small stack", 256 * 1024);
		thread.start();
		end.get(30, TimeUnit.SECONDS);
		assertThat(this.released).hasValue(10_000);
	}

	@Test
	@Case({ 23, 29 })
	void thousandsOfReleasesThatFailOrTakeTimeAllRun() {
		AsyncResource<Integer> slow = AsyncResource.closing(() -> Mono.fromCallable(this.acquired::incrementAndGet),
				(number) -> Mono.<Void>fromRunnable(this.released::incrementAndGet)
					.then((number % 3 == 0) ? Mono.error(new IllegalStateException("expected " + number))
							: Mono.<Void>empty().publishOn(Schedulers.parallel())));
		Throwable error = this.scopes.with((scope) -> Flux.range(0, 2_000).concatMap((i) -> scope.enter(slow)).then())
			.materialize()
			.block(LIMIT)
			.getThrowable();
		assertThat(error).hasMessage("expected 1998");
		assertThat(error.getSuppressed()).hasSize(Errors.LIMIT);
		assertThat(this.released).hasValue(2_000);
	}

}
