package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

/**
 * A resource that takes its time and tells what happens to it.
 */
final class SlowResource {

	private SlowResource() {
	}

	static AsyncResource<String> of(String name, int millis, Story story) {
		return AsyncResource.of(() -> Mono.defer(() -> {
			story.note(name, "acquiring");
			return Mono.delay(Duration.ofMillis(millis)).map((tick) -> {
				story.note(name, "acquired");
				return name;
			});
		}), (String value, Exit exit) -> Mono.fromRunnable(() -> story.note(name, "released, " + exit))).named(name);
	}

}
