package io.scopedasync.sync;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.ScopeSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Each member under cancels, errors and thread hops at random.
 */
@Timeout(300)
class SyncRaceTests {

	private Chaos chaos;

	@BeforeEach
	void begin(TestInfo test) {
		this.chaos = new Chaos(test.getDisplayName());
	}

	@AfterEach
	void end() {
		this.chaos.dispose();
	}

	@Test
	void lock() throws Exception {
		Lock lock = Lock.builder("lock").build();
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger entered = new AtomicInteger();
		int[] unguarded = new int[1];
		this.chaos.run((random) -> {
			if (random.nextInt(50) == 0) {
				useBlocking(lock, () -> {
					expect(inside.incrementAndGet() == 1);
					entered.incrementAndGet();
					unguarded[0]++;
					inside.decrementAndGet();
				});
				return;
			}
			if (random.nextInt(50) == 0) {
				Hold hold = lock.tryAcquire();
				if (hold != null) {
					hold.close();
				}
			}
			Mono<Void> rest = this.chaos.rest(random);
			this.chaos.maybeCancel(random, holding(lock, () -> {
				expect(inside.incrementAndGet() == 1);
				entered.incrementAndGet();
				unguarded[0]++;
			}, inside::decrementAndGet, rest));
		});
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty());
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(unguarded[0]).isEqualTo(entered.get());
	}

	@Test
	void keyedLock() throws Exception {
		KeyedLock locks = KeyedLock.builder("locks").build();
		AtomicIntegerArray inside = new AtomicIntegerArray(10);
		this.chaos.run((random) -> {
			int key = random.nextInt(9);
			int above = key + 1;
			Mono<Void> rest = this.chaos.rest(random);
			// Always in the order of their keys, so that nobody waits in a circle.
			Mono<Void> body = (random.nextInt(4) != 0) ? rest
					: this.chaos.scopes.with(ScopeSpec.of("above").entering(locks.forKey(above)), (scope) -> {
						expect(inside.incrementAndGet(above) == 1);
						scope.onExit((exit) -> Mono.fromRunnable(() -> inside.decrementAndGet(above)));
						return rest;
					});
			this.chaos.maybeCancel(random, holding(locks.forKey(key), () -> expect(inside.incrementAndGet(key) == 1),
					() -> inside.decrementAndGet(key), body));
		});
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty());
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(locks.statistics()).isEqualTo(new KeyedLock.Statistics(0, 0, 0));
	}

	@Test
	void readWriteLock() throws Exception {
		ReadWriteLock lock = ReadWriteLock.builder("prices").build();
		AtomicInteger readers = new AtomicInteger();
		AtomicInteger writers = new AtomicInteger();
		AtomicInteger most = new AtomicInteger();
		this.chaos.run((random) -> {
			Mono<Void> rest = this.chaos.rest(random);
			Disposable run;
			if (random.nextInt(4) == 0) {
				run = holding(lock.write(), () -> {
					expect(writers.incrementAndGet() == 1);
					expect(readers.get() == 0);
				}, writers::decrementAndGet, rest);
			}
			else {
				run = holding(lock.read(), () -> {
					most.accumulateAndGet(readers.incrementAndGet(), Math::max);
					expect(writers.get() == 0);
				}, readers::decrementAndGet, rest);
			}
			this.chaos.maybeCancel(random, run);
		});
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty());
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(0, false, 0));
		assertThat(most.get()).isGreaterThan(1);
	}

	@Test
	void boundedBuffer() throws Exception {
		Lock lock = Lock.builder("buffer").build();
		Condition notEmpty = lock.condition("not-empty");
		Condition notFull = lock.condition("not-full");
		// Guarded by nothing but the lock.
		Queue<Integer> buffer = new ArrayDeque<>();
		int[] counts = new int[2];
		Set<Disposable> open = ConcurrentHashMap.newKeySet();
		this.chaos.run((random) -> {
			boolean puts = random.nextBoolean();
			Mono<Void> rest = this.chaos.rest(random).onErrorComplete();
			AtomicInteger part = new AtomicInteger();
			Mono<Void> run = this.chaos.scopes.with(ScopeSpec.of(puts ? "put" : "take").entering(lock), (scope) -> {
				// Woken, and gone before it did its part.
				scope.onExit((exit) -> (exit instanceof Exit.Cancelled) ? notEmpty.signal().then(notFull.signal())
						: Mono.empty());
				return puts ? rest.then(notFull.await(() -> buffer.size() < 4)).then(whole(part, () -> {
					buffer.add(counts[0]++);
					expect(buffer.size() <= 4);
				})).then(notEmpty.signal())
						: rest.then(notEmpty.await(() -> !buffer.isEmpty())).then(whole(part, () -> {
							// In order, and nothing twice.
							expect(buffer.remove() == counts[1]++);
						})).then(notFull.signal());
			});
			Disposable.Swap kept = reactor.core.Disposables.swap();
			open.add(kept);
			kept.update(run.doOnError((error) -> expect(false)).doFinally((signal) -> open.remove(kept)).subscribe());
			this.chaos.maybeCancel(random, () -> {
				if (part.compareAndSet(0, -1)) {
					kept.dispose();
				}
			});
		});
		this.chaos.until(() -> {
			boolean lost = lock.statistics().held() || lock.statistics().waiting() != 0
					|| (!buffer.isEmpty() && notEmpty.waiting() != 0) || (buffer.size() < 4 && notFull.waiting() != 0);
			return !lost;
		});
		assertThat(counts[0] - counts[1]).isEqualTo(buffer.size());
		assertThat(counts[1]).isPositive();
		open.forEach(Disposable::dispose);
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty());
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(lock.statistics()).isEqualTo(new Lock.Statistics(false, 0));
		assertThat(notEmpty.waiting() + notFull.waiting()).isZero();
	}

	@Test
	void event() throws Exception {
		Event event = Event.create("event");
		AtomicInteger stay = new AtomicInteger();
		AtomicInteger passed = new AtomicInteger();
		this.chaos.run((random) -> {
			if (random.nextInt(10) == 0) {
				event.set();
			}
			if (random.nextInt(10) == 0) {
				event.clear();
			}
			Mono<Void> rest = this.chaos.rest(random).onErrorComplete();
			AtomicInteger mine = new AtomicInteger();
			Mono<Void> wait = random.nextBoolean() ? event.await() : this.chaos.scopes.use(event, (set) -> rest);
			if (!this.chaos.maybeCancel(random, wait.subscribe(null, (error) -> expect(false), () -> {
				expect(mine.incrementAndGet() == 1);
				passed.incrementAndGet();
			}))) {
				stay.incrementAndGet();
			}
		});
		event.set();
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty() && passed.get() >= stay.get());
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(event.waiting()).isZero();
	}

	@Test
	void barrier() throws Exception {
		Barrier barrier = Barrier.of("barrier", 3);
		AtomicInteger stay = new AtomicInteger();
		AtomicInteger answered = new AtomicInteger();
		AtomicIntegerArray numbers = new AtomicIntegerArray(3);
		this.chaos.run((random) -> {
			if (random.nextInt(200) == 0) {
				barrier.abort();
				this.chaos.later(barrier::reset);
			}
			Mono<Void> rest = this.chaos.rest(random).onErrorComplete();
			AtomicInteger mine = new AtomicInteger();
			Mono<Integer> wait = random.nextBoolean() ? barrier.await()
					: this.chaos.scopes.use(barrier, (number) -> rest.thenReturn(number));
			if (!this.chaos.maybeCancel(random, wait.subscribe((number) -> {
				expect(mine.incrementAndGet() == 1);
				numbers.incrementAndGet(number);
				answered.incrementAndGet();
			}, (error) -> {
				expect(error instanceof BarrierBrokenException && mine.incrementAndGet() == 1);
				answered.incrementAndGet();
			}))) {
				stay.incrementAndGet();
			}
		});
		this.chaos.until(() -> {
			barrier.reset();
			return this.chaos.scopes.openScopes().isEmpty() && answered.get() >= stay.get();
		});
		assertThat(this.chaos.wrong).hasValue(0);
		assertThat(barrier.waiting()).isZero();
		for (int i = 0; i < 3; i++) {
			assertThat(numbers.get(i)).isPositive();
		}
	}

	@Test
	void barrierWithoutCancels() throws Exception {
		Barrier barrier = Barrier.of("barrier", 4);
		AtomicIntegerArray numbers = new AtomicIntegerArray(4);
		this.chaos.run((random) -> this.chaos.scopes.use(barrier, (number) -> Mono.fromRunnable(() -> {
			numbers.incrementAndGet(number);
		}).then(this.chaos.rest(random).onErrorComplete())).subscribe());
		this.chaos.until(() -> this.chaos.scopes.openScopes().isEmpty());
		for (int i = 0; i < 4; i++) {
			assertThat(numbers.get(i)).isEqualTo(Chaos.RUNS / 4);
		}
	}

	/** From entering to the release, whichever end the body takes. */
	private Disposable holding(AsyncResource<Hold> lock, Runnable enters, Runnable leaves, Mono<Void> body) {
		return this.chaos.scopes.with(ScopeSpec.of("holder").entering(lock), (scope) -> {
			enters.run();
			scope.onExit((exit) -> Mono.fromRunnable(leaves));
			return body;
		}).subscribe(null, (error) -> expect(error instanceof Chaos.Expected));
	}

	/**
	 * A cancel does not wait for what a body does on another thread at that moment, so it
	 * may not come then.
	 */
	private static Mono<Void> whole(AtomicInteger part, Runnable action) {
		return Mono.fromRunnable(() -> {
			if (part.compareAndSet(0, 1)) {
				try {
					action.run();
				}
				finally {
					part.set(0);
				}
			}
		});
	}

	private void useBlocking(AsyncResource<Hold> lock, Runnable body) {
		try {
			this.chaos.scopes.useBlocking(lock, (hold) -> {
				body.run();
				return null;
			});
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	private void expect(boolean right) {
		if (!right) {
			this.chaos.wrong.incrementAndGet();
		}
	}

}
