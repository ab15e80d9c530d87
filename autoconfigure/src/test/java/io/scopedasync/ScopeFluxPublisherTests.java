package io.scopedasync;

import org.reactivestreams.Publisher;
import org.reactivestreams.tck.PublisherVerification;
import org.reactivestreams.tck.TestEnvironment;
import reactor.core.publisher.Flux;

/**
 * The rules of Reactive Streams on the front of many values.
 */
public class ScopeFluxPublisherTests extends PublisherVerification<Long> {

	private final AsyncScopes scopes = AsyncScopes.create();

	public ScopeFluxPublisherTests() {
		super(new TestEnvironment(500, 50));
	}

	@Override
	public Publisher<Long> createPublisher(long elements) {
		return this.scopes.useMany(AsyncResource.just("r"),
				(value) -> Flux.<Long, Long>generate(() -> 0L, (next, sink) -> {
					if (next == elements) {
						sink.complete();
					}
					else {
						sink.next(next);
					}
					return next + 1;
				}));
	}

	@Override
	public Publisher<Long> createFailedPublisher() {
		return this.scopes.useMany(AsyncResource.just("r"),
				(value) -> Flux.error(new IllegalStateException("expected")));
	}

}
