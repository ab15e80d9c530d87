package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.sync.Event;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Callers that wait until something is ready.
 */
@Component
class EventExhibit implements Exhibit {

	private final AsyncScopes scopes;

	EventExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "event";
	}

	@Override
	public String description() {
		return "three callers wait until a cache is warm, and a fourth that comes later passes at once";
	}

	@Override
	public Mono<?> show(Story story) {
		Event warm = Event.create("gallery-warm");
		Mono<Void> callers = Flux.range(1, 3).flatMap((number) -> pass("caller " + number, warm, story)).then();
		Mono<Void> warming = Mono.delay(Duration.ofMillis(50)).doOnNext((tick) -> {
			story.note("cache", "is warm");
			warm.set();
		}).then();
		return Mono.when(callers, warming)
			.then(pass("late caller", warm, story))
			.then(Mono.fromCallable(warm::toString));
	}

	private Mono<Void> pass(String who, Event event, Story story) {
		return this.scopes.use(event, (set) -> Mono.fromRunnable(() -> story.note(who, "passes")));
	}

}
