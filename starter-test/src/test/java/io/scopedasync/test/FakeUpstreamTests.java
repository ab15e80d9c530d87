package io.scopedasync.test;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.webclient.SessionResource;

import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.reactive.function.client.WebClientRequestException;
import org.springframework.web.reactive.function.client.WebClientResponseException;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * The fake upstream and a session that talks to it.
 */
@NoLeakedScopes(grace = "10s")
class FakeUpstreamTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	@AutoClose
	private final FakeUpstream upstream = FakeUpstream.start();

	private final AsyncScopes scopes = NoLeakedScopesTests.tracked();

	private final SessionResource session = SessionResource.builder("quotes")
		.webClient(WebClient.builder().baseUrl(this.upstream.url()))
		.build();

	@Test
	void answersAsItIsTold() {
		this.upstream.respond("/text", Answer.text("grün"))
			.respond("/json", Answer.json("{\"price\":42}").header("ETag", "\"1\""))
			.respond("/busy", Answer.status(503), Answer.text("now"));
		assertThat(get("/text").getBody()).isEqualTo("grün");
		ResponseEntity<String> json = get("/json");
		assertThat(json.getHeaders().getContentType()).isEqualTo(MediaType.APPLICATION_JSON);
		assertThat(json.getHeaders().getETag()).isEqualTo("\"1\"");
		assertThat(json.getBody()).isEqualTo("{\"price\":42}");
		assertThatExceptionOfType(WebClientResponseException.ServiceUnavailable.class).isThrownBy(() -> get("/busy"));
		assertThat(get("/busy").getBody()).isEqualTo("now");
		assertThat(get("/busy").getBody()).isEqualTo("now");
		assertThatExceptionOfType(WebClientResponseException.NotFound.class).isThrownBy(() -> get("/else"));
		this.upstream.respond(Answer.text("anything"));
		assertThat(get("/else").getBody()).isEqualTo("anything");
	}

	@Test
	void knowsWhatItWasAsked() {
		this.upstream.respond(Answer.text("fine").cookie("login", "secret"));
		Mono<ResponseEntity<String>> two = this.scopes.use(this.session,
				(client) -> client.client()
					.post()
					.uri("/login?user=me")
					.bodyValue("password")
					.retrieve()
					.toEntity(String.class)
					.then(client.client().get().uri("/quotes").header("X-Tag", "7").retrieve().toEntity(String.class)));
		assertThat(two.block(BOUND)).isNotNull();
		assertThat(this.upstream.requests()).extracting(FakeUpstream.Request::method).containsExactly("POST", "GET");
		FakeUpstream.Request login = this.upstream.requests("/login").get(0);
		assertThat(login.query()).isEqualTo("user=me");
		assertThat(login.body()).isEqualTo("password");
		FakeUpstream.Request quotes = this.upstream.requests("/quotes").get(0);
		assertThat(quotes.headers()).containsEntry("x-tag", "7");
		assertThat(quotes.cookies()).isEqualTo(Map.of("login", "secret"));
		assertThat(quotes.query()).isNull();
	}

	@Test
	void countsConnections() throws IOException {
		this.upstream.respond(Answer.status(204));
		try (Socket first = ask(); Socket second = ask()) {
			ask(first);
			await(() -> this.upstream.requests().size() == 3);
			assertThat(this.upstream.connections()).isEqualTo(2);
			assertThat(this.upstream.openConnections()).isEqualTo(2);
			second.close();
			await(() -> this.upstream.openConnections() == 1);
		}
		await(() -> this.upstream.openConnections() == 0);
		assertThat(this.upstream.connections()).isEqualTo(2);
	}

	private Socket ask() throws IOException {
		URI uri = URI.create(this.upstream.url());
		Socket socket = new Socket(uri.getHost(), uri.getPort());
		ask(socket);
		return socket;
	}

	private static void ask(Socket socket) throws IOException {
		socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: upstream\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
	}

	@Test
	void holdsRequestsUntilItIsToldToAnswer() {
		this.upstream.respond(Answer.hang());
		Limiter limit = Limiter.builder("limit").permits(2).build();
		List<CompletableFuture<String>> calls = IntStream.range(0, 5)
			.mapToObj((i) -> this.scopes.use(limit, (permit) -> call("/" + i)).toFuture())
			.toList();
		await(() -> this.upstream.hanging() == 2);
		assertThat(limit).usedBy(this.scopes).hasBorrowed(2).hasWaiting(3);
		this.upstream.respond(Answer.text("later")).answerHanging(Answer.text("at last"));
		assertThat(calls).allSatisfy((call) -> assertThat(call).succeedsWithin(BOUND));
		assertThat(new ArrayList<>(calls)).extracting(CompletableFuture::join)
			.containsExactlyInAnyOrder("at last", "at last", "later", "later", "later");
		await(() -> this.upstream.hanging() == 0);
	}

	@Test
	void noticesAClientThatGoesAway() {
		this.upstream.respond(Answer.hang());
		CompletableFuture<String> call = this.scopes.use(this.session, (client) -> call(client.client(), "/"))
			.toFuture();
		await(() -> this.upstream.hanging() == 1);
		call.cancel(true);
		await(() -> this.upstream.hanging() == 0 && this.upstream.openConnections() == 0);
	}

	@Test
	void hangsInTheMiddleOfABody() {
		this.upstream.respond(Answer.hangMidBody("beg"));
		CompletableFuture<String> first = this.scopes
			.useMany(this.session,
					(client) -> client.client().get().uri("/").retrieve().bodyToFlux(byte[].class).map(String::new))
			.next()
			.toFuture();
		assertThat(first).succeedsWithin(BOUND).isEqualTo("beg");
	}

	@Test
	void closesTheConnectionInTheMiddleOfABody() {
		this.upstream.respond(Answer.closeMidBody("beg"));
		assertThat(call("/").toFuture()).failsWithin(BOUND)
			.withThrowableThat()
			.havingRootCause()
			.withMessageContaining("prematurely");
	}

	@Test
	void closedNobodyHearsFromItAgain() {
		this.upstream.respond(Answer.hang());
		CompletableFuture<String> call = call("/").toFuture();
		await(() -> this.upstream.hanging() == 1);
		this.upstream.close();
		assertThat(call).failsWithin(BOUND);
		assertThatExceptionOfType(WebClientRequestException.class).isThrownBy(() -> get("/"));
	}

	private ResponseEntity<String> get(String path) {
		return WebClient.create(this.upstream.url()).get().uri(path).retrieve().toEntity(String.class).block(BOUND);
	}

	private Mono<String> call(String path) {
		return call(WebClient.create(this.upstream.url()), path);
	}

	private static Mono<String> call(WebClient client, String path) {
		return client.get().uri(path).retrieve().bodyToMono(String.class);
	}

	private static void await(Supplier<Boolean> condition) {
		Awaitility.await().atMost(BOUND.toSeconds(), TimeUnit.SECONDS).until(condition::get);
	}

}
