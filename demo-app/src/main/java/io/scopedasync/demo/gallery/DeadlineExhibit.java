package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.stereotype.Component;

/**
 * One that is moved, one that passes quietly inside it, and one that passes aloud.
 */
@Component
class DeadlineExhibit implements Exhibit {

	private final AsyncScopes scopes;

	DeadlineExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "deadline";
	}

	@Override
	public String description() {
		return "a deadline of 100 ms that is moved to 400 ms; inside it one that passes quietly, and work that takes too long";
	}

	@Override
	public Mono<?> show(Story story) {
		AsyncResource<String> resource = AsyncResource.of(() -> Mono.just("resource"), (value, exit) -> {
			story.note("resource", "released: " + exit);
			return Mono.delay(Duration.ofMillis(50)).then();
		});
		return this.scopes.within(Duration.ofMillis(100), (deadline) -> {
			deadline.reschedule(Duration.ofMillis(400));
			story.note("deadline", "moved to 400 ms");
			return this.scopes.moveOn(Duration.ofMillis(50), (inner) -> Mono.delay(Duration.ofSeconds(1)))
				.doOnSuccess((nothing) -> story.note("inner", "moved on after 50 ms"))
				.then(this.scopes.use(resource, (value) -> Mono.delay(Duration.ofSeconds(1))));
		}).map((late) -> "in time").onErrorResume(DeadlineExceededException.class, (error) -> {
			story.note("caller", String.valueOf(error.getMessage()));
			return Mono.just("out of time, and everything released");
		});
	}

}
