package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.sync.Barrier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * Runners that start together.
 */
@Component
class BarrierExhibit implements Exhibit {

	private final AsyncScopes scopes;

	BarrierExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "barrier";
	}

	@Override
	public String description() {
		return "three runners who come one after the other, start together and know who came first";
	}

	@Override
	public Mono<?> show(Story story) {
		Barrier start = Barrier.of("gallery-start", 3);
		return Flux.range(1, 3).flatMap((runner) -> Mono.delay(Duration.ofMillis(30L * runner)).then(Mono.defer(() -> {
			story.note("runner " + runner, "is there");
			return this.scopes.use(start, (number) -> Mono
				.fromRunnable(() -> story.note("runner " + runner, "starts, came as number " + number)));
		}))).then(Mono.fromCallable(() -> start.waiting() + " are waiting now"));
	}

}
