package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.KeyedResource;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * One acquisition per key.
 */
@Component
class KeyedSharedExhibit implements Exhibit {

	private final AsyncScopes scopes;

	KeyedSharedExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "keyed-shared";
	}

	@Override
	public String description() {
		return "one acquisition per tenant, however many scopes use it";
	}

	@Override
	public Mono<?> show(Story story) {
		KeyedResource<String> tenants = KeyedResource.shared("tenants", Duration.ZERO,
				(tenant) -> SlowResource.of("database of " + tenant, 50, story));
		return Flux.just("red", "blue", "red", "blue")
			.flatMap((tenant) -> this.scopes.use(tenants.forKey(tenant), (value) -> {
				story.note("scope of " + tenant, "has " + value);
				return Mono.just(value);
			}))
			.count();
	}

}
