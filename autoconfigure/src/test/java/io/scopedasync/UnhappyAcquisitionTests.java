package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The thirteen ways of writing an acquisition with which a cancel loses the resource in
 * plain Reactor: here none is lost, on no front, and the body never starts.
 */
class UnhappyAcquisitionTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).build();

	private final ExecutorService executor = Executors.newCachedThreadPool((task) -> {
		Thread thread = new Thread(task, "acquisition");
		thread.setDaemon(true);
		return thread;
	});

	private final Scheduler scheduler = Schedulers.fromExecutorService(this.executor);

	private final CountDownLatch started = new CountDownLatch(1);

	private final CountDownLatch gate = new CountDownLatch(1);

	private final AtomicInteger created = new AtomicInteger();

	private final AtomicInteger released = new AtomicInteger();

	private final AtomicBoolean bodyStarted = new AtomicBoolean();

	private final List<Exit> exits = new ArrayList<>();

	private volatile Runnable openGate = this.gate::countDown;

	@BeforeEach
	void isFresh() {
		assertThat(this.created).hasValue(0);
	}

	@AfterEach
	void stop() {
		this.gate.countDown();
		this.scheduler.dispose();
		this.executor.shutdownNow();
	}

	/**
	 * The ways; each notes that it started, then has its resource once the gate opens.
	 */
	enum Way {

		FROM_CALLABLE_SUBSCRIBE_ON((test) -> Mono.fromCallable(test::create).subscribeOn(Schedulers.boundedElastic())),

		FROM_CALLABLE_SUBSCRIBE_ON_EXECUTOR((test) -> Mono.fromCallable(test::create).subscribeOn(test.scheduler)),

		DEFER_SUBSCRIBE_ON((test) -> Mono.defer(() -> Mono.just(test.create())).subscribeOn(test.scheduler)),

		FROM_FUTURE((test) -> Mono.fromFuture(() -> CompletableFuture.supplyAsync(test::create, test.executor))),

		FROM_FUTURE_SUPPRESSING_CANCEL(
				(test) -> Mono.fromFuture(() -> CompletableFuture.supplyAsync(test::create, test.executor), true)),

		CREATE((test) -> Mono.create((sink) -> test.executor.execute(() -> sink.success(test.create())))),

		DELAY_ELEMENT((test) -> {
			VirtualTimeScheduler delay = VirtualTimeScheduler.create();
			test.openGate = () -> delay.advanceTimeBy(Duration.ofSeconds(1));
			return Mono.fromCallable(test::createAtOnce).delayElement(Duration.ofSeconds(1), delay);
		}),

		FLAT_MAP_INITIALISATION((test) -> Mono.fromCallable(test::createAtOnce)
			.flatMap((value) -> Mono.fromCallable(() -> test.initialise(value)).subscribeOn(test.scheduler))),

		SINK_ONE((test) -> {
			Sinks.One<String> sink = Sinks.one();
			test.executor.execute(() -> sink.tryEmitValue(test.create()));
			return sink.asMono();
		}),

		TIMEOUT_INSIDE((test) -> Mono.fromCallable(test::create)
			.subscribeOn(Schedulers.boundedElastic())
			.timeout(Duration.ofMinutes(1))),

		// Hidden, or else it would be created after the hop.
		PUBLISH_ON((test) -> Mono.fromCallable(test::createAtOnce)
			.hide()
			.publishOn(Schedulers.fromExecutor((task) -> test.executor.execute(() -> {
				test.waitAtGate();
				task.run();
			})))),

		CACHE((test) -> Mono.fromCallable(test::create).subscribeOn(test.scheduler).cache()),

		RAW_IGNORING_CANCEL((test) -> Mono.fromDirect(new IgnoringCancel(test)));

		private final Function<UnhappyAcquisitionTests, Mono<String>> acquisition;

		Way(Function<UnhappyAcquisitionTests, Mono<String>> acquisition) {
			this.acquisition = acquisition;
		}

	}

	static Stream<Arguments> waysAndFronts() {
		return Stream.of(Way.values())
			.flatMap((way) -> Stream.of(Front.values()).map((front) -> Arguments.of(way, front)));
	}

	@ParameterizedTest
	@MethodSource("waysAndFronts")
	@Case({ 15, 57, 59 })
	void aCancelDuringTheAcquisitionLosesNothing(Way way, Front front) {
		Front.Call call = front.start(this.scopes, spec(way), this::body);
		awaitAcquiring();
		call.cancel();
		await().until(() -> this.scopes.openScopes().get(0).state() == Scope.State.RELEASING);
		assertThat(this.released).hasValue(0);
		this.openGate.run();
		assertNothingIsLost();
		assertThat(this.exits).singleElement().isInstanceOf(Exit.Cancelled.class);
	}

	@ParameterizedTest
	@MethodSource("waysAndFronts")
	@Case({ 57, 94 })
	void aDeadlineDuringTheAcquisitionLosesNothing(Way way, Front front) {
		Front.Call call = front.start(this.scopes, spec(way).timeout(Duration.ofMillis(50)), this::body);
		awaitAcquiring();
		this.time.advanceTimeBy(Duration.ofMillis(50));
		assertThat(call.heard).as("heard before the release").isNotDone();
		this.openGate.run();
		assertThat(call.error()).isInstanceOf(DeadlineExceededException.class).hasMessageContaining("acquiring");
		assertNothingIsLost();
		assertThat(this.exits).singleElement()
			.isInstanceOfSatisfying(Exit.Failed.class, (exit) -> assertThat(exit.error()).isSameAs(call.error()));
	}

	@ParameterizedTest
	@MethodSource("waysAndFronts")
	@Case(57)
	void aScopeThatGivesUpWaitingStillReleasesWhatArrives(Way way, Front front) {
		Front.Call call = front.start(this.scopes, spec(way), this::body);
		awaitAcquiring();
		call.cancel();
		await().until(() -> {
			// An interrupt is noticed by the blocked thread in its own time.
			this.time.advanceTimeBy(Duration.ofSeconds(10));
			return this.scopes.openScopes().isEmpty();
		});
		this.openGate.run();
		assertNothingIsLost();
	}

	/**
	 * What is created inside an acquisition that has timed out by itself was never shown
	 * to the scope. The scope's own limit has no such hole, see the test above.
	 */
	@Test
	@Case(3)
	void aTimeoutInsideTheAcquisitionIsItsOwnAffair() {
		VirtualTimeScheduler inner = VirtualTimeScheduler.create();
		AsyncResource<String> resource = AsyncResource.of(() -> Mono.fromCallable(this::create)
			.subscribeOn(Schedulers.boundedElastic())
			.timeout(Duration.ofMillis(50), inner), this::release);
		Front.Call call = Front.MONO.start(this.scopes, ScopeSpec.of("scope").entering(resource), this::body);
		Front.await(this.started);
		inner.advanceTimeBy(Duration.ofMillis(50));
		assertThat(call.error()).isInstanceOf(TimeoutException.class);
		assertThat(this.bodyStarted).isFalse();
		assertThat(this.released).hasValue(0);
		assertThat(this.scopes.openScopes()).isEmpty();
		this.openGate.run();
	}

	/**
	 * Why all this is needed, and where the README has its figure from. The one that is
	 * released has its body started after the cancel.
	 */
	@Test
	void usingWhenLosesTheResourceInMostOfThem() {
		List<Way> lost = new ArrayList<>();
		for (Way way : Way.values()) {
			UnhappyAcquisitionTests test = new UnhappyAcquisitionTests();
			try {
				if (test.usingWhenLoses(way)) {
					lost.add(way);
				}
			}
			finally {
				test.stop();
			}
		}
		assertThat(lost).hasSizeBetween(11, 12);
	}

	private boolean usingWhenLoses(Way way) {
		Disposable call = Mono
			.usingWhen(way.acquisition.apply(this), (value) -> Mono.just("body"),
					(value) -> release(value, Exit.completed()))
			.subscribe();
		Front.await(this.started);
		call.dispose();
		this.openGate.run();
		await().alias(way.name()).until(() -> this.created.get() == 1);
		// What is released at all is released by whoever created it, on its way out.
		this.executor.shutdown();
		await().alias(way.name()).until(this.executor::isTerminated);
		return this.released.get() == 0;
	}

	private ScopeSpec spec(Way way) {
		Mono<String> acquisition = way.acquisition.apply(this);
		return ScopeSpec.of("scope").entering(AsyncResource.of(() -> acquisition, this::release).named(way.name()));
	}

	private Mono<String> body(Scope scope) {
		this.bodyStarted.set(true);
		return Mono.just("body");
	}

	private Mono<Void> release(String value, Exit exit) {
		return Mono.fromRunnable(() -> {
			synchronized (this.exits) {
				this.exits.add(exit);
			}
			this.released.incrementAndGet();
		});
	}

	/** A scope is known from the moment that it waits. */
	private void awaitAcquiring() {
		Front.await(this.started);
		await().until(() -> this.scopes.openScopes().size() == 1);
	}

	private static ConditionFactory await() {
		return Awaitility.await().atMost(LIMIT).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1));
	}

	private void assertNothingIsLost() {
		await().until(() -> this.created.get() == 1 && this.released.get() == 1 && this.scopes.openScopes().isEmpty());
		assertThat(this.bodyStarted).isFalse();
	}

	private String create() {
		waitAtGate();
		return createAtOnce();
	}

	private String createAtOnce() {
		this.created.incrementAndGet();
		this.started.countDown();
		return "resource";
	}

	private String initialise(String value) {
		waitAtGate();
		return value;
	}

	/** Hears no interrupt: neither does a socket being opened. */
	private void waitAtGate() {
		this.started.countDown();
		boolean interrupted = false;
		while (true) {
			try {
				this.gate.await();
				break;
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
	}

	private record IgnoringCancel(UnhappyAcquisitionTests test) implements Publisher<String> {

		@Override
		public void subscribe(Subscriber<? super String> subscriber) {
			subscriber.onSubscribe(new Subscription() {
				@Override
				public void request(long n) {
					IgnoringCancel.this.test.executor.execute(() -> {
						subscriber.onNext(IgnoringCancel.this.test.create());
						subscriber.onComplete();
					});
				}

				@Override
				public void cancel() {
				}
			});
		}

	}

}
