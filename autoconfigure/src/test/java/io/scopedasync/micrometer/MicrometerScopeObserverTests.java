package io.scopedasync.micrometer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import io.micrometer.common.KeyValues;
import io.micrometer.common.docs.KeyName;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.contextpropagation.ObservationThreadLocalAccessor;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.test.simple.SimpleSpan;
import io.micrometer.tracing.test.simple.SimpleTracer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link MicrometerScopeObserver}.
 */
@ExtendWith(OutputCaptureExtension.class)
class MicrometerScopeObserverTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final Limiter limiter = Limiter.builder("limit").build();

	private static AsyncScopes scopes(ObservationRegistry registry) {
		return AsyncScopes.builder().observer(new MicrometerScopeObserver(registry, null)).build();
	}

	private static Mono<Boolean> isInContext() {
		return Mono.deferContextual((context) -> Mono.just(context.hasKey(ObservationThreadLocalAccessor.KEY)));
	}

	@Test
	void startsNothingWhereNobodyListens() {
		for (ObservationRegistry registry : List.of(ObservationRegistry.NOOP, ObservationRegistry.create())) {
			AtomicInteger asked = new AtomicInteger();
			registry.observationConfig().observationPredicate((name, context) -> asked.incrementAndGet() > 0);
			assertThat(scopes(registry).use(this.limiter, (permit) -> isInContext()).block(LIMIT)).isFalse();
			CompletableFuture<Boolean> current = scopes(registry).useFuture(this.limiter,
					(permit) -> CompletableFuture.completedFuture(registry.getCurrentObservation() != null));
			assertThat(current).isCompletedWithValue(false);
			assertThat(asked).hasValue(0);
		}
	}

	@Test
	void startsNothingWhereAPredicateSaysNo() {
		TestObservationRegistry registry = TestObservationRegistry.create();
		registry.observationConfig().observationPredicate((name, context) -> !name.equals("scoped.async"));
		assertThat(scopes(registry).use(this.limiter, (permit) -> isInContext()).block(LIMIT)).isFalse();
		assertThat(registry).doesNotHaveAnyObservation();
	}

	@Test
	void followsScopesOnceAHandlerIsThere() {
		ObservationRegistry registry = ObservationRegistry.create();
		AsyncScopes scopes = scopes(registry);
		assertThat(scopes.use(this.limiter, (permit) -> isInContext()).block(LIMIT)).isFalse();
		registry.observationConfig().observationHandler((context) -> true);
		assertThat(scopes.use(this.limiter, (permit) -> isInContext()).block(LIMIT)).isTrue();
	}

	@Test
	void keysAndEventsAreThoseDocumented() {
		TestObservationRegistry registry = TestObservationRegistry.create();
		List<Observation.Context> stopped = new ArrayList<>();
		Set<String> events = new HashSet<>();
		registry.observationConfig().observationHandler(new ObservationHandler<>() {

			@Override
			public boolean supportsContext(Observation.Context context) {
				return true;
			}

			@Override
			public void onEvent(Observation.Event event, Observation.Context context) {
				events.add(event.getName());
			}

			@Override
			public void onStop(Observation.Context context) {
				stopped.add(context);
			}

		});
		scopes(registry).use(this.limiter, Mono::just).block(LIMIT);
		failing(registry);
		ScopedAsyncObservations documented = ScopedAsyncObservations.SCOPE;
		assertThat(stopped).hasSizeGreaterThan(1).allSatisfy((context) -> {
			assertThat(context.getName()).isEqualTo(documented.getName());
			assertThat(keys(context.getLowCardinalityKeyValues()))
				.containsExactlyInAnyOrderElementsOf(keys(documented.getLowCardinalityKeyNames()));
			assertThat(keys(context.getHighCardinalityKeyValues()))
				.containsExactlyInAnyOrderElementsOf(keys(documented.getHighCardinalityKeyNames()));
		});
		assertThat(events).containsExactlyInAnyOrderElementsOf(
				Stream.of(documented.getEvents()).map(Observation.Event::getName).toList());
	}

	private static List<String> keys(KeyValues values) {
		return values.stream().map((value) -> value.getKey()).toList();
	}

	private static List<String> keys(KeyName[] names) {
		return Arrays.stream(names).map(KeyName::asString).toList();
	}

	/** One scope whose acquisition fails, and one whose release does. */
	private static void failing(ObservationRegistry registry) {
		AsyncResource<String> closed = AsyncResource
			.<String>of(() -> Mono.error(new IllegalStateException("closed")), (value, exit) -> Mono.empty())
			.named("closed");
		AsyncResource<String> stuck = AsyncResource
			.<String>of(() -> Mono.just("x"), (value, exit) -> Mono.error(new IllegalStateException("stuck")))
			.named("stuck");
		scopes(registry).use(closed, Mono::just).onErrorComplete().block(LIMIT);
		scopes(registry).use(stuck, Mono::just).onErrorComplete().block(LIMIT);
	}

	@Test
	void aConventionOfOnesOwnNamesIt() {
		TestObservationRegistry registry = TestObservationRegistry.create();
		AsyncScopes scopes = AsyncScopes.builder()
			.observer(new MicrometerScopeObserver(registry, new ScopeObservationConvention() {

				@Override
				public String getName() {
					return "mine";
				}

				@Override
				public String getContextualName(ScopeObservationContext context) {
					return "my " + context.getScopeName();
				}

			}))
			.build();
		scopes.use(this.limiter, Mono::just).block(LIMIT);
		assertThat(registry).hasObservationWithNameEqualTo("mine").that().hasContextualNameEqualTo("my limit");
	}

	@Test
	void aHandlerThatThrowsIsLoggedOnceAndLeavesTheScopeAlone(CapturedOutput output) {
		for (int throwing = 0; throwing < 5; throwing++) {
			ObservationRegistry registry = ObservationRegistry.create();
			registry.observationConfig().observationHandler(new Throwing(throwing));
			AsyncScopes scopes = scopes(registry);
			assertThat(scopes.use(this.limiter, Mono::just).map((permit) -> "first").block(LIMIT)).isEqualTo("first");
			assertThat(scopes.use(this.limiter, (permit) -> Mono.just("second").publishOn(Schedulers.parallel()))
				.block(LIMIT)).isEqualTo("second");
			assertThat(scopes.openScopes()).isEmpty();
			assertThat(registry.getCurrentObservation()).isNull();
		}
		assertThat(this.limiter.statistics().borrowed()).isZero();
		assertThat(output.toString().split("observations may be incomplete", -1)).hasSize(6);
	}

	@Test
	void aSpanHasItsEventsAndItsParent() {
		SimpleTracer tracer = new SimpleTracer();
		ObservationRegistry registry = ObservationRegistry.create();
		registry.observationConfig().observationHandler(new DefaultTracingObservationHandler(tracer));
		AsyncScopes scopes = scopes(registry);
		AsyncResource<String> inner = AsyncResource.just("x").named("inner");
		scopes.use(this.limiter, (permit) -> scopes.use(inner, (value) -> Mono.error(new IllegalStateException("no"))))
			.onErrorComplete()
			.block(LIMIT);
		assertThat(tracer.getSpans()).extracting(SimpleSpan::getName).containsExactly("scope limit", "scope inner");
		SimpleSpan outer = tracer.getSpans().getFirst();
		SimpleSpan nested = tracer.getSpans().getLast();
		assertThat(outer.getEvents()).extracting(Map.Entry::getValue)
			.containsExactly("limit acquired", "limit released");
		assertThat(nested.getEvents()).extracting(Map.Entry::getValue)
			.containsExactly("inner acquired", "inner released");
		assertThat(nested.getParentId()).isEqualTo(outer.getSpanId());
		assertThat(nested.getTraceId()).isEqualTo(outer.getTraceId());
		assertThat(nested.getError()).hasMessage("no");
		assertThat(nested.getTags()).containsEntry("name", "inner")
			.containsEntry("exit", "failed")
			.containsEntry("scoped.async.resources", "inner");
		assertThat(tracer.currentSpan()).isNull();
	}

	/**
	 * A registry of meters that gets both: each name has one type and one set of tags, in
	 * the registry and in what Prometheus makes of them.
	 */
	@Test
	void whatAHandlerOfMetersMakesOfItClashesWithNoMeter() {
		PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
		List<String> refused = new ArrayList<>();
		meters.config().onMeterRegistrationFailed((id, reason) -> refused.add(id + ": " + reason));
		ObservationRegistry registry = ObservationRegistry.create();
		registry.observationConfig().observationHandler(new DefaultMeterObservationHandler(meters));
		AsyncScopes scopes = AsyncScopes.builder()
			.tracked(true)
			.recorder(new MicrometerScopeRecorder(meters))
			.observer(new MicrometerScopeObserver(registry, null))
			.build();
		new ResourceMeterBinder(List.of(this.limiter)).bindTo(meters);
		new OpenScopesMeterBinder(scopes).bindTo(meters);
		ScopedAsyncMeters.LEAKS.counter(meters, this, (self) -> 0, "reason", "lost");
		ScopedAsyncMeters.LEAKS_RECOVERED.counter(meters, this, (self) -> 0);
		ScopedAsyncMeters.LEAKED.gauge(meters, this, (self) -> 0);
		failing(registry);
		String during = scopes.use(this.limiter, (permit) -> Mono.fromCallable(meters::scrape)).block(LIMIT);
		assertThat(refused).isEmpty();
		assertThat(during).contains("scoped_async_active_seconds_count{exit=\"none\",name=\"limit\"} 1");
		assertThat(meters.scrape()).contains("scoped_async_seconds_count{")
			.contains("scoped_async_scope_seconds_count{")
			.contains("scoped_async_acquired_total{");
		Map<String, Set<String>> kinds = new TreeMap<>();
		for (Meter meter : meters.getMeters()) {
			Meter.Id id = meter.getId();
			kinds.computeIfAbsent(id.getConventionName(meters.config().namingConvention()), (name) -> new TreeSet<>())
				.add(id.getName() + " " + id.getType() + " " + id.getTags().stream().map(Tag::getKey).toList());
		}
		assertThat(kinds).allSatisfy((name, kind) -> assertThat(kind).hasSize(1));
		assertThat(kinds.keySet()).hasSizeGreaterThan(ScopedAsyncMeters.values().length);
	}

	/** Throws in the n-th of its methods. */
	private record Throwing(int method) implements ObservationHandler<Observation.Context> {

		private void called(int method) {
			if (method == this.method) {
				throw new IllegalStateException("thrown by a handler");
			}
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

		@Override
		public void onStart(Observation.Context context) {
			called(0);
		}

		@Override
		public void onEvent(Observation.Event event, Observation.Context context) {
			called(1);
		}

		@Override
		public void onScopeOpened(Observation.Context context) {
			called(2);
		}

		@Override
		public void onScopeClosed(Observation.Context context) {
			called(3);
		}

		@Override
		public void onStop(Observation.Context context) {
			called(4);
		}

	}

}
