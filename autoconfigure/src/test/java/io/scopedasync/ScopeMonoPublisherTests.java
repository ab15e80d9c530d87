package io.scopedasync;

import org.reactivestreams.Publisher;
import org.reactivestreams.tck.PublisherVerification;
import org.reactivestreams.tck.TestEnvironment;
import reactor.core.publisher.Mono;

/**
 * The rules of Reactive Streams on the front of one value.
 */
public class ScopeMonoPublisherTests extends PublisherVerification<Integer> {

	private final AsyncScopes scopes = AsyncScopes.create();

	public ScopeMonoPublisherTests() {
		super(new TestEnvironment(5_000, 50));
	}

	@Override
	public Publisher<Integer> createPublisher(long elements) {
		return this.scopes.use(AsyncResource.just("r"), (value) -> (elements == 0) ? Mono.empty() : Mono.just(1));
	}

	@Override
	public Publisher<Integer> createFailedPublisher() {
		return this.scopes.use(AsyncResource.just("r"), (value) -> Mono.error(new IllegalStateException("expected")));
	}

	@Override
	public long maxElementsFromPublisher() {
		return 1;
	}

}
