package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.micrometer.common.KeyValue;
import io.micrometer.context.ContextRegistry;
import io.micrometer.observation.NullObservation;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.contextpropagation.ObservationThreadLocalAccessor;
import io.micrometer.observation.tck.TestObservationRegistry;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.http.HttpStatus;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.scopedasync.micrometer.MicrometerScopeObserver;
import io.scopedasync.micrometer.ScopeObservationContext;
import io.scopedasync.micrometer.SnapshotContextCarrier;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * One observation per scope: what it is told, and where it is the current one.
 */
@ExtendWith(OutputCaptureExtension.class)
class ScopeObservationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final TestObservationRegistry registry = TestObservationRegistry.create();

	private final MicrometerScopeObserver observer = new MicrometerScopeObserver(this.registry, null);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.observer(this.observer)
		.contextCarrier(new SnapshotContextCarrier(ContextRegistry.getInstance()))
		.tracked(true)
		.build();

	private final List<String> told = new CopyOnWriteArrayList<>();

	private final List<Observation.Context> stopped = new CopyOnWriteArrayList<>();

	private final List<String> seen = new CopyOnWriteArrayList<>();

	/** Goes on on another thread, and notes what is current before and after. */
	private final AsyncResource<String> watching = AsyncResource
		.of(() -> watch("acquire").delayElement(Duration.ofMillis(1)), (value, exit) -> watch("release").then())
		.named("watching");

	ScopeObservationTests() {
		this.registry.observationConfig().observationHandler(new Telling());
	}

	/**
	 * The registry complains of each misuse, and what a handler throws is only logged.
	 */
	@AfterEach
	void nothingWasMisused(CapturedOutput output) {
		assertThat(output).doesNotContain("observations may be incomplete");
		assertThat(this.registry.getCurrentObservation()).isNull();
		this.time.dispose();
	}

	private Mono<String> watch(String where) {
		this.seen.add(where + " " + current());
		return Mono.deferContextual((context) -> {
			this.seen.add(where + " context " + name(context.getOrDefault(ObservationThreadLocalAccessor.KEY, null)));
			return Mono.just(where);
		});
	}

	private String current() {
		return name(this.registry.getCurrentObservation());
	}

	private static String name(@Nullable Observation observation) {
		if (observation == null || observation instanceof NullObservation) {
			return "nothing";
		}
		return (observation.getContextView() instanceof ScopeObservationContext scope) ? scope.getScopeName()
				: Objects.requireNonNull(observation.getContextView().getName());
	}

	private Observation callers() {
		return Observation.start("caller", this.registry);
	}

	private static String high(Observation.Context context, String key) {
		return Objects.requireNonNull(context.getHighCardinalityKeyValue(key)).getValue();
	}

	@ParameterizedTest
	@EnumSource
	void tellsOfAcquisitionsReleasesAndTheEnd(Front front) {
		Limiter limiter = Limiter.builder("limit").build();
		front.start(this.scopes, ScopeSpec.of("work").entering(limiter, this.watching), (scope) -> Mono.just("x"))
			.value();
		assertThat(this.told).containsExactly("start scoped.async work none", "limit acquired", "watching acquired",
				"watching released", "limit released", "stop work completed");
		Observation.Context context = this.stopped.get(0);
		assertThat(context.getContextualName()).isEqualTo("scope work");
		assertThat(high(context, "scoped.async.resources")).isEqualTo("limit,watching");
		assertThat(Long.parseLong(high(context, "scoped.async.scope.id"))).isPositive();
		assertThat(context.getError()).isNull();
	}

	@ParameterizedTest
	@EnumSource
	void isCurrentInAcquisitionBodyAndReleaseOnWhateverThread(Front front) {
		front.start(this.scopes, ScopeSpec.of("work").entering(this.watching), (scope) -> {
			this.seen.add("body " + current());
			return Mono.just("x").publishOn(Schedulers.parallel());
		}).value();
		assertThat(this.seen).containsExactly("acquire work", "acquire context work", "body work", "release work",
				"release context work");
	}

	@Test
	void isCurrentForWhoReadsTheContextOfABody() {
		this.scopes.use(this.watching, (value) -> watch("body").publishOn(Schedulers.parallel())).block(LIMIT);
		this.scopes
			.useMany(this.watching, (value) -> Flux.just(1, 2).delayElements(Duration.ofMillis(1)).thenMany(watch("m")))
			.blockLast(LIMIT);
		assertThat(this.seen).contains("body watching", "body context watching", "m context watching");
	}

	@Test
	void aRequestOfTheBodyIsPartOfTheScope() {
		WebClient client = WebClient.builder()
			.observationRegistry(this.registry)
			.exchangeFunction((request) -> Mono.just(ClientResponse.create(HttpStatus.OK).build()))
			.build();
		this.scopes.use(AsyncResource.just("x"), (value) -> client.get().uri("/x").retrieve().toBodilessEntity())
			.block(LIMIT);
		assertThat(this.registry).hasObservationWithNameEqualTo("http.client.requests")
			.that()
			.hasParentObservationContextMatching((parent) -> parent instanceof ScopeObservationContext);
	}

	@Test
	void thoseAfterTheScopeSeeTheCallersAgain() throws Exception {
		Observation caller = callers();
		CompletableFuture<String> body = new CompletableFuture<>();
		CompletableFuture<Void> after;
		try (Observation.Scope open = caller.openScope()) {
			this.scopes.useBlocking(this.watching, (value) -> this.seen.add("body " + current()));
			assertThat(current()).isEqualTo("caller");
			after = this.scopes.useFuture(this.watching, (value) -> body)
				.thenRun(() -> this.seen.add("after " + current()));
		}
		CompletableFuture<Void> without = this.scopes.useFuture(this.watching, (value) -> body)
			.thenRun(() -> this.seen.add("after without " + current()));
		CompletableFuture.runAsync(() -> body.complete("x")).get(30, TimeUnit.SECONDS);
		after.get(30, TimeUnit.SECONDS);
		without.get(30, TimeUnit.SECONDS);
		assertThat(this.seen).contains("body watching", "after caller", "after without nothing");
		caller.stop();
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	void theCallersObservationIsItsParent(Front front) {
		Observation caller = callers();
		Front.Call call;
		try (Observation.Scope open = caller.openScope()) {
			call = front.start(this.scopes, ScopeSpec.of("work").entering(this.watching), (scope) -> Mono.just("x"));
			assertThat(current()).isEqualTo("caller");
		}
		call.value();
		assertThat(this.told).contains("start scoped.async work none in caller");
		caller.stop();
	}

	@Test
	void theCallersObservationIsTheParentOfABlockingScope() throws Exception {
		Observation caller = callers();
		try (Observation.Scope open = caller.openScope()) {
			this.scopes.useBlocking(this.watching, (value) -> "x");
		}
		caller.stop();
		assertThat(this.told).contains("start scoped.async watching none in caller");
	}

	@Test
	void theObservationInTheCallersContextGoesBeforeThatOfItsThread() {
		Observation caller = callers();
		Observation other = Observation.start("other", this.registry);
		try (Observation.Scope open = other.openScope()) {
			this.scopes.use(this.watching, (value) -> watch("body"))
				.contextWrite(Context.of(ObservationThreadLocalAccessor.KEY, caller))
				.block(LIMIT);
		}
		assertThat(this.told).contains("start scoped.async watching none in caller");
		assertThat(this.seen).contains("body context watching");
		other.stop();
		caller.stop();
	}

	@ParameterizedTest
	@EnumSource
	void aScopeInsideIsPartOfTheOuterOne(Front front) {
		AsyncResource<String> inner = AsyncResource.just("value").named("inner");
		front
			.start(this.scopes, ScopeSpec.of("outer").entering(this.watching),
					(scope) -> this.scopes.use(inner, (value) -> Mono.just(current())))
			.value();
		assertThat(this.told).containsSubsequence("start scoped.async outer none",
				"start scoped.async inner none in outer", "stop inner completed", "stop outer completed");
	}

	@Test
	void aScopeByHandIsPartOfTheOneThatItWasOpenedIn() {
		Scope outer = this.scopes.open("outer");
		Scope inner = outer.child("inner");
		inner.enter(this.watching).block(LIMIT);
		outer.close().block(LIMIT);
		assertThat(this.seen).contains("acquire inner", "release inner", "release context inner");
		assertThat(this.told).contains("start scoped.async inner none in outer", "stop inner completed",
				"stop outer completed");
	}

	@ParameterizedTest
	@EnumSource
	void aCancelIsNoError(Front front) {
		CountDownLatch inBody = new CountDownLatch(1);
		Front.Call call = front.start(this.scopes, ScopeSpec.of("work").entering(this.watching), (scope) -> {
			inBody.countDown();
			return Mono.never();
		});
		Front.await(inBody);
		call.cancel();
		Awaitility.await().atMost(LIMIT).until(() -> !this.stopped.isEmpty());
		assertThat(this.told).endsWith("watching released", "stop work cancelled");
		assertThat(this.stopped.get(0).getError()).isNull();
	}

	@ParameterizedTest
	@EnumSource
	void theBodysErrorIsThatOfTheObservation(Front front) {
		IllegalStateException error = new IllegalStateException("of the body");
		front.start(this.scopes, ScopeSpec.of("work").entering(this.watching), (scope) -> Mono.error(error)).error();
		assertThat(this.told).endsWith("watching released", "error of the body", "stop work failed");
		assertThat(this.stopped.get(0).getError()).isSameAs(error);
	}

	@ParameterizedTest
	@EnumSource
	void aLimitThatPassesIsAnError(Front front) {
		AsyncScopes scopes = AsyncScopes.builder().observer(this.observer).clock(ScopeClock.of(this.time)).build();
		CountDownLatch inBody = new CountDownLatch(1);
		Front.Call call = front.start(scopes, ScopeSpec.of("work").timeout(LIMIT), (scope) -> {
			inBody.countDown();
			return Mono.never();
		});
		Front.await(inBody);
		this.time.advanceTimeBy(LIMIT);
		assertThat(call.error()).isInstanceOf(DeadlineExceededException.class);
		assertThat(this.told).endsWith("stop work failed");
		assertThat(this.stopped.get(0).getError()).isInstanceOf(DeadlineExceededException.class);
	}

	@ParameterizedTest
	@EnumSource
	void aRejectedAcquisitionIsAnEventAndAnError(Front front) {
		Limiter limiter = Limiter.builder("limit").maxWaiting(0).build();
		Permit held = Objects.requireNonNull(limiter.tryAcquire());
		assertThat(front.start(this.scopes, ScopeSpec.of("work").entering(this.watching, limiter), (scope) -> {
			throw new AssertionError("not to be called");
		}).error()).isInstanceOf(AcquireRejectedException.class);
		held.close();
		assertThat(this.told).contains("limit not acquired: rejected", "watching released")
			.endsWith("stop work failed");
		Observation.Context context = this.stopped.get(0);
		assertThat(context.getError()).isInstanceOf(AcquireRejectedException.class);
		assertThat(high(context, "scoped.async.resources")).isEqualTo("watching");
	}

	@Test
	void aReleaseThatFailsIsAnEventAndAnError() {
		Recording resource = new Recording("r");
		resource.release = Mono.error(new IllegalStateException("stuck"));
		this.scopes.use(resource, Mono::just).as(Mono::materialize).block(LIMIT);
		assertThat(this.told).endsWith("r not released: error", "error stuck", "stop r failed");
	}

	@Test
	void whoIsGrantedOnAnothersThreadHasItsOwnObservation() {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = Objects.requireNonNull(limiter.tryAcquire());
		CompletableFuture<String> waiting = this.scopes.useFuture(limiter,
				(permit) -> CompletableFuture.completedFuture(current()));
		Observation other = Observation.start("other", this.registry);
		try (Observation.Scope open = other.openScope()) {
			held.close();
			assertThat(current()).isEqualTo("other");
		}
		other.stop();
		assertThat(waiting).succeedsWithin(LIMIT).isEqualTo("one");
		assertThat(this.told).contains("start scoped.async one none");
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BLOCKING")
	void whatTheBodyEntersAndWhatComesLateBelongsToTheScope(Front front) {
		Sinks.One<String> late = Sinks.one();
		Front.Call call = front.start(this.scopes, ScopeSpec.of("work"), (scope) -> scope.enter(this.watching)
			.then(scope.enter(AsyncResource.of(late::asMono, (value, exit) -> watch("late").then()))));
		Awaitility.await().atMost(LIMIT).until(() -> late.currentSubscriberCount() == 1);
		call.cancel();
		late.tryEmitValue("late");
		Awaitility.await().atMost(LIMIT).until(() -> !this.stopped.isEmpty());
		assertThat(this.seen).contains("acquire work", "release work", "late work");
	}

	/** The registry for tests would take a picture of the stack at each step. */
	@Test
	void aThousandScopesInsideEachOtherAreObservedOnAnOrdinaryStack() throws Exception {
		ObservationRegistry registry = ObservationRegistry.create();
		registry.observationConfig().observationHandler(new Telling());
		AsyncScopes scopes = AsyncScopes.builder()
			.observer(new MicrometerScopeObserver(registry, null))
			.contextCarrier(new SnapshotContextCarrier(ContextRegistry.getInstance()))
			.build();
		CompletableFuture<Integer> depth = new CompletableFuture<>();
		Thread thread = new Thread(
				() -> nested(scopes, 1_000).subscribe(depth::complete, depth::completeExceptionally));
		thread.start();
		assertThat(depth.get(30, TimeUnit.SECONDS)).isEqualTo(1_000);
		assertThat(this.stopped).hasSize(1_000);
	}

	private Mono<Integer> nested(AsyncScopes scopes, int depth) {
		return scopes.use(AsyncResource.just("x").named("r" + depth), (value) -> {
			assertThat(current()).isEqualTo("r" + depth);
			return (depth > 1) ? nested(scopes, depth - 1).map((below) -> below + 1) : Mono.just(1);
		});
	}

	@Test
	void theObservationOfALostScopeEndsWithItsReplacement() {
		AsyncScopes scopes = AsyncScopes.builder().observer(this.observer).tracked(true).build();
		scopes.use(Limiter.builder("lost").build(), (permit) -> Mono.never()).subscribe();
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
			System.gc();
			scopes.takeLost().forEach((scope) -> scope.cancel("lost"));
			return !this.stopped.isEmpty();
		});
		assertThat(this.told).containsExactly("start scoped.async lost none", "lost acquired", "lost released",
				"stop lost cancelled");
	}

	/** Writes down what a handler is told. */
	private final class Telling implements ObservationHandler<Observation.Context> {

		@Override
		public boolean supportsContext(Observation.Context context) {
			return context instanceof ScopeObservationContext;
		}

		@Override
		public void onStart(Observation.Context context) {
			String parent = (context.getParentObservation() != null)
					? " in " + name((Observation) context.getParentObservation()) : "";
			ScopeObservationTests.this.told
				.add("start " + context.getName() + " " + low(context, "name") + " " + low(context, "exit") + parent);
		}

		@Override
		public void onEvent(Observation.Event event, Observation.Context context) {
			ScopeObservationTests.this.told.add(event.getContextualName());
		}

		@Override
		public void onError(Observation.Context context) {
			ScopeObservationTests.this.told.add("error " + Objects.requireNonNull(context.getError()).getMessage());
		}

		@Override
		public void onStop(Observation.Context context) {
			ScopeObservationTests.this.told.add("stop " + low(context, "name") + " " + low(context, "exit"));
			ScopeObservationTests.this.stopped.add(context);
		}

		private static String low(Observation.Context context, String key) {
			KeyValue value = context.getLowCardinalityKeyValue(key);
			return Objects.requireNonNull(value).getValue();
		}

	}

}
