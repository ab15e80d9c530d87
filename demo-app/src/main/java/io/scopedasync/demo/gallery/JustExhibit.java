package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Something that is there already and is not released.
 */
@Component
class JustExhibit implements Exhibit {

	private final AsyncScopes scopes;

	JustExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "just";
	}

	@Override
	public String description() {
		return "a value that is there already, in the place of a resource: nothing is acquired or released";
	}

	@Override
	public Mono<?> show(Story story) {
		return this.scopes.use(AsyncResource.just("there already").named("just"), (value) -> {
			story.note("body", "has: " + value);
			return Mono.just(value);
		});
	}

}
