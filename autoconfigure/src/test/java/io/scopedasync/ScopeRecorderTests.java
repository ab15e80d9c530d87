package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the recorder is told, to the millisecond of a virtual clock that began long ago.
 */
class ScopeRecorderTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final List<String> told = new CopyOnWriteArrayList<>();

	private final AsyncScopes scopes;

	private final Recording resource = new Recording("r");

	ScopeRecorderTests() {
		this.time.advanceTimeBy(Duration.ofDays(1));
		this.scopes = AsyncScopes.builder().clock(ScopeClock.of(this.time)).recorder(new ScopeRecorder() {

			@Override
			public void acquired(String name, Outcome outcome, long nanos) {
				note("acquired " + name, outcome, nanos);
			}

			@Override
			public void released(String name, Outcome outcome, long nanos) {
				note("released " + name, outcome, nanos);
			}

			@Override
			public void closed(String name, Exit exit, long nanos) {
				note("closed " + name, exit, nanos);
			}

			@Override
			public void undelivered(String name, Throwable error) {
				ScopeRecorderTests.this.told.add("undelivered " + name + " " + error.getMessage());
			}

			private void note(String what, Object how, long nanos) {
				ScopeRecorderTests.this.told.add(what + " " + how + " " + Duration.ofNanos(nanos).toMillis());
			}

		}).build();
	}

	@EventLoop
	@Test
	void aWaitIsTimedFromItsBeginningWithAndWithoutALimit() {
		Limiter unlimited = Limiter.builder("unlimited").build();
		Limiter limited = Limiter.builder("limited")
			.acquireTimeout(Duration.ofSeconds(10))
			.clock(ScopeClock.of(this.time))
			.build();
		Permit first = unlimited.tryAcquire();
		Permit second = limited.tryAcquire();
		this.scopes.with(ScopeSpec.of("both").entering(unlimited, limited), (scope) -> after(5)).subscribe();
		advance(20);
		first.close();
		advance(30);
		second.close();
		advance(5);
		assertThat(this.told).containsExactly("acquired unlimited SUCCESS 20", "acquired limited SUCCESS 30",
				"released limited SUCCESS 0", "released unlimited SUCCESS 0", "closed both completed 55");
	}

	@Test
	void slowAcquisitionsAndReleasesAreTimed() {
		this.resource.acquisition = after(10).thenReturn("r");
		this.resource.release = after(20);
		this.scopes.with((scope) -> after(1).then(scope.enter(this.resource)).then(after(5))).subscribe();
		advance(36);
		assertThat(this.told).containsExactly("acquired r SUCCESS 10", "released r SUCCESS 20",
				"closed scope completed 36");
	}

	@EventLoop
	@Test
	void aWaitThatIsCancelledOrTimesOutIsNoSuccess() {
		Limiter limiter = Limiter.builder("l")
			.acquireTimeout(Duration.ofMillis(10))
			.clock(ScopeClock.of(this.time))
			.build();
		limiter.tryAcquire();
		Disposable waiting = this.scopes.use(limiter, Mono::just).subscribe();
		advance(5);
		waiting.dispose();
		this.scopes.use(limiter, Mono::just).subscribe((value) -> {
		}, (error) -> this.told.add(error.getClass().getSimpleName()));
		advance(10);
		assertThat(this.told).containsExactly("acquired l CANCELLED 5", "closed l cancelled: by its subscriber 5",
				"acquired l TIMEOUT 10", this.told.get(3), "AcquireTimeoutException");
		assertThat(this.told.get(3)).startsWith("closed l failed").endsWith(" 10");
	}

	@Test
	@Case(52)
	void aReleaseThatFailsAfterACancelIsToldOf() {
		this.resource.release = Mono.error(new IllegalStateException("late"));
		this.scopes.use(this.resource, (value) -> Mono.never()).subscribe().dispose();
		assertThat(this.told).containsExactly("acquired r SUCCESS 0", "released r ERROR 0",
				"closed r cancelled: by its subscriber 0", "undelivered r late");
	}

	@Test
	@Case(95)
	void aLimitThatPassesQuietlyIsNoFailure() {
		this.scopes.moveOn(Duration.ofMillis(10), (deadline) -> this.scopes.use(this.resource, (value) -> Mono.never()))
			.subscribe();
		advance(10);
		assertThat(this.told).startsWith("acquired r SUCCESS 0", "released r SUCCESS 0")
			.endsWith("closed move-on completed 10");
		assertThat(this.resource.events.get(1)).startsWith("release r cancelled");
	}

	@Test
	void nothingIsToldOfAJoinedResourceTwice() {
		AsyncResource<String> joining = new Recording("j") {
			@Override
			public Nesting nesting() {
				return Nesting.JOIN;
			}
		};
		this.scopes.use(joining, (outer) -> this.scopes.use(joining, Mono::just)).subscribe();
		assertThat(this.told).containsExactly("acquired j SUCCESS 0", "closed j completed 0", "released j SUCCESS 0",
				"closed j completed 0");
	}

	private Mono<Void> after(long millis) {
		return Mono.delay(Duration.ofMillis(millis), this.time).then();
	}

	private void advance(long millis) {
		this.time.advanceTimeBy(Duration.ofMillis(millis));
	}

}
