package io.scopedasync.demo.seed;

import java.time.Duration;

import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

/**
 * A connection that takes 100 ms to open and 100 ms to close.
 */
final class Connection {

	private static final Duration STEP = Duration.ofMillis(100);

	private final Story story;

	private Connection(Story story) {
		this.story = story;
	}

	static Mono<Connection> open(Story story) {
		return Mono.defer(() -> {
			story.note("connection", "opening");
			return Mono.delay(STEP).map((tick) -> {
				story.note("connection", "open");
				return new Connection(story);
			});
		});
	}

	Mono<String> query(boolean fail) {
		return Mono.defer(() -> {
			this.story.note("body", fail ? "fails" : "queries");
			return fail ? Mono.error(new QueryFailedException("the query failed, as was asked")) : Mono.just("42");
		});
	}

	Mono<Void> close() {
		return Mono.defer(() -> {
			this.story.note("connection", "closing");
			return Mono.delay(STEP).doOnNext((tick) -> this.story.note("connection", "closed")).then();
		});
	}

	/**
	 * A query went wrong.
	 */
	static final class QueryFailedException extends RuntimeException {

		private static final long serialVersionUID = 1L;

		QueryFailedException(String message) {
			super(message);
		}

	}

}
