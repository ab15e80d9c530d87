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
		AsyncResource<String> second = SlowResource.of("second", 20, story);
		return this.scopes
			.with((scope) -> Flux.just(SlowResource.of("first", 20, story), second, SlowResource.of("third", 20, story))
				.concatMap(scope::enter)
				.collectList()
				.delayUntil((values) -> scope.release(second, "second"))
				.doOnNext((values) -> story.note("body", "goes on without second")));
	}

}
