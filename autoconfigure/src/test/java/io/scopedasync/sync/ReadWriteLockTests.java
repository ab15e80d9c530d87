package io.scopedasync.sync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.EventLoop;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Measured;
import io.scopedasync.ScopeClock;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * One writer or many readers.
 */
@EventLoop
class ReadWriteLockTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final ReadWriteLock lock = ReadWriteLock.builder("prices").build();

	private final List<String> order = new CopyOnWriteArrayList<>();

	@Test
	@Case(121)
	void readersAreInTogetherAndAWriterAlone() {
		Sinks.Empty<Void> end = Sinks.empty();
		enter(this.lock.read(), "reader", end);
		enter(this.lock.read(), "another reader", end);
		enter(this.lock.write(), "writer", Sinks.empty());
		assertThat(this.order).containsExactly("reader", "another reader");
		assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(2, false, 1));
		assertThat(this.lock.usage()).isEqualTo(new Measured.Usage(2, 1, 2, 0));
		end.tryEmitEmpty();
		assertThat(this.order).containsExactly("reader", "another reader", "writer");
		assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(0, true, 0));
		assertThat(this.lock.usage()).isEqualTo(new Measured.Usage(1, 0, 1, 0));
		assertThat(this.lock).hasToString("read-write lock 'prices' (written, 0 waiting)");
	}

	@Test
	void aReaderWaitsBehindAWaitingWriterAndReadersEnterTogether() {
		Sinks.Empty<Void> reading = Sinks.empty();
		Sinks.Empty<Void> writing = Sinks.empty();
		enter(this.lock.read(), "first", reading);
		enter(this.lock.write(), "writer", writing);
		enter(this.lock.read(), "second", Sinks.empty());
		enter(this.lock.read(), "third", Sinks.empty());
		enter(this.lock.write(), "last", Sinks.empty());
		assertThat(this.order).containsExactly("first");
		reading.tryEmitEmpty();
		assertThat(this.order).containsExactly("first", "writer");
		writing.tryEmitEmpty();
		assertThat(this.order).containsExactly("first", "writer", "second", "third");
		assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(2, false, 1));
	}

	@Test
	void whoWaitsBehindACancelledWriterGoesOn() {
		enter(this.lock.read(), "first", Sinks.empty());
		Disposable writer = enter(this.lock.write(), "writer", Sinks.empty());
		enter(this.lock.read(), "second", Sinks.empty());
		writer.dispose();
		assertThat(this.order).containsExactly("first", "second");
	}

	@Test
	@Case(122)
	void aReaderThatAsksToWriteIsRefusedAtOnce() {
		assertThatIllegalStateException()
			.isThrownBy(() -> this.scopes
				.use(this.lock.read(), (read) -> this.scopes.use(this.lock.write(), (write) -> Mono.just("both")))
				.as(EventLoop.Loop::await))
			.withMessageContaining("'prices.write' is held already, as 'prices.read', by scope 'prices.read'");
		assertThatIllegalStateException().isThrownBy(() -> this.scopes
			.use(this.lock.write(), (outer) -> this.scopes.use(this.lock.write(), (inner) -> Mono.just("both")))
			.as(EventLoop.Loop::await));
		assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(0, false, 0));
	}

	@Test
	void toReadUnderAReadOrAWriteJoinsIt() {
		for (AsyncResource<Hold> outer : List.of(this.lock.read(), this.lock.write())) {
			this.scopes.use(outer, (held) -> {
				enter(this.lock.write(), "waiting writer", Sinks.empty());
				return this.scopes.use(this.lock.read(), (joined) -> {
					assertThat(joined).isSameAs(held);
					// It is the same lock however it is seen.
					return this.scopes.use(this.lock.read().map(List::of).named("seen"), (seen) -> {
						assertThat(seen).singleElement().isSameAs(held);
						return Mono.just("x");
					});
				});
			}).as(EventLoop.Loop::await);
			assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(0, true, 0));
			this.scopes.holders(this.lock.write()).forEach((scope) -> scope.cancel("enough").as(EventLoop.Loop::await));
		}
		assertThat(this.lock.statistics()).isEqualTo(new ReadWriteLock.Statistics(0, false, 0));
	}

	@Test
	void aWriterThatRunsOutOfTimeLetsThoseBehindItPass() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		ReadWriteLock timed = ReadWriteLock.builder("timed")
			.acquireTimeout(Duration.ofSeconds(1))
			.clock(ScopeClock.of(time))
			.build();
		List<Throwable> heard = new CopyOnWriteArrayList<>();
		enter(timed.read(), "reader", Sinks.empty());
		this.scopes.use(timed.write(), (hold) -> Mono.empty()).subscribe((value) -> {
		}, heard::add);
		time.advanceTimeBy(Duration.ofMillis(500));
		enter(timed.read(), "behind", Sinks.empty());
		time.advanceTimeBy(Duration.ofMillis(500));
		assertThat(heard).singleElement().isInstanceOf(AcquireTimeoutException.class);
		assertThat(this.order).containsExactly("reader", "behind");
	}

	private Disposable enter(AsyncResource<Hold> side, String name, Sinks.Empty<Void> end) {
		return this.scopes.use(side, (hold) -> Mono.fromRunnable(() -> this.order.add(name)).then(end.asMono()))
			.subscribe();
	}

}
