package io.scopedasync.demo.gallery;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.SwappableResource;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * A resource that is exchanged while it is in use.
 */
@Component
class SwapExhibit implements Exhibit {

	private final AsyncScopes scopes;

	SwapExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "swap";
	}

	@Override
	public String description() {
		return "a new one comes in while the old one is in use, and the old one goes after its last user";
	}

	@Override
	public Mono<?> show(Story story) {
		return Mono.defer(() -> {
			SwappableResource<String> certificate = this.scopes
				.swappable(SlowResource.of("old certificate", 20, story));
			Mono<String> user = this.scopes.use(certificate, (value) -> {
				story.note("user of the old one", "has " + value);
				return certificate.swap(SlowResource.of("new certificate", 20, story))
					.then(this.scopes.use(certificate, Mono::just))
					.doOnNext((fresh) -> story.note("user of the new one", "has " + fresh));
			});
			return user.flatMap((value) -> certificate.close().thenReturn(value));
		});
	}

}
