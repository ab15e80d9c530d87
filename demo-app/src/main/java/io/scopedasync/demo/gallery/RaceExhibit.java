package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * The first of several resources.
 */
@Component
class RaceExhibit implements Exhibit {

	private final AsyncScopes scopes;

	RaceExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "race";
	}

	@Override
	public String description() {
		return "three replicas are asked, the fastest wins and is used at once; the others are released as they arrive, which the end waits for";
	}

	@Override
	public Mono<?> show(Story story) {
		AsyncResource<String> first = AsyncResource.race(SlowResource.of("far", 300, story),
				SlowResource.of("near", 50, story), SlowResource.of("away", 150, story));
		return this.scopes.use(first, (value) -> {
			story.note("body", "has " + value);
			return Mono.just(value);
		});
	}

}
