package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.sync.Hold;
import io.scopedasync.sync.ReadWriteLock;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Readers beside each other, and a writer alone.
 */
@Component
class ReadWriteLockExhibit implements Exhibit {

	private final AsyncScopes scopes;

	ReadWriteLockExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "read-write-lock";
	}

	@Override
	public String description() {
		return "two readers together, a writer that waits for both, and a reader behind it that does not overtake";
	}

	@Override
	public Mono<?> show(Story story) {
		ReadWriteLock prices = ReadWriteLock.builder("gallery-prices").build();
		return Mono
			.when(hold(prices.read(), "first reader", story), hold(prices.read(), "second reader", story),
					hold(prices.write(), "writer", story), hold(prices.read(), "last reader", story))
			.then(Mono.fromCallable(() -> "afterwards: " + prices.statistics()));
	}

	private Mono<?> hold(AsyncResource<Hold> side, String who, Story story) {
		return this.scopes.use(side, (hold) -> {
			story.note(who, "enters");
			return Mono.delay(Duration.ofMillis(50)).doOnNext((tick) -> story.note(who, "leaves"));
		});
	}

}
