package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.micrometer.context.ContextRegistry;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.scopedasync.micrometer.SnapshotContextCarrier;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Reactor context and thread locals of the call: in acquisition, body and release, on
 * whatever thread they run.
 */
class ScopeContextTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final ThreadLocal<@Nullable String> TENANT = new ThreadLocal<>();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.contextCarrier(new SnapshotContextCarrier(new ContextRegistry().loadContextAccessors()
			.registerThreadLocalAccessor("tenant", TENANT::get, TENANT::set, TENANT::remove)))
		.build();

	private final List<String> seen = new CopyOnWriteArrayList<>();

	/** Notes what its callback sees of both kinds of context, and where. */
	private final AsyncResource<String> watching = AsyncResource
		.of(() -> watch("acquire").delayElement(Duration.ofMillis(1)), (value, exit) -> watch("release").then());

	@AfterEach
	void clear() {
		TENANT.remove();
	}

	private Mono<String> watch(String where) {
		String local = TENANT.get();
		return Mono.deferContextual((context) -> {
			this.seen.add(where + " " + local + " " + context.getOrDefault("tenant", "nothing"));
			return Mono.just(where);
		});
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(178)
	void threadLocalsOfTheCallAreSeenInAcquisitionBodyAndRelease(Front front) {
		TENANT.set("blue");
		Front.Call call = front.start(this.scopes, ScopeSpec.of("scope").entering(this.watching), (scope) -> {
			this.seen.add("body " + TENANT.get());
			return Mono.just("x").publishOn(Schedulers.parallel());
		});
		TENANT.remove();
		call.value();
		assertThat(this.seen).containsExactly("acquire blue blue", "body blue", "release blue blue");
		assertThat(TENANT.get()).isNull();
	}

	@Test
	@Case(178)
	void threadLocalsOfABlockingCallAreSeenAndStay() throws Exception {
		TENANT.set("blue");
		this.scopes.useBlocking(this.watching, (value) -> this.seen.add("body " + TENANT.get()));
		assertThat(this.seen).containsExactly("acquire blue blue", "body blue", "release blue blue");
		assertThat(TENANT.get()).isEqualTo("blue");
	}

	@Test
	@Case(178)
	void theReactorContextIsSeenEverywhereAndNotAfterwards() {
		this.scopes.use(this.watching, (value) -> watch("body").publishOn(Schedulers.parallel()))
			.contextWrite(Context.of("tenant", "red"))
			.block(LIMIT);
		this.scopes.useMany(this.watching, (value) -> watch("body"))
			.contextWrite(Context.of("tenant", "red"))
			.blockLast(LIMIT);
		assertThat(this.seen).hasSize(6).allSatisfy((each) -> assertThat(each).endsWith(" red"));
		Boolean after = this.scopes.use(this.watching, (value) -> Scope.current())
			.flatMap((scope) -> Mono.deferContextual((context) -> Mono.just(context.hasKey(Scope.class))))
			.block(LIMIT);
		assertThat(after).isFalse();
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case(178)
	void aReleaseAfterACancelFromAnotherThreadSeesTheCallsContext(Front front) throws Exception {
		TENANT.set("blue");
		CountDownLatch inBody = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("scope").entering(this.watching), (scope) -> {
			inBody.countDown();
			return Mono.never();
		});
		TENANT.remove();
		Front.await(inBody);
		CompletableFuture.runAsync(() -> {
			TENANT.set("a stranger's");
			call.cancel();
			this.seen.add("afterwards " + TENANT.get());
			TENANT.remove();
		}).get(30, TimeUnit.SECONDS);
		// The thread that began the body may still be in there, then it releases.
		Awaitility.await()
			.atMost(LIMIT)
			.untilAsserted(() -> assertThat(this.seen).contains("release blue blue", "afterwards a stranger's"));
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	@Case({ 57, 178 })
	void whatArrivesTooLateIsReleasedInTheCallsContext(Front front) {
		Sinks.One<String> acquisition = Sinks.one();
		AsyncResource<String> late = AsyncResource.of(acquisition::asMono, (value, exit) -> watch("release").then());
		TENANT.set("blue");
		Sinks.One<Scope> entering = Sinks.one();
		Front.Call call = front.start(this.scopes, ScopeSpec.of("scope"), (scope) -> {
			entering.tryEmitValue(scope);
			return scope.enter(late);
		});
		TENANT.remove();
		call.cancel();
		acquisition.tryEmitValue("late");
		assertThat(this.seen).containsExactly("release blue blue");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@EventLoop
	@Test
	@Case(178)
	void whoIsGrantedOnAnothersThreadSeesNothingOfTheOther() {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		this.scopes.useFuture(limiter, (permit) -> {
			this.seen.add("future " + TENANT.get());
			return CompletableFuture.completedFuture("x");
		});
		Disposable waiting = this.scopes.use(limiter, (permit) -> watch("mono")).subscribe();
		TENANT.set("the other's");
		held.close();
		assertThat(this.seen).containsExactly("future null", "mono null nothing");
		assertThat(TENANT.get()).isEqualTo("the other's");
		waiting.dispose();
	}

	@ParameterizedTest
	@EnumSource
	@Case(178)
	void whatAScopeHoldsIsFoundFromItsBody(Front front) {
		AsyncResource<String> named = AsyncResource.just("value").named("named");
		assertThat(front.start(this.scopes, ScopeSpec.of("scope").entering(named), (scope) -> named.held()).value())
			.isEqualTo("value");
		assertThat(named.held().materialize().block(LIMIT).getThrowable()).isInstanceOf(NoScopeException.class)
			.hasMessageContaining("@ScopedAsync(\"named\")");
	}

}
