package io.scopedasync;

import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.time.Duration;

import org.awaitility.Awaitility;
import org.reactivestreams.Publisher;
import org.reactivestreams.tck.PublisherVerification;
import org.reactivestreams.tck.TestEnvironment;
import org.testng.annotations.Test;
import reactor.core.publisher.Flux;

/**
 * The rules of Reactive Streams on the front of many values.
 */
public class ScopeFluxPublisherTests extends PublisherVerification<Long> {

	private final AsyncScopes scopes = AsyncScopes.create();

	public ScopeFluxPublisherTests() {
		super(new TestEnvironment(5_000, 50));
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

	/** That of the kit gives the garbage collector a tenth of a second, once. */
	@Test
	@Override
	public void required_spec313_cancelMustMakeThePublisherEventuallyDropAllReferencesToTheSubscriber()
			throws Throwable {
		Publisher<Long> publisher = createPublisher(3);
		WeakReference<Object> subscriber = cancelled(publisher);
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
			System.gc();
			return subscriber.get() == null;
		});
		Reference.reachabilityFence(publisher);
	}

	private static WeakReference<Object> cancelled(Publisher<Long> publisher) throws Throwable {
		TestEnvironment environment = new TestEnvironment(10_000);
		TestEnvironment.ManualSubscriber<Long> subscriber = environment.newManualSubscriber(publisher);
		subscriber.requestNextElement();
		subscriber.cancel();
		return new WeakReference<>(subscriber);
	}

}
