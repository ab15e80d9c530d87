package io.scopedasync.demo.seed;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * The fourth program: a line-echo server, closed gracefully while a client is connected.
 * The body ends with the first line that came back; the client goes on talking, until it
 * has heard enough or the grace period is over.
 */
@RestController
class EchoSeed {

	private static final Duration GRACE = Duration.ofMillis(300);

	private final AsyncScopes scopes;

	EchoSeed(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@GetMapping("/seeds/echo")
	Mono<Story.Report> run(@RequestParam(defaultValue = "1000") int lines) {
		return Story.of((story) -> {
			EchoClient client = new EchoClient(lines, story);
			EchoServer server = new EchoServer(this.scopes, GRACE, story);
			return this.scopes.use(server.resource(), (bound) -> client.talkTo(bound.port()))
				.doOnSuccess((ended) -> story.note("server", "closed"))
				.then(client.echoes());
		});
	}

}
