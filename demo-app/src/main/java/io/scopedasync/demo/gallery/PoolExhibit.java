package io.scopedasync.demo.gallery;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.PooledResource;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Five callers share two objects, and the one that fails costs an object.
 */
@Component
class PoolExhibit implements Exhibit {

	private static final Duration WORK = Duration.ofMillis(50);

	private final AsyncScopes scopes;

	PoolExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "pool";
	}

	@Override
	public String description() {
		return "objects that are made once and lent to many, and made anew after a scope that failed";
	}

	@Override
	public Mono<?> show(Story story) {
		AtomicInteger made = new AtomicInteger();
		PooledResource<Integer> pool = AsyncResource.of(() -> Mono.fromCallable(() -> {
			story.note("pool", "makes " + made.incrementAndGet());
			return made.get();
		}), (number, exit) -> Mono.fromRunnable(() -> story.note("pool", "destroys " + number + ": " + exit)))
			.named("pool")
			.pooled((settings) -> settings.maxSize(2));
		return Flux.range(1, 5).flatMap((caller) -> this.scopes.use(pool, (number) -> {
			story.note("caller " + caller, "works with " + number);
			return Mono.delay(WORK)
				.then((caller == 2) ? Mono.error(new IllegalStateException("broken")) : Mono.just(caller));
		}).onErrorComplete())
			.count()
			.flatMap((done) -> pool.close().thenReturn(done + " of 5 done, " + made + " objects made"));
	}

}
