package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * One acquisition for many scopes.
 */
@Component
class SharedExhibit implements Exhibit {

	private final AsyncScopes scopes;

	SharedExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "shared";
	}

	@Override
	public String description() {
		return "ten scopes at once, one acquisition for all of them, released after the last";
	}

	@Override
	public Mono<?> show(Story story) {
		AsyncResource<String> shared = SlowResource.of("model", 100, story).shared(Duration.ZERO);
		return Flux.range(1, 10).flatMap((number) -> this.scopes.use(shared, (value) -> {
			story.note("scope " + number, "has " + value);
			return Mono.just(value);
		})).count();
	}

}
