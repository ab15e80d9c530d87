package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Several resources at the same time.
 */
@Component
class AllExhibit implements Exhibit {

	private final AsyncScopes scopes;

	AllExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "all";
	}

	@Override
	public String description() {
		return "two resources of 100 and 200 ms acquired in 200 ms, both at once, and released both at once";
	}

	@Override
	public Mono<?> show(Story story) {
		AsyncResource<String> both = SlowResource.of("database", 100, story)
			.zipWith(SlowResource.of("cache", 200, story), (database, cache) -> database + " and " + cache);
		return this.scopes.use(both, (value) -> {
			story.note("body", "has " + value);
			return Mono.just(value);
		});
	}

}
