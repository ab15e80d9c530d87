package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A limit ends what it bounds, also where a subscriber asks for nothing.
 */
class ReadAheadTests {

	private static final IllegalStateException BROKEN = new IllegalStateException("broken");

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Recording resource = new Recording("resource");

	private final Subscriber subscriber = new Subscriber();

	private final AtomicReference<Scope> scope = new AtomicReference<>();

	private final List<Object> discarded = new CopyOnWriteArrayList<>();

	@Test
	void errorBehindValuesEndsTheScopeWithoutDemand() {
		subscribe(Flux.range(1, 100).concatWith(Flux.error(BROKEN)));
		this.subscriber.request(10);
		assertThat(this.subscriber.values).hasSize(10);
		assertThat(this.resource.released()).isZero();
		this.scope.get().readAhead();
		assertThat(this.resource.events).last().isEqualTo("release resource " + Exit.failed(BROKEN));
		assertThat(this.subscriber.end).isCompletedWithValue(BROKEN.toString());
		assertThat(this.subscriber.values).hasSize(10);
		assertThat(this.discarded).hasSize(90);
	}

	@Test
	void bodyThatGoesOnKeepsItsValuesAndOrder() {
		AtomicLong asked = new AtomicLong();
		subscribe(Flux.range(1, 5000).doOnRequest(asked::addAndGet));
		this.subscriber.request(1);
		this.scope.get().readAhead();
		this.scope.get().readAhead();
		assertThat(asked).hasValue(1 + ReadAhead.AT_MOST);
		assertThat(this.subscriber.values).containsExactly(1);
		this.subscriber.request(ReadAhead.AT_MOST);
		assertThat(asked).as("what was ahead is used up first").hasValue(1 + ReadAhead.AT_MOST);
		this.subscriber.request(5);
		assertThat(asked).hasValue(6 + ReadAhead.AT_MOST);
		assertThat(this.subscriber.values).hasSize(6 + ReadAhead.AT_MOST);
		this.subscriber.request(Long.MAX_VALUE);
		assertThat(this.subscriber.values).isEqualTo(IntStream.rangeClosed(1, 5000).boxed().toList());
		assertThat(this.subscriber.end).isCompletedWithValue("completed");
		assertThat(this.discarded).isEmpty();
	}

	@Test
	void bodyThatCompletesAheadReleasesAndItsValuesAreReadLater() {
		subscribe(Flux.range(1, 100));
		this.scope.get().readAhead();
		assertThat(this.resource.events).last().isEqualTo("release resource " + Exit.completed());
		assertThat(this.scopes.openScopes()).isEmpty();
		assertThat(this.subscriber.end).isNotDone();
		this.subscriber.request(99);
		assertThat(this.subscriber.end).isNotDone();
		this.subscriber.request(1);
		assertThat(this.subscriber.values).isEqualTo(IntStream.rangeClosed(1, 100).boxed().toList());
		assertThat(this.subscriber.end).isCompletedWithValue("completed");
	}

	@Test
	void cancelThrowsAwayWhatIsAhead() {
		subscribe(Flux.range(1, 100).concatWith(Flux.never()));
		this.scope.get().readAhead();
		this.subscriber.cancel();
		assertThat(this.discarded).hasSize(100);
		assertThat(this.resource.released()).isOne();
		assertThat(this.subscriber.end).isNotDone();
	}

	@Test
	void limitOfTheScopeThrowsAwayWhatIsAhead() {
		subscribe(Flux.range(1, 100).concatWith(Flux.never()));
		this.scope.get().readAhead();
		this.scope.get().cancel("enough").subscribe();
		assertThat(this.discarded).hasSize(100);
		assertThat(this.resource.released()).isOne();
		assertThat(this.subscriber.end.join()).contains("enough");
	}

	@Test
	void nothingHappensBeforeTheBodyOrAfterIt() {
		Sinks.One<String> acquired = Sinks.one();
		this.resource.acquisition = acquired.asMono();
		AtomicLong asked = new AtomicLong();
		this.scopes
			.withMany(ScopeSpec.of("call").entering(this.resource),
					(scope) -> Flux.range(1, 10).doOnRequest(asked::addAndGet))
			.subscribe(this.subscriber);
		Scope scope = this.scopes.openScopes().get(0);
		scope.readAhead();
		acquired.tryEmitValue("resource");
		assertThat(asked).hasValue(0);
		this.subscriber.request(11);
		scope.readAhead();
		assertThat(asked).hasValue(11);
		assertThat(this.subscriber.end).isCompletedWithValue("completed");
	}

	@Test
	void scopesAroundReadAheadToo() {
		Recording inner = new Recording("inner");
		AtomicReference<Scope> innerScope = new AtomicReference<>();
		subscribe(this.scopes.withMany(ScopeSpec.of("inner").entering(inner), (scope) -> {
			innerScope.set(scope);
			return Flux.range(1, 100).concatWith(Flux.error(BROKEN));
		}).flatMapIterable(List::of));
		innerScope.get().readAhead();
		assertThat(inner.released()).isOne();
		assertThat(this.resource.events).last().isEqualTo("release resource " + Exit.failed(BROKEN));
		assertThat(this.subscriber.end).isCompletedWithValue(BROKEN.toString());
	}

	@Test
	void limitOfAnInnerScopeEndsTheOuterOneWithoutDemand() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		AsyncScopes timed = AsyncScopes.builder().clock(ScopeClock.of(time)).build();
		Flux<Integer> inner = timed.withMany(ScopeSpec.of("inner").timeout(Duration.ofSeconds(1)),
				(scope) -> Flux.range(1, 100).concatWith(Flux.never()));
		timed.withMany(ScopeSpec.of("outer").entering(this.resource),
				(scope) -> inner.collectList().flatMapMany(Flux::fromIterable).onErrorResume((error) -> error(error)))
			.subscribe(this.subscriber);
		time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.resource.released()).isOne();
		assertThat(this.subscriber.end.join()).contains("'inner'");
	}

	/** As the web client does: the error waits until it is asked for. */
	private static Flux<Integer> error(Throwable error) {
		return Flux.error(error, true);
	}

	@Test
	void threadsThatAskReadAndBringAtOnceLoseAndReorderNothing() throws Exception {
		long seed = System.nanoTime();
		Random random = new Random(seed);
		ExecutorService threads = Executors.newFixedThreadPool(3);
		try {
			for (int round = 0; round < 500; round++) {
				race(threads, random, seed);
			}
		}
		finally {
			threads.shutdown();
		}
	}

	private void race(ExecutorService threads, Random random, long seed) throws Exception {
		int count = 1 + random.nextInt(3000);
		int end = random.nextInt(3);
		int step = 1 + random.nextInt(300);
		int reads = random.nextInt(4);
		AtomicReference<Scope> scope = new AtomicReference<>();
		Subscriber subscriber = new Subscriber();
		AtomicLong discarded = new AtomicLong();
		CountDownLatch released = new CountDownLatch(1);
		Flux<Integer> values = Flux.range(1, count);
		Flux<Integer> body = (end == 1) ? values.concatWith(Flux.error(BROKEN)) : values;
		this.scopes.withMany(ScopeSpec.of("race"), (running) -> {
			running.onExit((exit) -> Mono.fromRunnable(released::countDown));
			scope.set(running);
			return body;
		}).doOnDiscard(Integer.class, (value) -> discarded.incrementAndGet()).subscribe(subscriber);
		CountDownLatch start = new CountDownLatch(1);
		Future<?> asking = threads.submit(() -> {
			Front.await(start);
			for (int asked = 0; asked <= count; asked += step) {
				subscriber.asked.addAndGet(step);
				subscriber.request(step);
			}
		});
		Future<?> ahead = threads.submit(() -> {
			Front.await(start);
			for (int i = 0; i < reads; i++) {
				scope.get().readAhead();
			}
		});
		Future<?> cancelling = threads.submit(() -> {
			Front.await(start);
			if (end == 2) {
				subscriber.cancel();
			}
		});
		start.countDown();
		asking.get(30, TimeUnit.SECONDS);
		ahead.get(30, TimeUnit.SECONDS);
		cancelling.get(30, TimeUnit.SECONDS);
		String what = "seed " + seed + ", " + count + " values, end " + end;
		Front.await(released);
		assertThat(subscriber.tooMany).as(what).isFalse();
		assertThat(subscriber.values).as(what)
			.isEqualTo(IntStream.rangeClosed(1, subscriber.values.size()).boxed().toList());
		if (end == 0) {
			assertThat(subscriber.end.get(30, TimeUnit.SECONDS)).as(what).isEqualTo("completed");
			assertThat(subscriber.values).as(what).hasSize(count);
		}
		if (end == 1) {
			assertThat(subscriber.end.get(30, TimeUnit.SECONDS)).as(what).isEqualTo(BROKEN.toString());
			assertThat(subscriber.values.size() + discarded.get()).as(what).isEqualTo(count);
		}
	}

	private void subscribe(Flux<Integer> body) {
		this.scopes.withMany(ScopeSpec.of("call").entering(this.resource), (running) -> {
			this.scope.set(running);
			return body;
		}).doOnDiscard(Object.class, this.discarded::add).subscribe(this.subscriber);
	}

	/** Asks for what it is told to. */
	private static final class Subscriber extends BaseSubscriber<Integer> {

		final List<Integer> values = new CopyOnWriteArrayList<>();

		final CompletableFuture<String> end = new CompletableFuture<>();

		final AtomicLong asked = new AtomicLong();

		volatile boolean tooMany;

		@Override
		protected void hookOnSubscribe(Subscription subscription) {
			// Later.
		}

		@Override
		protected void hookOnNext(Integer value) {
			this.values.add(value);
			this.tooMany |= this.asked.get() != 0 && this.values.size() > this.asked.get();
		}

		@Override
		protected void hookOnComplete() {
			this.end.complete("completed");
		}

		@Override
		protected void hookOnError(Throwable error) {
			this.end.complete(error.toString());
		}

	}

}
