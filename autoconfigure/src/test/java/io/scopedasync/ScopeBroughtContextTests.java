package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What a resource brings into the Reactor context, and who sees it.
 */
class ScopeBroughtContextTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<String> seen = new ArrayList<>();

	/** Brings its name, and looks who is there. */
	private final class Bringing implements AsyncResource<String> {

		private final String name;

		Bringing(String name) {
			this.name = name;
		}

		@Override
		public Mono<String> acquire() {
			return look("acquire " + this.name).thenReturn(this.name);
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return look("release " + this.name);
		}

		@Override
		public Function<Context, Context> context(String value) {
			return (context) -> context.put("brought", context.getOrDefault("brought", "") + this.name);
		}

		@Override
		public String name() {
			return this.name;
		}

	}

	private Mono<Void> look(String who) {
		return Mono.deferContextual((context) -> {
			this.seen.add(who + ":" + context.getOrDefault("brought", ""));
			return Mono.<Void>empty().hide();
		});
	}

	private final AsyncResource<String> a = new Bringing("a");

	private final AsyncResource<String> b = new Bringing("b");

	@Test
	void isSeenByWhatComesAfterAndByNobodyOutside() {
		this.scopes.with(ScopeSpec.of("both").entering(this.a, this.b), (scope) -> look("body"))
			.then(look("after"))
			.block(LIMIT);
		assertThat(this.seen).containsExactly("acquire a:", "acquire b:a", "body:ab", "release b:ab", "release a:ab",
				"after:");
	}

	@Test
	void isSeenByAFlux() {
		this.scopes.useMany(this.a, (value) -> Flux.from(look("body"))).blockLast(LIMIT);
		assertThat(this.seen).containsExactly("acquire a:", "body:a", "release a:a");
	}

	@Test
	void passesThroughWrappersAndCompositions() {
		AsyncResource<String> composed = this.a.flatMap((first) -> this.b)
			.named("c")
			.suppressing(IllegalArgumentException.class);
		this.scopes.use(composed, (value) -> look("body")).block(LIMIT);
		assertThat(this.seen).containsExactly("acquire a:", "acquire b:a", "body:ab", "release b:ab", "release a:ab");
	}

	@Test
	void whatABodyEntersIsSeenByWhatItSubscribesToAfterwards() {
		this.scopes.with((scope) -> scope.enter(this.a).then(look("body")).then(scope.enter(this.b)).then(look("body")))
			.block(LIMIT);
		assertThat(this.seen).containsExactly("acquire a:", "body:a", "acquire b:a", "body:ab", "release b:ab",
				"release a:ab");
	}

	@Test
	void scopesInABlockingOrFutureBodySeeIt() throws Exception {
		this.scopes.useBlocking(this.a, (outer) -> {
			this.scopes.useBlocking(this.b, (inner) -> this.scopes.with((scope) -> look("mono")).block(LIMIT));
			return this.scopes.useFuture(this.b, (inner) -> look("future").toFuture()).join();
		});
		assertThat(this.seen).containsExactly("acquire a:", "acquire b:a", "mono:ab", "release b:ab", "acquire b:a",
				"future:", "release b:ab", "release a:a");
	}

	@Test
	void afterAFailureToBringItTheScopeFailsAndReleases() {
		List<String> released = new ArrayList<>();
		AsyncResource<String> broken = new AsyncResource<>() {
			@Override
			public Mono<String> acquire() {
				return Mono.just("broken");
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				released.add(value);
				return Mono.empty();
			}

			@Override
			public @Nullable Function<Context, Context> context(String value) {
				throw new IllegalStateException("expected");
			}
		};
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.use(broken, (value) -> look("body")).block(LIMIT))
			.withMessage("expected");
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes.with((scope) -> scope.enter(broken)).block(LIMIT))
			.withMessage("expected");
		assertThat(this.seen).isEmpty();
		assertThat(released).hasSize(2);
	}

}
