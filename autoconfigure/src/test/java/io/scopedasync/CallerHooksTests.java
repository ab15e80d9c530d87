package io.scopedasync;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the caller's operators put into the context does not change what happens in a
 * scope.
 */
class CallerHooksTests {

	private static final IllegalStateException BROKEN = new IllegalStateException("broken");

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Recording resource = new Recording("resource");

	/** What the caller's strategy was asked. */
	private final List<Throwable> continued = new CopyOnWriteArrayList<>();

	private final List<Object> discarded = new CopyOnWriteArrayList<>();

	/**
	 * A caller of either reactive front.
	 */
	enum Caller {

		MONO {
			@Override
			Publisher<Object> call(AsyncScopes scopes, ScopeSpec spec,
					Function<Scope, ? extends Publisher<Object>> body) {
				return scopes.with(spec, (scope) -> Mono.fromDirect(body.apply(scope)));
			}
		},

		FLUX {
			@Override
			Publisher<Object> call(AsyncScopes scopes, ScopeSpec spec,
					Function<Scope, ? extends Publisher<Object>> body) {
				return scopes.withMany(spec, body);
			}
		};

		abstract Publisher<Object> call(AsyncScopes scopes, ScopeSpec spec,
				Function<Scope, ? extends Publisher<Object>> body);

	}

	@ParameterizedTest
	@EnumSource
	void bodyThatFailsIsReleasedAsFailed(Caller caller) {
		assertThat(heard(caller, (scope) -> failing("value"))).isSameAs(BROKEN);
		assertThat(this.resource.events).contains("release resource " + Exit.failed(BROKEN));
	}

	@ParameterizedTest
	@EnumSource
	void innerSourceOfTheBodyThatFailsFailsIt(Caller caller) {
		assertThat(heard(caller, (scope) -> Flux.just(1, 2).flatMap((number) -> failing(number)).cast(Object.class)))
			.isSameAs(BROKEN);
		assertThat(this.resource.events).contains("release resource " + Exit.failed(BROKEN));
	}

	@ParameterizedTest
	@EnumSource
	void releaseThatFailsIsTheCallersError(Caller caller) {
		this.resource.release = failing("goodbye").then();
		assertThat(heard(caller, (scope) -> Mono.just("value"))).isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void exitCallbackThatFailsIsTheCallersError(Caller caller) {
		assertThat(heard(caller, (scope) -> {
			scope.onExit((exit) -> failing("callback").then());
			return Mono.just("value");
		})).isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void acquisitionThatFailsIsTheCallersError(Caller caller) {
		this.resource.acquisition = failing("resource").cast(String.class);
		assertThat(heard(caller, (scope) -> Mono.just("value"))).isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void whatTheBodyEntersFailsWithItsOwnError(Caller caller) {
		Recording entered = new Recording("entered");
		entered.acquisition = failing("entered").cast(String.class);
		assertThat(heard(caller, (scope) -> scope.enter(entered).cast(Object.class))).isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void partOfACompositionFailsWithItsOwnError(Caller caller) {
		Recording first = new Recording("first");
		Recording second = new Recording("second");
		second.acquisition = failing("second").cast(String.class);
		assertThat(heard(caller, (scope) -> scope.enter(AsyncResource.all(List.of(first, second))).cast(Object.class)))
			.isSameAs(BROKEN);
		assertThat(first.released()).isOne();
		Recording third = new Recording("third");
		third.release = failing("goodbye").then();
		assertThat(heard(caller, (scope) -> scope.enter(AsyncResource.all(List.of(first, third))).cast(Object.class)))
			.isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void pooledResourceFailsWithItsOwnError(Caller caller) {
		Recording made = new Recording("made");
		made.acquisition = failing("made").cast(String.class);
		PooledResource<String> pool = made.pooled((settings) -> settings.maxSize(1));
		assertThat(heard(caller, (scope) -> scope.enter(pool).cast(Object.class))).isSameAs(BROKEN);
		pool.close().block();
	}

	@ParameterizedTest
	@EnumSource
	void taskThatFailsFailsItsGroup(Caller caller) {
		assertThat(heard(caller, (scope) -> {
			scope.tasks().start(failing("task"));
			return Mono.never();
		})).isSameAs(BROKEN);
		assertThat(this.resource.events).contains("release resource " + Exit.failed(BROKEN));
	}

	@ParameterizedTest
	@EnumSource
	void innerScopeFailsWithItsOwnError(Caller caller) {
		assertThat(heard(caller, (scope) -> this.scopes.use(new Recording("inner"), (inner) -> failing(inner))
			.onErrorContinue((error, value) -> this.continued.add(error)))).isSameAs(BROKEN);
	}

	@ParameterizedTest
	@EnumSource
	void strategyWithinTheBodyIsTheBodysOwn(Caller caller) {
		assertThat(heard(caller,
				(scope) -> Flux.<Object>just("value")
					.concatMap((value) -> failing(value))
					.onErrorContinue((error, value) -> this.discarded.add(value))
					.then(Mono.just("end"))))
			.isEqualTo("end");
		assertThat(this.discarded).containsExactly("value");
	}

	@ParameterizedTest
	@EnumSource
	void discardHookReachesTheBodyAlone(Caller caller) {
		this.resource.acquisition = Mono.just("from the acquisition")
			.filter((value) -> false)
			.switchIfEmpty(Mono.just("resource"));
		this.resource.release = Mono.just("from the release").filter((value) -> false).then();
		assertThat(heard(caller,
				(scope) -> Flux.<Object>just("from the body", "value").filter((value) -> value.equals("value"))))
			.isEqualTo("value");
		assertThat(this.discarded).containsExactly("from the body");
	}

	@ParameterizedTest
	@EnumSource
	void hooksForWhatIsDroppedReachTheBodyAlone(Caller caller) {
		List<Object> dropped = new CopyOnWriteArrayList<>();
		this.resource.acquisition = dropping("acquisition").map(String::valueOf);
		this.resource.release = dropping("release").then();
		Publisher<Object> call = caller.call(this.scopes, ScopeSpec.of("call").entering(this.resource),
				(scope) -> dropping("body"));
		BiFunction<Object, Throwable, Throwable> onOperatorError = (error, value) -> BROKEN;
		Object heard = Flux.from(call)
			.contextWrite((context) -> context.put("reactor.onNextDropped.local", consumer(dropped))
				.put("reactor.onErrorDropped.local", consumer(dropped))
				.put("reactor.onOperatorError.local", onOperatorError))
			.blockLast();
		assertThat(heard).isEqualTo("body");
		assertThat(dropped).containsExactly("body");
	}

	@Test
	void callersContextIsOtherwiseWhole() {
		String heard = this.scopes
			.use(this.resource, (value) -> Mono.deferContextual((context) -> Mono.just(context.<String>get("user"))))
			.onErrorContinue((error, value) -> this.continued.add(error))
			.contextWrite((context) -> context.put("user", "alice"))
			.block();
		assertThat(heard).isEqualTo("alice");
	}

	private static Consumer<Object> consumer(List<Object> list) {
		return list::add;
	}

	private static Mono<Object> failing(Object value) {
		return Mono.just(value).hide().map((any) -> {
			throw BROKEN;
		});
	}

	/** Tells the hook for dropped values, as operators do with one too many. */
	private static Mono<Object> dropping(String value) {
		return Mono.deferContextual((context) -> {
			if (context.hasKey("reactor.onNextDropped.local")) {
				Operators.onNextDropped(value, Context.of(context));
			}
			return Mono.<Object>just(value);
		});
	}

	/** Of a call with hooks of the caller: the last value, an error, or "nothing". */
	private Object heard(Caller caller, Function<Scope, ? extends Publisher<Object>> body) {
		CompletableFuture<Object> heard = new CompletableFuture<>();
		Publisher<Object> call = caller.call(this.scopes, ScopeSpec.of("call").entering(this.resource), body);
		Flux.from(call)
			.doOnDiscard(Object.class, this.discarded::add)
			.onErrorContinue((error, value) -> this.continued.add(error))
			.subscribe(new BaseSubscriber<>() {

				private Object last = "nothing";

				@Override
				protected void hookOnSubscribe(Subscription subscription) {
					requestUnbounded();
				}

				@Override
				protected void hookOnNext(Object value) {
					this.last = value;
				}

				@Override
				protected void hookOnComplete() {
					heard.complete(this.last);
				}

				@Override
				protected void hookOnError(Throwable error) {
					heard.complete(error);
				}
			});
		Object told = heard.orTimeout(30, TimeUnit.SECONDS).join();
		assertThat(this.continued).as("what the caller's strategy was asked").isEmpty();
		return told;
	}

}
