package io.scopedasync;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.scheduler.VirtualTimeScheduler;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What holds a cancel back, and what closes by force.
 */
class ShieldTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.releaseTimeout(Duration.ofSeconds(10))
		.build();

	private final Recording outer = new Recording("outer");

	private final Sinks.Empty<Void> region = Sinks.empty();

	private final ScopeSpec shield = ScopeSpec.of("shield").shielded();

	@Test
	@Case(66)
	void aCancelWaitsForTheShieldedRegion() {
		Disposable running = this.scopes
			.use(this.outer, (value) -> this.scopes.with(this.shield, (scope) -> this.region.asMono()))
			.subscribe();
		running.dispose();
		assertThat(this.outer.events).containsExactly("acquire outer");
		this.region.tryEmitEmpty();
		assertThat(this.outer.events).containsExactly("acquire outer", "release outer cancelled: by its subscriber");
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(67)
	void anOpeningLiftsTheShieldAroundItAndNoOther() {
		AtomicReference<String> inner = new AtomicReference<>("running");
		Mono<Void> opening = this.scopes.with(ScopeSpec.of("opening").unshielded(),
				(scope) -> Mono.<Void>never().doOnCancel(() -> inner.set("cancelled")));
		Mono<Void> once = this.scopes.with(this.shield,
				(scope) -> opening.onErrorResume(ScopeClosedException.class, (ex) -> this.region.asMono()));
		once.subscribe().dispose();
		assertThat(inner).hasValue("cancelled");
		assertThat(this.scopes.openScopes()).extracting(Scope::name).containsExactly("shield");

		inner.set("running");
		this.scopes.with(this.shield, (scope) -> once).subscribe().dispose();
		assertThat(inner).hasValue("running");
	}

	@Test
	@Case(67)
	void anOpeningMadeAfterTheCancelTakesEffectAtOnce() {
		Sinks.Empty<Void> later = Sinks.empty();
		Disposable running = this.scopes
			.with(this.shield,
					(scope) -> later.asMono()
						.then(this.scopes.with(ScopeSpec.of("opening").unshielded(), (opening) -> Mono.never())))
			.subscribe();
		running.dispose();
		assertThat(this.scopes.openScopes()).hasSize(1);
		later.tryEmitEmpty();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	@Case(69)
	void aShieldEndsByItsOwnLimit() {
		ScopeSpec bounded = this.shield.timeout(Duration.ofSeconds(30));
		this.scopes.use(this.outer, (value) -> this.scopes.with(bounded, (scope) -> Mono.never()))
			.subscribe()
			.dispose();
		this.time.advanceTimeBy(Duration.ofSeconds(29));
		assertThat(this.outer.released()).isZero();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.outer.released()).isOne();
	}

	@Test
	@Case(66)
	void aShieldWithoutALimitIsWaitedForAsLongAsARelease() {
		this.scopes.use(this.outer, (value) -> this.scopes.with(this.shield, (scope) -> Mono.never()))
			.subscribe()
			.dispose();
		this.time.advanceTimeBy(Duration.ofSeconds(9));
		assertThat(this.outer.released()).isZero();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.outer.released()).isOne();
	}

	@Test
	@Case(92)
	void aShieldHidesOuterLimits() {
		ScopeSpec limited = ScopeSpec.of("limited").timeout(Duration.ofSeconds(5));
		AtomicReference<Object> seen = new AtomicReference<>();
		this.scopes.with(limited, (scope) -> this.scopes.with(this.shield, (inner) -> {
			seen.set(inner.remaining());
			return Mono.empty();
		})).subscribe();
		assertThat(seen.get()).isEqualTo(java.util.Optional.empty());
	}

	@Test
	@Case(71)
	void aReleaseThatIsNotInTimeIsClosedByForceBeforeTheCallerHears() {
		Recording stuck = new Recording("stuck") {
			@Override
			public Mono<Void> abort(String value) {
				return Mono.delay(Duration.ofSeconds(1), ShieldTests.this.time)
					.then(Mono.fromRunnable(() -> this.events.add("abort " + value)));
			}
		};
		stuck.release = Mono.never();
		AtomicReference<Throwable> heard = new AtomicReference<>();
		this.scopes.use(stuck, Mono::just).subscribe(null, (error) -> {
			stuck.events.add("caller");
			heard.set(error);
		});
		this.time.advanceTimeBy(Duration.ofSeconds(10));
		assertThat(stuck.events).containsExactly("acquire stuck", "release stuck completed");
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(stuck.events).endsWith("abort stuck", "caller");
		assertThat(heard.get()).isInstanceOf(ReleaseTimeoutException.class).hasMessageContaining("'stuck'");
	}

	@Test
	@Case(70)
	void aCloseByForceIsBoundedToo() {
		Recording stuck = new Recording("stuck") {
			@Override
			public Mono<Void> abort(String value) {
				return Mono.never();
			}
		};
		stuck.release = Mono.never();
		AtomicReference<Throwable> heard = new AtomicReference<>();
		this.scopes.use(stuck, Mono::just).subscribe(null, heard::set);
		this.time.advanceTimeBy(Duration.ofSeconds(19));
		assertThat(heard.get()).isNull();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(heard.get()).isInstanceOf(ReleaseTimeoutException.class);
		assertThat(this.scopes.openScopes()).isEmpty();
	}

}
