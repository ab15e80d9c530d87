package io.scopedasync.test;

import java.util.List;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What each assertion lets pass, and what it says otherwise.
 */
@NoLeakedScopes
class ScopedAsyncAssertionsTests {

	private final AsyncScopes scopes = NoLeakedScopesTests.tracked();

	private final Limiter places = Limiter.builder("places").permits(1).build();

	@Test
	void scopesWithNothingOpen() {
		assertThat(this.scopes).hasNoOpenScopes().hasOpenScopes(0).hasNoOpenScope("import").doesNotHold(this.places);
		fails(() -> assertThat(this.scopes).hasOpenScopes(1)).contains("Expected 1 open scopes",
				"but no scope is open");
		fails(() -> assertThat(this.scopes).hasOpenScope("import")).contains("Expected an open scope 'import'",
				"but no scope is open");
		fails(() -> assertThat(this.scopes).holds(this.places)).contains("Expected 'places' to be held");
	}

	@Test
	void scopesThatAreOpen() {
		Scope scope = this.scopes.open("import");
		scope.enter(this.places).block();
		assertThat(this.scopes).hasOpenScopes(1).hasOpenScope("import").hasNoOpenScope("export").holds(this.places);
		String named = "'import' open for ";
		fails(() -> assertThat(this.scopes).hasNoOpenScopes()).contains(named, "[places]",
				"at io.scopedasync.test.ScopedAsyncAssertionsTests.scopesThatAreOpen");
		fails(() -> assertThat(this.scopes).hasNoOpenScope("import")).contains(named);
		fails(() -> assertThat(this.scopes).hasOpenScope("export")).contains(named);
		fails(() -> assertThat(this.scopes).doesNotHold(this.places)).contains(named);
		scope.close().block();
	}

	@Test
	void whoWaitsDoesNotHold() {
		this.places.resize(0);
		Disposable waiting = this.scopes.use(this.places, (permit) -> Mono.empty()).subscribe();
		assertThat(this.scopes).hasOpenScopes(1).doesNotHold(this.places);
		fails(() -> assertThat(this.scopes).holds(this.places)).contains("no scope holds it", "acquiring [places]");
		waiting.dispose();
	}

	@Test
	void limiter() {
		assertThat(this.places).isIdle().hasBorrowed(0).hasWaiting(0);
		Disposable holder = this.scopes.use(this.places, (permit) -> Mono.never()).subscribe();
		Disposable waiting = this.scopes.use(this.places, (permit) -> Mono.never()).subscribe();
		assertThat(this.places).hasBorrowed(1).hasWaiting(1);
		fails(() -> assertThat(this.places).usedBy(this.scopes).isIdle()).contains("limiter 'places' to be idle",
				"1/1 in use, 1 waiting", "2 scopes are open", "running, holding [places]", "acquiring [places]");
		fails(() -> assertThat(this.places).hasBorrowed(0)).contains("to have 0 permits in use", "1/1 in use",
				"usedBy(scopes)");
		fails(() -> assertThat(this.places).hasWaiting(0)).contains("to have 0 waiting", "1 waiting");
		waiting.dispose();
		holder.dispose();
	}

	@Test
	void leaks() {
		Leaks none = new Leaks(List.of());
		assertThat(none).hasNone().hasNone(LeakReason.LOST).has(LeakReason.LOST, 0);
		fails(() -> assertThat(none).has(LeakReason.LOST, 1)).contains("Expected 1 leaks reported as lost",
				"nothing was reported");
		Leaks one = new Leaks(List.of());
		one.report(Leak.of(LeakReason.DOUBLE_RELEASE, "places", "given back twice"), "Close it once.");
		assertThat(one).has(LeakReason.DOUBLE_RELEASE, 1).hasNone(LeakReason.LOST);
		fails(() -> assertThat(one).hasNone()).contains("1 double-release", "'places', given back twice",
				"Close it once.");
		fails(() -> assertThat(one).hasNone(LeakReason.DOUBLE_RELEASE)).contains("'places', given back twice");
	}

	@Test
	void nullIsRefusedByName() {
		fails(() -> assertThat((Limiter) null).isIdle()).contains("not to be null");
		fails(() -> assertThat((AsyncScopes) null).hasNoOpenScopes()).contains("not to be null");
		fails(() -> assertThat((Leaks) null).hasNone()).contains("not to be null");
	}

	private static Message fails(ThrowingCallable assertion) {
		return new Message(assertion);
	}

	private record Message(ThrowingCallable assertion) {

		void contains(String... parts) {
			assertThatExceptionOfType(AssertionError.class).isThrownBy(this.assertion)
				.satisfies((error) -> assertThat(error.getMessage()).contains(parts));
		}

	}

}
