package io.scopedasync.demo.seed;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * The first program: a connection class of one's own. It is closed also after an error,
 * which it suppresses when asked.
 */
@RestController
class ConnectionSeed {

	private final AsyncScopes scopes;

	ConnectionSeed(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@GetMapping("/seeds/connection")
	Mono<Story.Report> run(@RequestParam(defaultValue = "false") boolean fail,
			@RequestParam(defaultValue = "false") boolean suppress) {
		return Story.of((story) -> {
			AsyncResource<Connection> connection = new ConnectionResource(story);
			AsyncResource<Connection> entered = suppress ? connection.suppressing(Connection.QueryFailedException.class)
					: connection;
			return this.scopes.use(entered, (held) -> held.query(fail));
		});
	}

	/**
	 * Python's {@code __aenter__} and {@code __aexit__}.
	 *
	 * @param story where the connection notes what it does
	 */
	record ConnectionResource(Story story) implements AsyncResource<Connection> {

		@Override
		public Mono<Connection> acquire() {
			return Connection.open(this.story);
		}

		@Override
		public Mono<Void> release(Connection connection, Exit exit) {
			this.story.ended(exit);
			return connection.close();
		}

		@Override
		public String name() {
			return "connection";
		}

	}

}
