package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.publisher.TestPublisher;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Interleavings forced one by one: what two threads may do to one scope at the worst
 * moment, and what callers may do to each other.
 */
@Timeout(360)
@ExtendWith(QuietScopes.class)
class ScopeRaceTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final int ROUNDS = 5_000;

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<Throwable> undelivered = new CopyOnWriteArrayList<>();

	private final List<String> recorded = new CopyOnWriteArrayList<>();

	private final ScopeRecorder recorder = new ScopeRecorder() {
		@Override
		public void acquired(String resource, Outcome outcome, long nanos) {
			ScopeRaceTests.this.recorded
				.add("acquired " + resource + " " + outcome + " " + Duration.ofNanos(nanos).toMillis());
		}

		@Override
		public void released(String resource, Outcome outcome, long nanos) {
			ScopeRaceTests.this.recorded
				.add("released " + resource + " " + outcome + " " + Duration.ofNanos(nanos).toMillis());
		}

		@Override
		public void closed(String scope, Exit exit, long nanos) {
			ScopeRaceTests.this.recorded.add("closed " + scope + " " + exit + " " + Duration.ofNanos(nanos).toMillis());
		}

		@Override
		public void undelivered(String scope, Throwable error) {
			ScopeRaceTests.this.undelivered.add(error);
		}
	};

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.recorder(this.recorder)
		.build();

	private final Recording resource = new Recording("r");

	// What the body enters.

	@Test
	void whatIsEnteredIsHandedOverOnce() {
		List<Object> dropped = new ArrayList<>();
		String value = this.scopes.with((scope) -> scope.enter(this.resource))
			.contextWrite(Context.of("reactor.onNextDropped.local", (Consumer<Object>) dropped::add))
			.block(LIMIT);
		assertThat(value).isEqualTo("r");
		assertThat(dropped).isEmpty();
	}

	@Test
	void aFailureToEnterIsToldOnce() {
		List<Object> dropped = new ArrayList<>();
		IllegalStateException error = new IllegalStateException("expected");
		this.resource.acquisition = Mono.error(error);
		List<Throwable> heard = new ArrayList<>();
		this.scopes.with((scope) -> scope.enter(this.resource))
			.contextWrite(Context.of("reactor.onErrorDropped.local", (Consumer<Object>) dropped::add))
			.subscribe((value) -> {
			}, heard::add);
		assertThat(heard).containsExactly(error);
		assertThat(dropped).isEmpty();
	}

	@Test
	void enteringADirectResourceWhileTheScopeIsCancelledEnds() {
		AtomicReference<Scope> running = new AtomicReference<>();
		WaitQueue queue = new WaitQueue();
		DirectResource<String> direct = new DirectResource<>("direct") {
			@Override
			protected @Nullable String attempt(Waiter waiter) {
				// The scope ends after it was asked and before the wait begins.
				running.get().cancel("just now");
				queue.add(waiter, 1, 0);
				return null;
			}

			@Override
			protected boolean withdraw(Waiter waiter) {
				return queue.remove(waiter);
			}

			@Override
			protected void giveBack(String value) {
			}
		};
		Sinks.Empty<Void> go = Sinks.empty();
		CompletableFuture<String> heard = this.scopes.with((scope) -> {
			running.set(scope);
			return go.asMono().then(scope.enter(direct));
		}).toFuture();
		go.tryEmitEmpty();
		assertThat(heard).isCompletedExceptionally();
		assertThat(queue.size()).isZero();
		assertThat(running.get().state()).isEqualTo(Scope.State.CLOSED);
	}

	@Test
	@Case(104)
	void whoStopsEnteringBeforeTheWaitBeginsDoesNotWait() {
		Limiter limiter = Limiter.builder("full").permits(1).build();
		Permit held = limiter.tryAcquire();
		Scope scope = this.scopes.open("by hand");
		scope.enter(limiter).subscribe(new BaseSubscriber<>() {
			@Override
			protected void hookOnSubscribe(Subscription subscription) {
				subscription.cancel();
			}
		});
		assertThat(limiter.statistics().waiting()).isZero();
		held.close();
		scope.close().block(LIMIT);
		assertThat(limiter.statistics().borrowed()).isZero();
	}

	@Test
	@Case(72)
	void whatArrivesAfterACancelHearsTheReason() {
		Sinks.One<String> acquisition = Sinks.one();
		this.resource.acquisition = acquisition.asMono();
		AtomicReference<Scope> running = new AtomicReference<>();
		this.scopes.with((scope) -> {
			running.set(scope);
			return scope.enter(this.resource);
		}).subscribe((value) -> {
		}, (error) -> {
		});
		running.get().cancel("no longer needed");
		acquisition.tryEmitValue("r");
		assertThat(this.resource.events).containsExactly("acquire r", "release r cancelled: no longer needed");
		assertThat(running.get().state()).isEqualTo(Scope.State.CLOSED);
	}

	@Test
	void aCancelAfterEnteringLeavesTheReleaseToTheScope() {
		IllegalStateException error = new IllegalStateException("release");
		this.resource.release = Mono.error(error);
		List<Throwable> heard = new ArrayList<>();
		this.scopes.with((scope) -> {
			BaseSubscriber<String> entering = new BaseSubscriber<>() {
				@Override
				protected void hookOnSubscribe(Subscription subscription) {
					// Asks for nothing, so the value stays where it is.
				}
			};
			scope.enter(this.resource).subscribe(entering);
			entering.cancel();
			return Mono.empty();
		}).subscribe((value) -> {
		}, heard::add);
		assertThat(heard).containsExactly(error);
		assertThat(this.resource.released()).isOne();
	}

	@Test
	@Case(70)
	void eachAcquisitionThatACancelledScopeWaitsForIsBounded() {
		Sinks.One<String> second = Sinks.one();
		Recording never = new Recording("never");
		never.acquisition = Mono.never();
		this.resource.acquisition = second.asMono();
		Disposable call = this.scopes
			.with((scope) -> Mono.zip(scope.enter(never), scope.enter(this.resource)).then(Mono.just("x")))
			.subscribe();
		Scope scope = this.scopes.openScopes().get(0);
		call.dispose();
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		second.tryEmitError(new IllegalStateException("the top one fails"));
		this.time.advanceTimeBy(Duration.ofSeconds(10));
		assertThat(scope.state()).isEqualTo(Scope.State.CLOSED);
	}

	@Test
	void anEntererAndACancelNeverHangTheScope() throws Exception {
		Limiter limiter = Limiter.builder("full").permits(1).build();
		Permit held = limiter.tryAcquire();
		AsyncScopes plain = AsyncScopes.create();
		List<Scope> open = Stream.generate(() -> plain.open("race")).limit(ROUNDS).toList();
		race((i) -> open.get(i).enter(limiter).subscribe((permit) -> {
		}, (error) -> {
		}), (i) -> open.get(i).cancel("race"));
		for (Scope scope : open) {
			scope.close().block(LIMIT);
		}
		assertThat(limiter.statistics().waiting()).isZero();
		held.close();
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	/** Two threads in lock step. */
	private static void race(IntConsumer one, IntConsumer other) throws Exception {
		AtomicInteger steps = new AtomicInteger();
		CompletableFuture<Void> done = CompletableFuture.runAsync(() -> walk(steps, one));
		walk(steps, other);
		done.get(180, TimeUnit.SECONDS);
	}

	private static void walk(AtomicInteger steps, IntConsumer step) {
		for (int i = 0; i < ROUNDS; i++) {
			steps.incrementAndGet();
			for (int spins = 0; steps.get() < 2 * (i + 1); spins++) {
				if (spins < 1000) {
					Thread.onSpinWait();
				}
				else {
					Thread.yield();
				}
			}
			step.accept(i);
		}
	}

	// The acquisition.

	@Test
	@Case(59)
	void aValueThatMeetsTheCancelOfACancellableAcquisitionIsReleased() {
		TestPublisher<String> publisher = TestPublisher.create();
		List<Object> released = new ArrayList<>();
		AsyncResource<String> cancellable = new AsyncResource<>() {
			@Override
			public Mono<String> acquire() {
				return Mono.fromDirect(publisher);
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				return Mono.fromRunnable(() -> released.add(value + " " + exit));
			}

			@Override
			public boolean cancellable() {
				return true;
			}
		};
		Disposable call = this.scopes.use(cancellable, Mono::just).subscribe();
		publisher.next("value");
		call.dispose();
		assertThat(released).containsExactly("value cancelled: by its subscriber");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(61)
	void noFailureOfAnAcquisitionIsLostToACancel() throws Exception {
		AsyncScopes recorded = AsyncScopes.builder().recorder(this.recorder).build();
		AtomicInteger heard = new AtomicInteger();
		List<Sinks.One<String>> acquisitions = Stream.generate(Sinks::<String>one).limit(ROUNDS).toList();
		for (Sinks.One<String> acquisition : acquisitions) {
			ScopeSpec failing = ScopeSpec.of("failing")
				.entering(AsyncResource.of(acquisition::asMono, (value, exit) -> Mono.empty()));
			recorded.withFuture(failing, (scope) -> CompletableFuture.completedFuture("x"))
				.whenComplete((value, error) -> {
					if (error instanceof IllegalArgumentException || hasSuppressed(error)) {
						heard.incrementAndGet();
					}
				});
		}
		// Oldest first, as they were made.
		List<Scope> open = recorded.openScopes();
		race((i) -> acquisitions.get(i).tryEmitError(new IllegalArgumentException("expected")),
				(i) -> open.get(i).cancel("race"));
		for (Scope scope : open) {
			scope.close().block(LIMIT);
		}
		assertThat(heard.get() + this.undelivered.size()).isEqualTo(ROUNDS);
	}

	/** Of a cancel that was faster. */
	private static boolean hasSuppressed(Throwable cancelled) {
		return cancelled instanceof ScopeClosedException && cancelled.getSuppressed().length == 1;
	}

	// The body.

	@Test
	@Case(18)
	void aBodyWhosePublisherThrowsWhenSubscribedToIsAFailure() {
		IllegalStateException error = new IllegalStateException("subscribe");
		Publisher<String> broken = (subscriber) -> {
			throw error;
		};
		List<Throwable> heard = new ArrayList<>();
		this.scopes.useMany(this.resource, (value) -> broken).subscribe((value) -> {
		}, heard::add);
		this.scopes.use(this.resource, (value) -> new Mono<String>() {
			@Override
			public void subscribe(CoreSubscriber<? super String> actual) {
				throw error;
			}
		}).subscribe((value) -> {
		}, heard::add);
		assertThat(heard).containsExactly(error, error);
		assertThat(this.resource.released()).isEqualTo(2);
	}

	@Test
	@Case(55)
	void aBodyThatThrowsWhenCancelledIsReleasedAllTheSame() {
		IllegalStateException error = new IllegalStateException("cancel");
		Mono<String> broken = new Mono<>() {
			@Override
			public void subscribe(CoreSubscriber<? super String> actual) {
				actual.onSubscribe(new Subscription() {
					@Override
					public void request(long n) {
					}

					@Override
					public void cancel() {
						throw error;
					}
				});
			}
		};
		this.scopes.use(this.resource, (value) -> broken).subscribe().dispose();
		this.scopes.useMany(this.resource, (value) -> broken).subscribe().dispose();
		this.scopes.useFuture(this.resource, (value) -> new CompletableFuture<String>() {
			@Override
			public boolean cancel(boolean mayInterruptIfRunning) {
				throw error;
			}
		}).cancel(true);
		assertThat(this.resource.released()).isEqualTo(3);
		assertThat(this.undelivered).containsExactly(error, error, error);
	}

	@Test
	@Case(55)
	void theReleaseWaitsForTheBodysCancel() throws Exception {
		CountDownLatch subscribed = new CountDownLatch(1);
		CountDownLatch cancelling = new CountDownLatch(1);
		CountDownLatch released = new CountDownLatch(1);
		AtomicBoolean releasedWhileCancelling = new AtomicBoolean();
		AsyncResource<String> resource = AsyncResource.closing(() -> Mono.just("r"),
				(value) -> Mono.fromRunnable(released::countDown));
		Mono<String> body = new Mono<>() {
			@Override
			public void subscribe(CoreSubscriber<? super String> actual) {
				actual.onSubscribe(new Subscription() {
					@Override
					public void request(long n) {
					}

					@Override
					public void cancel() {
						cancelling.countDown();
						releasedWhileCancelling.set(happens(released, Duration.ofMillis(100)));
					}
				});
				// The driver is still in here when the cancel comes from elsewhere.
				subscribed.countDown();
				Front.await(cancelling);
			}
		};
		Disposable.Swap call = reactor.core.Disposables.swap();
		BaseSubscriber<String> subscriber = new BaseSubscriber<>() {
		};
		call.update(subscriber);
		Thread starter = new Thread(() -> this.scopes.use(resource, (value) -> body).subscribe(subscriber));
		starter.start();
		Front.await(subscribed);
		call.dispose();
		Front.await(released);
		starter.join(10_000);
		assertThat(releasedWhileCancelling).isFalse();
	}

	private static boolean happens(CountDownLatch latch, Duration within) {
		try {
			return latch.await(within.toMillis(), TimeUnit.MILLISECONDS);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	@Case(81)
	void aBlockingBodyIsLeftBeforeItsResourceIsReleased() throws Exception {
		CountDownLatch inBody = new CountDownLatch(1);
		CountDownLatch leave = new CountDownLatch(1);
		CompletableFuture<Throwable> heard = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				this.scopes.withBlocking(ScopeSpec.of("slow").entering(this.resource).timeout(Duration.ofSeconds(1)),
						(scope) -> {
							inBody.countDown();
							boolean interrupted = false;
							while (true) {
								try {
									leave.await();
									break;
								}
								catch (InterruptedException ex) {
									interrupted = true;
								}
							}
							// It may come between two looks of a latch that is open by
							// then.
							interrupted |= Thread.interrupted();
							this.resource.events.add("leaves, interrupted " + interrupted);
							throw new java.io.IOException("too late");
						});
			}
			catch (Throwable ex) {
				heard.complete(ex);
			}
		});
		caller.start();
		Front.await(inBody);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.resource.events).containsExactly("acquire r");
		leave.countDown();
		Throwable error = heard.get(30, TimeUnit.SECONDS);
		assertThat(error).isInstanceOf(DeadlineExceededException.class);
		assertThat(error.getSuppressed()).singleElement().isInstanceOf(java.io.IOException.class);
		assertThat(this.resource.events).containsExactly("acquire r", "leaves, interrupted true",
				"release r failed: " + error);
		caller.join(10_000);
	}

	@Test
	@Case(40)
	void aFutureThatEndsAfterItsScopeTimedOutHasNoResultToShow() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.resource.release = release.asMono();
		// The inner exit forgives, then the outer one takes its time.
		AsyncResource<String> forgiving = new Recording("inner").suppressing(DeadlineExceededException.class);
		CompletableFuture<String> body = new CompletableFuture<>() {
			@Override
			public boolean cancel(boolean mayInterruptIfRunning) {
				return false;
			}
		};
		CompletableFuture<String> call = this.scopes.withFuture(
				ScopeSpec.of("late").entering(this.resource, forgiving).timeout(Duration.ofSeconds(1)),
				(scope) -> body);
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		body.complete("too late");
		release.tryEmitEmpty();
		assertThat(call).isCompletedWithValue(null);
	}

	// Callers on one thread.

	@EventLoop
	@Test
	void aCallerThatThrowsDoesNotHarmTheOneWhosePermitItGot() {
		Limiter limiter = Limiter.builder("one").build();
		Sinks.One<String> first = Sinks.one();
		CompletableFuture<String> a = this.scopes.use(limiter, (permit) -> first.asMono()).toFuture();
		this.scopes.use(limiter, (permit) -> Mono.just("b")).subscribe(new CoreSubscriber<>() {
			@Override
			public void onSubscribe(Subscription subscription) {
				subscription.request(1);
			}

			@Override
			public void onNext(String value) {
				throw new IllegalStateException("a caller's own mistake");
			}

			@Override
			public void onError(Throwable error) {
			}

			@Override
			public void onComplete() {
			}
		});
		CompletableFuture<String> c = this.scopes.use(limiter, (permit) -> Mono.just("c")).toFuture();
		first.tryEmitValue("a");
		assertThat(a).isCompletedWithValue("a");
		assertThat(c).isCompletedWithValue("c");
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(1, 0, 0));
	}

	@Test
	void whoIsGrantedOnAnothersThreadIsNotInTheOthersScope() throws Exception {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = limiter.tryAcquire();
		CompletableFuture<String> waiting = this.scopes.use(limiter, (permit) -> Mono.just("waiter"))
			.flatMap((value) -> this.scopes.with(ScopeSpec.of("next"),
					(scope) -> Mono.just(String.valueOf(scope.parent()))))
			.toFuture();
		this.scopes.withBlocking(ScopeSpec.of("stranger"), (stranger) -> {
			held.close();
			return "x";
		});
		assertThat(waiting).succeedsWithin(LIMIT).isEqualTo("null");
	}

	@Test
	@Case(120)
	void aBlockingCallInsideAHandOverIsServed() throws Exception {
		Limiter limiter = Limiter.builder("paused").permits(0).build();
		CompletableFuture<String> first = this.scopes.useFuture(limiter, (permit) -> {
			try {
				return CompletableFuture.completedFuture(this.scopes.useBlocking(limiter, (second) -> "inner"));
			}
			catch (Exception ex) {
				return CompletableFuture.failedFuture(ex);
			}
		});
		CompletableFuture<String> between = this.scopes.use(limiter, (permit) -> Mono.just("between")).toFuture();
		Thread resizing = new Thread(() -> limiter.resize(3));
		resizing.setDaemon(true);
		resizing.start();
		assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo("inner");
		assertThat(between.get(30, TimeUnit.SECONDS)).isEqualTo("between");
		resizing.join(10_000);
		assertThat(limiter.statistics()).isEqualTo(new Limiter.Statistics(3, 0, 0));
	}

	// Transfer.

	@Test
	void nothingTransferredIsLostToTheParentsEnd() throws Exception {
		AsyncScopes plain = AsyncScopes.create();
		AtomicInteger acquired = new AtomicInteger();
		AtomicInteger released = new AtomicInteger();
		AsyncResource<Integer> counted = AsyncResource.closing(() -> Mono.fromCallable(acquired::incrementAndGet),
				(value) -> Mono.fromRunnable(released::incrementAndGet));
		List<Scope> parents = Stream.generate(() -> plain.open("parent")).limit(ROUNDS).toList();
		List<Scope> children = parents.stream().map((parent) -> parent.child("child")).toList();
		List<Scope> owners = new CopyOnWriteArrayList<>();
		for (Scope child : children) {
			child.enter(counted).block(LIMIT);
			child.enter(counted).block(LIMIT);
		}
		race((i) -> {
			try {
				owners.add(children.get(i).transfer());
			}
			catch (ScopeClosedException ex) {
				// The end came first.
			}
		}, (i) -> parents.get(i).cancel("race"));
		for (Scope owner : owners) {
			owner.close().block(LIMIT);
		}
		for (Scope parent : parents) {
			parent.close().block(LIMIT);
		}
		assertThat(released).hasValue(acquired.get());
	}

	// What is recorded.

	@EventLoop
	@Test
	void timesAreRecordedFromWhenTheWaitBegan() {
		this.time.advanceTimeBy(Duration.ofHours(1));
		Limiter limiter = Limiter.builder("limit").clock(ScopeClock.of(this.time)).build();
		Permit held = limiter.tryAcquire();
		Sinks.One<String> acquisition = Sinks.one();
		this.resource.acquisition = acquisition.asMono();
		this.scopes.with(ScopeSpec.of("both").entering(limiter, this.resource), (scope) -> Mono.just("x")).subscribe();
		this.time.advanceTimeBy(Duration.ofMillis(500));
		held.close();
		this.time.advanceTimeBy(Duration.ofMillis(300));
		acquisition.tryEmitValue("r");
		assertThat(this.recorded).containsExactly("acquired limit SUCCESS 500", "acquired r SUCCESS 300",
				"released r SUCCESS 0", "released limit SUCCESS 0", "closed both completed 800");
	}

	@Test
	void anExitHandlerIsNoResource() {
		this.scopes.with(ScopeSpec.of("handlers"), (scope) -> {
			scope.onExit((exit) -> Mono.empty());
			assertThat(scope.resources()).isEmpty();
			return Mono.just("x");
		}).block(LIMIT);
		assertThat(this.recorded).containsExactly("closed handlers completed 0");
	}

	@Test
	@Case(45)
	void ofTwoReleasesOfACompositionNeitherFailureIsLost() {
		IllegalStateException outer = new IllegalStateException("outer release");
		IllegalStateException inner = new IllegalStateException("inner release");
		AsyncResource<String> composed = AsyncResource
			.closing(() -> Mono.just("outer"), (value) -> Mono.<Void>error(outer))
			.flatMap((value) -> AsyncResource.closing(() -> Mono.just("inner"), (v) -> Mono.error(inner)));
		List<Throwable> heard = new ArrayList<>();
		this.scopes.use(composed, Mono::just).subscribe((value) -> {
		}, heard::add);
		assertThat(heard).containsExactly(inner);
		assertThat(inner.getSuppressed()).containsExactly(outer);
	}

	@Test
	@Case(52)
	void ofTwoReleasesOfACancelledCompositionNeitherFailureIsLost() {
		IllegalStateException outer = new IllegalStateException("outer release");
		IllegalStateException inner = new IllegalStateException("inner release");
		AsyncResource<String> composed = AsyncResource
			.closing(() -> Mono.just("outer"), (value) -> Mono.<Void>error(outer))
			.flatMap((value) -> AsyncResource.closing(() -> Mono.just("inner"), (v) -> Mono.error(inner)));
		this.scopes.use(composed, (value) -> Flux.never().then()).subscribe().dispose();
		assertThat(this.undelivered).containsExactly(inner);
		assertThat(inner.getSuppressed()).containsExactly(outer);
	}

}
