package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A shutdown that meets scopes at the worst moment.
 */
@Timeout(60)
class ShutdownRaceTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AtomicInteger released = new AtomicInteger();

	private final List<Throwable> heard = new CopyOnWriteArrayList<>();

	private final List<String> ends = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.shutdownTimeout(Duration.ofSeconds(5))
		.releaseTimeout(Duration.ofSeconds(5))
		.build();

	@AfterEach
	void stopTime() {
		this.time.dispose();
	}

	@Test
	void whoeverBeginsWhileTheLastLookFindsNothingIsRefused() {
		Sinks.One<String> connection = Sinks.one();
		AsyncResource<String> resource = AsyncResource.of(() -> {
			// Asked whether it is shut down already, known only once it waits.
			closeNow();
			return connection.asMono();
		}, (value, exit) -> Mono.fromRunnable(this.released::incrementAndGet));
		this.scopes.use(resource, (value) -> Mono.never()).subscribe((value) -> {
		}, this.heard::add);
		connection.tryEmitValue("connection");
		assertThat(this.heard).hasOnlyElementsOfType(ScopeClosedException.class).hasSize(1);
		assertThat(this.released).hasValue(1);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void whoeverBeginsWhileTheRestIsCancelledIsCancelledToo() {
		Sinks.Empty<Void> slow = Sinks.empty();
		this.scopes.with((scope) -> {
			scope.onExit((exit) -> slow.asMono());
			return Mono.never();
		}).subscribe((value) -> {
		}, (error) -> this.ends.add("first"));
		AsyncResource<String> resource = AsyncResource.of(() -> {
			closeNow();
			this.time.advanceTimeBy(Duration.ofSeconds(6));
			return Mono.just("connection");
		}, (value, exit) -> Mono.fromRunnable(this.released::incrementAndGet));
		this.scopes.use(resource, (value) -> Mono.never()).subscribe((value) -> {
		}, this.heard::add);
		assertThat(this.heard).hasOnlyElementsOfType(ScopeClosedException.class).hasSize(1);
		assertThat(this.released).hasValue(1);
		slow.tryEmitEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.ends).containsExactly("first", "closed");
	}

	private void closeNow() {
		this.scopes.close().subscribe(null, null, () -> this.ends.add("closed"));
	}

}
