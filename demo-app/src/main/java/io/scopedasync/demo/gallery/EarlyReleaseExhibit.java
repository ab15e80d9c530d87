package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * One entry of an exit stack, released early.
 */
@Component
class EarlyReleaseExhibit implements Exhibit {

	private final AsyncScopes scopes;

	EarlyReleaseExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "early-release";
	}

	@Override
	public String description() {
		return "three are entered in a loop, and one is released before the end of the scope";
	}

	@Override
	public Mono<?> show(Story story) {
		AsyncResource<String> first = SlowResource.of("first", 20, story);
		return this.scopes.with((scope) -> Flux.just("second", "third")
			.concatMap((name) -> scope.enter(SlowResource.of(name, 20, story)))
			.then(scope.enter(first))
			.flatMap((value) -> scope.release(first, value).thenReturn(value))
			.doOnNext((value) -> story.note("body", "goes on without " + value)));
	}

}
