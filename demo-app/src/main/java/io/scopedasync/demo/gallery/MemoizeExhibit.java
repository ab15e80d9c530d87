package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Acquired at most once in a scope.
 */
@Component
class MemoizeExhibit implements Exhibit {

	private final AsyncScopes scopes;

	MemoizeExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "memoize";
	}

	@Override
	public String description() {
		return "acquired on first use, once, and released with the scope; the other is never used and never acquired";
	}

	@Override
	public Mono<?> show(Story story) {
		return this.scopes.with((scope) -> {
			AsyncResource<String> report = scope.memoize(SlowResource.of("report", 50, story));
			scope.memoize(SlowResource.of("never used", 50, story));
			story.note("body", "has begun");
			return scope.enter(report)
				.then(this.scopes.use(report, Mono::just))
				.doOnNext((value) -> story.note("body", "used it twice"));
		});
	}

}
