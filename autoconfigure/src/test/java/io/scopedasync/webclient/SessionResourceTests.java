package io.scopedasync.webclient;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.NoScopeException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SessionResource}.
 */
class SessionResourceTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final HttpUpstream upstream = new HttpUpstream(
			(routes) -> routes
				.get("/hello",
						(request, response) -> response
							.sendString(Mono.just("hello " + request.requestHeaders().get("X-Who"))))
				.get("/quote/{symbol}",
						(request, response) -> response.sendString(Mono.just(request.param("symbol") + "=1"))));

	private final SessionResource session = this.upstream.session("quotes").build();

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	@Test
	void sendsRequestsOfTheInjectedClientThroughTheSessionOfTheScope() {
		String answer = this.scopes.use(this.session, (session) -> get("/quote/A")).block(BOUND);
		assertThat(answer).isEqualTo("A=1");
		assertThat(this.session.statistics()).isEqualTo(new SessionResource.Statistics(10, 1, 0, 1, 0, 0));
	}

	@Test
	void sendsRequestsOfTheHeldClientThroughTheSession() {
		String answer = this.scopes
			.use(this.session, (session) -> session.client().get().uri("/quote/B").retrieve().bodyToMono(String.class))
			.block(BOUND);
		assertThat(answer).isEqualTo("B=1");
	}

	@Test
	void reusesSessionAndConnection() {
		for (int i = 0; i < 3; i++) {
			this.scopes.use(this.session, (session) -> get("/quote/A")).block(BOUND);
		}
		assertThat(this.upstream.connections()).isEqualTo(1);
		assertThat(this.session.statistics().allocated()).isEqualTo(1);
	}

	@Test
	void failsOutsideAnyScopeNamingTheAnnotation() {
		assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> get("/quote/A").block(BOUND))
			.withMessageContaining("@ScopedAsync(\"quotes\")")
			.satisfies((error) -> assertThat(error.getResource()).isEqualTo("quotes"));
	}

	@Test
	void tellsTheServerWhatIsLeftOfTheDeadline() {
		try (HttpUpstream told = new HttpUpstream((routes) -> routes.get("/left",
				(request, response) -> response.sendString(Mono.just("" + request.requestHeaders().get("X-Left")))))) {
			SessionResource session = told.session("telling").deadlineHeader("X-Left").build();
			Mono<String> call = this.scopes.use(session,
					(held) -> held.client().get().uri("/left").retrieve().bodyToMono(String.class));
			assertThat(call.block(BOUND)).isEqualTo("null");
			String left = this.scopes.within(Duration.ofSeconds(60), (deadline) -> call).block(BOUND);
			assertThat(Integer.parseInt(left)).isBetween(50_000, 60_000);
			Mono<String> own = this.scopes.use(session,
					(held) -> held.client()
						.get()
						.uri("/left")
						.header("x-left", "7")
						.retrieve()
						.bodyToMono(String.class));
			assertThat(this.scopes.within(Duration.ofSeconds(60), (deadline) -> own).block(BOUND)).isEqualTo("7");
			session.close().block(BOUND);
		}
	}

	@Test
	void worksInBlockingBodies() throws Exception {
		String answer = this.scopes.useBlocking(this.session, (session) -> get("/quote/C").block(BOUND));
		assertThat(answer).isEqualTo("C=1");
	}

	@Test
	void worksInFutureBodies() {
		String answer = this.scopes.useFuture(this.session, (session) -> get("/quote/D").toFuture()).join();
		assertThat(answer).isEqualTo("D=1");
	}

	private Mono<String> get(String uri) {
		WebClient client = this.session.client();
		return client.get().uri(uri).retrieve().bodyToMono(String.class);
	}

}
