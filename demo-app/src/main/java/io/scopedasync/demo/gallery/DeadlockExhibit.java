package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlockException;
import io.scopedasync.ScopeSpec;
import io.scopedasync.demo.Story;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.sync.Event;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

import org.springframework.stereotype.Component;

/**
 * Two that take the same two permits in opposite order. Leak detection finds them: the
 * younger one fails, so that the older one goes on, and has better luck when it tries
 * again.
 */
@Component
class DeadlockExhibit implements Exhibit {

	private final AsyncScopes scopes;

	DeadlockExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "deadlock";
	}

	@Override
	public String description() {
		return "two scopes that wait for each other: found by who holds and who waits, the younger one fails and tries again";
	}

	@Override
	public Mono<?> show(Story story) {
		Limiter left = Limiter.builder("left").build();
		Limiter right = Limiter.builder("right").build();
		Event leftTaken = Event.create("left-taken");
		Event rightTaken = Event.create("right-taken");
		Mono<String> older = transfer(story, "older", left, leftTaken, right, rightTaken);
		Mono<String> younger = transfer(story, "younger", right, rightTaken, left, leftTaken)
			.doOnError(DeadlockException.class, (error) -> story.note("younger", String.valueOf(error.getMessage())))
			.retryWhen(Retry.max(1).filter(DeadlockException.class::isInstance));
		return Mono.zip(older, younger, (first, second) -> first + ", then " + second);
	}

	/** Asks for the second one only once somebody has taken that. */
	private Mono<String> transfer(Story story, String name, Limiter first, Event firstTaken, Limiter second,
			Event secondTaken) {
		return this.scopes.with(ScopeSpec.of(name).entering(first), (scope) -> {
			story.note(name, "holds " + first.name() + " and asks for " + second.name());
			firstTaken.set();
			return secondTaken.await().then(scope.enter(second)).map((permit) -> {
				story.note(name, "has both");
				return name;
			});
		});
	}

}
