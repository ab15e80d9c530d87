package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.micrometer.context.ContextRegistry;
import io.micrometer.context.ThreadLocalAccessor;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.config.MeterFilterReply;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

import io.scopedasync.ContextCarrier.Restored;
import io.scopedasync.ScopeRecorder.Outcome;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.LeakListener;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.LeakWatcher;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import io.scopedasync.micrometer.SnapshotContextCarrier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.awaitility.Awaitility.await;

/**
 * Callbacks that throw anything at all: each caller is told, and each permit comes back.
 */
@Timeout(120)
class ThrowingCallbackTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	/** Whether callbacks throw: a test looks at what it has left with quiet ones. */
	private final AtomicBoolean throwing = new AtomicBoolean(true);

	private final ExecutorService threads = Executors.newCachedThreadPool();

	@AfterEach
	void stop() {
		this.threads.shutdownNow();
	}

	/** Every kind of error; a new one each time, as most are. */
	enum Kind {

		RUNTIME(() -> new IllegalStateException("thrown by a callback")),

		CHECKED(() -> new TimeoutException("thrown by a callback")),

		ASSERTION(() -> new AssertionError("thrown by a callback")),

		NO_CLASS(() -> new NoClassDefFoundError("thrown by a callback")),

		STACK(() -> new StackOverflowError("thrown by a callback")),

		MEMORY(() -> new OutOfMemoryError("thrown by a callback"));

		private final Supplier<Throwable> made;

		Kind(Supplier<Throwable> made) {
			this.made = made;
		}

	}

	/** What throws; each has scopes of its own. */
	enum Place {

		CAPTURE, RESTORE, CLOSE_RESTORED, WRITE,

		RECORDER_ACQUIRED, RECORDER_RELEASED, RECORDER_CLOSED, RECORDER_UNDELIVERED,

		OBSERVER_BEGIN, OBSERVED_OPEN, OBSERVED_CLOSE, OBSERVED_WRITE, OBSERVED_ACQUIRED, OBSERVED_RELEASED,
		OBSERVED_CLOSED, OBSERVED_CALLERS_CLOSE,

		WATCHER, SAMPLER,

		NAME, IDENTITY, NESTING, LEAK_THRESHOLD, KEY, CANCELLABLE, CONTEXT, ACQUIRE, RELEASE

	}

	@SuppressWarnings("unchecked")
	private static <E extends Throwable> void sneakyThrow(Throwable error) throws E {
		throw (E) error;
	}

	private final class Throwing implements ContextCarrier, ScopeRecorder, ScopeObserver, ScopeObserver.Observed,
			ScopeWatcher, CallSiteSampler {

		private final Place place;

		private final Kind kind;

		Throwing(Place place, Kind kind) {
			this.place = place;
			this.kind = kind;
		}

		void at(Place... places) {
			if (ThrowingCallbackTests.this.throwing.get() && List.of(places).contains(this.place)) {
				ThrowingCallbackTests.<RuntimeException>sneakyThrow(this.kind.made.get());
			}
		}

		@Override
		public Object capture() {
			at(Place.CAPTURE);
			return this;
		}

		@Override
		public Restored restore(Object captured) {
			at(Place.RESTORE);
			return () -> at(Place.CLOSE_RESTORED);
		}

		@Override
		public Context write(Object captured, Context context) {
			at(Place.WRITE);
			return context;
		}

		@Override
		public void acquired(String resource, Outcome outcome, long nanos) {
			at(Place.RECORDER_ACQUIRED);
		}

		@Override
		public void released(String resource, Outcome outcome, long nanos) {
			at(Place.RECORDER_RELEASED);
		}

		@Override
		public void closed(String scope, Exit exit, long nanos) {
			at(Place.RECORDER_CLOSED);
		}

		@Override
		public void undelivered(String scope, Throwable error) {
			at(Place.RECORDER_UNDELIVERED);
		}

		@Override
		public Observed begin(String scope, ContextView caller, @Nullable Observed around) {
			at(Place.OBSERVER_BEGIN);
			assertThat((Object) around).isIn(null, this);
			return this;
		}

		@Override
		public Restored open() {
			at(Place.OBSERVED_OPEN);
			return () -> at(Place.OBSERVED_CLOSE);
		}

		@Override
		public Context write(Context context) {
			at(Place.OBSERVED_WRITE);
			return context;
		}

		@Override
		public void acquired(String resource, Outcome outcome) {
			at(Place.OBSERVED_ACQUIRED);
		}

		@Override
		public void released(String resource, Outcome outcome) {
			at(Place.OBSERVED_RELEASED);
		}

		@Override
		public Restored closed(long id, Exit exit) {
			at(Place.OBSERVED_CLOSED);
			return () -> at(Place.OBSERVED_CALLERS_CLOSE);
		}

		@Override
		public void late(Scope scope, String resource) {
			at(Place.WATCHER);
		}

		@Override
		public void usedAfterClose(String scope, String what) {
			at(Place.WATCHER);
		}

		@Override
		public boolean samples(String scope) {
			at(Place.SAMPLER);
			return true;
		}

		AsyncScopes scopes() {
			return AsyncScopes.builder()
				.contextCarrier(this)
				.recorder(this)
				.observer(this)
				.watcher(this)
				.callSites(this)
				.tracked(true)
				.releaseTimeout(Duration.ofSeconds(20))
				.build();
		}

	}

	/** A user's resource, held beside the permit. */
	private record Asked(Throwing throwing) implements AsyncResource<String> {

		@Override
		public Mono<String> acquire() {
			this.throwing.at(Place.ACQUIRE);
			return Mono.just("asked");
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			this.throwing.at(Place.RELEASE);
			return Mono.empty();
		}

		@Override
		public String name() {
			this.throwing.at(Place.NAME);
			return "asked";
		}

		@Override
		public Object identity() {
			this.throwing.at(Place.IDENTITY);
			return this;
		}

		@Override
		public Nesting nesting() {
			this.throwing.at(Place.NESTING);
			return Nesting.SEPARATE;
		}

		@Override
		public Duration leakThreshold() {
			this.throwing.at(Place.LEAK_THRESHOLD);
			return Duration.ofHours(1);
		}

		@Override
		public Object key() {
			this.throwing.at(Place.KEY);
			return "key";
		}

		@Override
		public boolean cancellable() {
			this.throwing.at(Place.CANCELLABLE);
			return true;
		}

		@Override
		public Function<Context, Context> context(String value) {
			this.throwing.at(Place.CONTEXT);
			return (context) -> context;
		}

	}

	static Stream<Arguments> table() {
		return Stream.of(Place.values())
			.flatMap((place) -> Stream.of(Kind.values()).map((kind) -> Arguments.of(place, kind)));
	}

	@ParameterizedTest
	@MethodSource("table")
	void everyCallerIsToldAndEveryPermitComesBack(Place place, Kind kind) throws Exception {
		Throwing throwing = new Throwing(place, kind);
		AsyncScopes scopes = throwing.scopes();
		Limiter limiter = Limiter.builder("two").permits(2).build();
		Asked asked = new Asked(throwing);
		ScopeSpec spec = ScopeSpec.of("spec").entering(limiter, asked);
		for (int round = 0; round < 3; round++) {
			List<Supplier<? extends Mono<?>>> calls = List.of(
					() -> scopes.with(spec, (scope) -> Mono.just(look(scope))),
					() -> scopes.with(spec, (scope) -> Mono.delay(Duration.ofMillis(1)).map((tick) -> look(scope))),
					() -> scopes.withMany(spec, (scope) -> Mono.delay(Duration.ofMillis(1)).map((tick) -> look(scope)))
						.then(),
					() -> Mono
						.fromFuture(scopes.withFuture(spec, (scope) -> Mono.delay(Duration.ofMillis(1)).toFuture())),
					() -> blocking(() -> scopes.withBlocking(spec, Scope::resources)),
					() -> scopes.with(ScopeSpec.of("fails").entering(limiter, asked),
							(scope) -> Mono.error(new IllegalStateException("body"))),
					() -> scopes.with(ScopeSpec.of("passes").entering(limiter, asked).timeout(Duration.ofMillis(5)),
							(scope) -> Mono.never()),
					() -> scopes.with(ScopeSpec.of("nests").entering(limiter),
							(scope) -> scopes.with(ScopeSpec.of("inner").entering(asked),
									(inner) -> Mono.delay(Duration.ofMillis(1)))),
					() -> scopes.with(ScopeSpec.of("enters").entering(limiter),
							(scope) -> Mono.delay(Duration.ofMillis(1)).then(scope.enter(asked))),
					() -> scopes.with(ScopeSpec.of("tasks").entering(limiter), (scope) -> {
						Task<Long> task = scope.tasks()
							.start(ScopeSpec.of("task"), (inner) -> Mono.delay(Duration.ofMillis(1)));
						return task.result();
					}), () -> cancelled(scopes.with(spec, (scope) -> Mono.never())),
					() -> waiting(scopes, limiter, spec));
			for (Supplier<? extends Mono<?>> call : calls) {
				assertThat(isTold(call)).as("call of " + place + " " + kind).isTrue();
			}
			scopes.openScopes().forEach(Scope::resources);
			await().untilAsserted(() -> assertThat(limiter.usage().active()).isZero());
		}
		this.throwing.set(false);
		assertThat(scopes.with(spec, (scope) -> Mono.just("fine")).block(LIMIT)).isEqualTo("fine");
		assertThat(scopes.openScopes()).isEmpty();
		scopes.close().block(LIMIT);
	}

	private static Object look(Scope scope) {
		scope.keys();
		scope.leakThreshold();
		return scope.resources();
	}

	/** One that is granted by somebody else's release. */
	private Mono<?> waiting(AsyncScopes scopes, Limiter limiter, ScopeSpec spec) {
		AsyncScopes quiet = AsyncScopes.create();
		Sinks.Empty<Void> end = Sinks.empty();
		quiet.use(limiter, (permit) -> end.asMono()).subscribe();
		quiet.use(limiter, (permit) -> end.asMono()).subscribe();
		Mono<?> waiter = Mono.fromFuture(scopes.with(spec, (scope) -> Mono.just("granted")).toFuture());
		this.threads.execute(end::tryEmitEmpty);
		return waiter;
	}

	private Mono<?> cancelled(Mono<?> call) {
		call.subscribe(null, (error) -> {
		}).dispose();
		return Mono.empty();
	}

	private Mono<?> blocking(Callable<?> call) {
		Sinks.Empty<Void> end = Sinks.empty();
		this.threads.execute(() -> {
			try {
				call.call();
				end.tryEmitEmpty();
			}
			catch (Throwable ex) {
				end.tryEmitError(new IllegalStateException(ex));
			}
		});
		return end.asMono();
	}

	/** Thrown or signalled, before the limit. */
	private boolean isTold(Supplier<? extends Mono<?>> call) throws InterruptedException {
		CountDownLatch told = new CountDownLatch(1);
		try {
			call.get().subscribe(null, (error) -> told.countDown(), told::countDown);
		}
		catch (Throwable ex) {
			return true;
		}
		return told.await(20, TimeUnit.SECONDS);
	}

	@ParameterizedTest
	@EnumSource
	void whoCannotBeGivenItsThreadLocalsDoesNotRunItsBody(Kind kind) {
		AtomicBoolean ran = new AtomicBoolean();
		Throwing throwing = new Throwing(Place.RESTORE, kind);
		AsyncScopes scopes = throwing.scopes();
		Limiter limiter = Limiter.builder("one").permits(1).build();
		Sinks.Empty<Void> end = Sinks.empty();
		AsyncScopes.create().use(limiter, (permit) -> end.asMono()).subscribe();
		List<Throwable> heard = new ArrayList<>();
		scopes.use(limiter, (permit) -> Mono.fromRunnable(() -> ran.set(true))).subscribe(null, (error) -> {
			synchronized (heard) {
				heard.add(error);
			}
		});
		end.tryEmitEmpty();
		await().untilAsserted(() -> {
			synchronized (heard) {
				assertThat(heard).singleElement().hasToString(kind.made.get().toString());
			}
		});
		assertThat(ran).isFalse();
		assertThat(limiter.usage().active()).isZero();
	}

	@ParameterizedTest
	@EnumSource
	void anAccessorThatThrowsLeavesNothingOnTheThread(Kind kind) {
		ThreadLocal<@Nullable String> user = new ThreadLocal<>();
		ContextRegistry registry = new ContextRegistry();
		registry.registerThreadLocalAccessor("user", user);
		registry.registerThreadLocalAccessor(new ThreadLocalAccessor<String>() {

			@Override
			public Object key() {
				return "tenant";
			}

			@Override
			public String getValue() {
				return "tenant";
			}

			@Override
			public void setValue(String value) {
				ThrowingCallbackTests.<RuntimeException>sneakyThrow(kind.made.get());
			}

			@Override
			public void setValue() {
			}

		});
		SnapshotContextCarrier carrier = new SnapshotContextCarrier(registry);
		user.set("ann");
		Object captured = carrier.capture();
		user.set("bob");
		assertThatCode(() -> carrier.restore(Objects.requireNonNull(captured))).hasToString(kind.made.get().toString());
		assertThat(user.get()).isEqualTo("bob");
	}

	@ParameterizedTest
	@EnumSource
	void anErrorThatCannotBeLoggedKeepsNoScopeOpen(Kind kind) {
		AsyncScopes scopes = AsyncScopes.create();
		Limiter limiter = Limiter.builder("one").permits(1).build();
		AsyncResource<String> fails = AsyncResource.of(() -> Mono.just("value"),
				(value, exit) -> Mono.error(new IllegalStateException() {

					private static final long serialVersionUID = 1L;

					@Override
					public String getMessage() {
						ThrowingCallbackTests.<RuntimeException>sneakyThrow(kind.made.get());
						return "";
					}

				}));
		for (int i = 0; i < 3; i++) {
			scopes.with(ScopeSpec.of("cancelled").entering(limiter, fails.named("fails")), (scope) -> Mono.never())
				.subscribe()
				.dispose();
		}
		assertThat(limiter.usage().active()).isZero();
		assertThat(scopes.openScopes()).isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	void aMeterFilterThatThrowsCostsNoPermit(Kind kind) {
		SimpleMeterRegistry registry = new SimpleMeterRegistry();
		registry.config().meterFilter(new MeterFilter() {

			@Override
			public MeterFilterReply accept(Meter.Id id) {
				ThrowingCallbackTests.<RuntimeException>sneakyThrow(kind.made.get());
				return MeterFilterReply.NEUTRAL;
			}

		});
		AsyncScopes scopes = AsyncScopes.builder().recorder(new MicrometerScopeRecorder(registry)).build();
		Limiter limiter = Limiter.builder("one").permits(1).build();
		for (int i = 0; i < 3; i++) {
			assertThat(scopes.use(limiter, (permit) -> Mono.just("fine")).block(LIMIT)).isEqualTo("fine");
		}
		assertThat(limiter.usage().active()).isZero();
	}

	@ParameterizedTest
	@EnumSource
	void aLeakListenerThatThrowsCostsNoPermitAndKeepsNoOtherFromHearing(Kind kind) {
		List<Leak> heard = new ArrayList<>();
		LeakListener broken = (leak) -> ThrowingCallbackTests.<RuntimeException>sneakyThrow(kind.made.get());
		Leaks leaks = new Leaks(List.of(broken, heard::add));
		AsyncScopes scopes = AsyncScopes.builder().watcher(new LeakWatcher(leaks)).tracked(true).build();
		Limiter limiter = Limiter.builder("one").permits(1).build();
		for (int i = 0; i < 3; i++) {
			Scope scope = scopes.open("ended");
			scope.close().block(LIMIT);
			assertThatCode(() -> scope.enter(limiter).block(LIMIT)).isInstanceOf(ScopeClosedException.class);
			assertThat(scopes.use(limiter, (permit) -> Mono.just("fine")).block(LIMIT)).isEqualTo("fine");
		}
		assertThat(heard).hasSize(3).allMatch((leak) -> leak.reason() == LeakReason.AFTER_CLOSE);
		assertThat(limiter.usage().active()).isZero();
	}

}
