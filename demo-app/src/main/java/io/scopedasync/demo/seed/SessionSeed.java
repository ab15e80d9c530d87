package io.scopedasync.demo.seed;

import java.net.HttpCookie;
import java.time.Duration;
import java.util.Objects;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import reactor.core.publisher.Mono;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * The second program: a session built by a function, under a timeout. Its two parts,
 * connections and a login, are resources of their own; whatever happens, the login is
 * undone first and the connections are closed last.
 */
@RestController
class SessionSeed {

	private final AsyncScopes scopes;

	private final WebClient.Builder clients;

	private final String upstream;

	SessionSeed(AsyncScopes scopes, WebClient.Builder clients, @Value("${demo.upstream}") String upstream) {
		this.scopes = scopes;
		this.clients = clients;
		this.upstream = upstream;
	}

	@GetMapping("/seeds/session")
	Mono<Story.Report> run(@RequestParam(defaultValue = "1000") long timeout) {
		return Story.of((story) -> {
			AsyncResource<WebClient> session = session(story);
			return this.scopes.within(Duration.ofMillis(timeout),
					(deadline) -> this.scopes.use(session, (client) -> quote(client, story)));
		});
	}

	private AsyncResource<WebClient> session(Story story) {
		return connections(story).flatMap((connections) -> login(client(connections), story)).named("session");
	}

	private AsyncResource<ConnectionProvider> connections(Story story) {
		return AsyncResource.closing(
				() -> Mono.fromSupplier(() -> ConnectionProvider.create("session-seed"))
					.doOnNext((connections) -> story.note("connections", "open")),
				(connections) -> connections.disposeLater()
					.doOnSuccess((closed) -> story.note("connections", "closed")));
	}

	private AsyncResource<WebClient> login(WebClient client, Story story) {
		return AsyncResource.of(
				() -> client.post()
					.uri("/login")
					.retrieve()
					.toBodilessEntity()
					.map((answer) -> client.mutate().defaultHeader(HttpHeaders.COOKIE, cookie(answer)).build())
					.doOnNext((loggedIn) -> story.note("login", "logged in")),
				(loggedIn, exit) -> loggedIn.post()
					.uri("/logout")
					.retrieve()
					.toBodilessEntity()
					.doOnSubscribe((subscription) -> story.ended(exit))
					.doOnNext((answer) -> story.note("login", "logged out"))
					.then());
	}

	private static String cookie(ResponseEntity<Void> answer) {
		String header = Objects.requireNonNull(answer.getHeaders().getFirst(HttpHeaders.SET_COOKIE), "login cookie");
		return HttpCookie.parse(header).get(0).toString();
	}

	private WebClient client(ConnectionProvider connections) {
		HttpClient http = HttpClient.create(connections);
		return this.clients.clone()
			.baseUrl(this.upstream)
			.clientConnector(new ReactorClientHttpConnector(http))
			.build();
	}

	private static Mono<String> quote(WebClient session, Story story) {
		return session.get()
			.uri("/quotes/SPRG")
			.retrieve()
			.bodyToMono(String.class)
			.doOnSubscribe((subscription) -> story.note("body", "asks for a quote"))
			.doOnNext((quote) -> story.note("body", "has the quote"))
			.doOnCancel(() -> story.note("body", "cancelled"));
	}

}
