package io.scopedasync.demo.gallery;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.server.Server;
import io.scopedasync.server.ServerResource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerResponse;

import org.springframework.stereotype.Component;

/**
 * An HTTP server whose scope ends while it still answers a request.
 */
@Component
class ServerExhibit implements Exhibit {

	private static final Duration THINKING = Duration.ofMillis(200);

	private final AsyncScopes scopes;

	ServerExhibit(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public String member() {
		return "server";
	}

	@Override
	public String description() {
		return "an HTTP server whose scope ends during a request: answered to the end, then nobody is let in any more";
	}

	@Override
	public Mono<?> show(Story story) {
		Sinks.Empty<Void> begun = Sinks.empty();
		Sinks.One<String> answer = Sinks.one();
		Duration limit = this.scopes.releaseTimeout();
		ServerResource server = ServerResource
			.http("gallery-server", this.scopes, HttpServer.create().host("127.0.0.1").port(0),
					(request, response) -> think(response, begun, story))
			// Together shorter than a release may take.
			.grace(limit.dividedBy(2))
			.abortAfter(limit.dividedBy(4))
			.build();
		return this.scopes.use(server, (bound) -> {
			story.note("server", "listens");
			get(bound).subscribe(answer::tryEmitValue, answer::tryEmitError);
			return begun.asMono()
				.then(Mono.fromSupplier(() -> HttpClient.newConnection().baseUrl(url(bound))))
				.doOnNext((client) -> story.note("body", "ends"));
		})
			.doOnNext((client) -> story.note("server", "closed"))
			.flatMap((client) -> client.get().response())
			.doOnError((refused) -> story.note("next client", "is refused"))
			.onErrorComplete()
			.then(answer.asMono());
	}

	private static Publisher<Void> think(HttpServerResponse response, Sinks.Empty<Void> begun, Story story) {
		story.note("request", "thinks");
		begun.tryEmitEmpty();
		return Mono.delay(THINKING)
			.doOnNext((done) -> story.note("request", "answers"))
			.thenMany(response.sendString(Mono.just("42")))
			.then();
	}

	private static Mono<String> get(Server server) {
		return HttpClient.newConnection().baseUrl(url(server)).get().responseContent().aggregate().asString();
	}

	private static String url(Server server) {
		return "http://127.0.0.1:" + server.port();
	}

}
