package io.scopedasync;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.publisher.TestPublisher;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A value that meets the cancel of its subscriber is discarded, whoever comes first.
 */
@Timeout(60)
class LateValueTests {

	private final AsyncScopes scopes = AsyncScopes.create();

	private final List<Object> discarded = new ArrayList<>();

	private final List<Object> heard = new ArrayList<>();

	private final BaseSubscriber<String> caller = new BaseSubscriber<>() {
		@Override
		protected void hookOnSubscribe(Subscription subscription) {
			// Asks for nothing yet.
		}

		@Override
		protected void hookOnNext(String value) {
			LateValueTests.this.heard.add(value);
		}
	};

	@Test
	void aBodyThatEmitsAsItIsCancelled() {
		TestPublisher<String> body = TestPublisher.createNoncompliant(TestPublisher.Violation.CLEANUP_ON_TERMINATE);
		this.scopes.<String>with((scope) -> Mono.fromDirect(body))
			.doOnDiscard(String.class, this.discarded::add)
			.subscribe(this.caller);
		this.caller.cancel();
		body.next("late");
		assertThat(this.discarded).containsExactly("late");
		assertThat(this.heard).isEmpty();
	}

	@Test
	void aCallerThatGoesWhileItsValueWaitsForTheRelease() {
		Sinks.Empty<Void> release = Sinks.empty();
		this.scopes.<String>with((scope) -> {
			scope.onExit((exit) -> release.asMono());
			return Mono.just("late");
		}).doOnDiscard(String.class, this.discarded::add).subscribe(this.caller);
		this.caller.cancel();
		release.tryEmitEmpty();
		assertThat(this.discarded).containsExactly("late");
		assertThat(this.heard).isEmpty();
	}

}
