package io.scopedasync.webclient;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.reactive.function.client.WebClientResponseException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Cookies and logins of sessions, against a server that wants them.
 */
class SessionLoginTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Set<String> valid = ConcurrentHashMap.newKeySet();

	private final AtomicInteger logins = new AtomicInteger();

	private final AtomicInteger logouts = new AtomicInteger();

	private final HttpUpstream upstream = new HttpUpstream((routes) -> routes
		.get("/login", (request, response) -> response.addCookie(newId()).sendString(Mono.just("welcome")))
		.get("/login-redirect", (request, response) -> response.addCookie(newId()).sendRedirect("/who"))
		.get("/logout", (request, response) -> {
			this.logouts.incrementAndGet();
			this.valid.remove(id(request));
			return response.status(204).send();
		})
		.get("/who", this::who)
		.get("/broken-login", (request, response) -> response.status(503).send())
		.get("/silent", (request, response) -> Mono.never()));

	private final SessionLogin login = new SessionLogin() {

		@Override
		public Mono<Void> login(WebClient client) {
			return client.get().uri("/login").retrieve().toBodilessEntity().then();
		}

		@Override
		public Mono<Void> logout(WebClient client) {
			return client.get().uri("/logout").retrieve().toBodilessEntity().then();
		}

	};

	private SessionResource session = this.upstream.session("quotes").size(0, 2).login(this.login).build();

	@AfterEach
	void close() {
		this.session.close().block(BOUND);
		this.upstream.close();
	}

	@Test
	void logsInOncePerSessionAndKeepsTheCookieOverCalls() {
		List<String> who = List.of(whoAmI(), whoAmI(), whoAmI());
		assertThat(who).containsOnly("1");
		assertThat(this.logins).hasValue(1);
	}

	@Test
	void keepsTheCookiesOfSessionsApart() {
		List<String> who = this.scopes.use(this.session, (first) -> whoIs(first)
			.zipWith(this.scopes.use(this.session.fresh(), (second) -> whoIs(second)), (one, two) -> List.of(one, two)))
			.block(BOUND);
		assertThat(who).containsExactlyInAnyOrder("1", "2");
		assertThat(this.logins).hasValue(2);
	}

	@Test
	@Case(167)
	void replacesASessionWhoseLoginExpired() {
		assertThat(whoAmI()).isEqualTo("1");
		this.valid.clear();
		assertThatExceptionOfType(WebClientResponseException.Unauthorized.class).isThrownBy(this::whoAmI);
		assertThat(this.session.statistics().allocated()).isZero();
		assertThat(whoAmI()).isEqualTo("2");
		assertThat(this.logouts).as("an expired login is not logged out").hasValue(0);
	}

	@Test
	void keepsASessionWhoseOwnerDecidesOtherwise() {
		this.session = this.upstream.session("quotes").login(new SessionLogin() {

			@Override
			public Mono<Void> login(WebClient client) {
				return SessionLoginTests.this.login.login(client);
			}

			@Override
			public boolean expired(HttpStatusCode status) {
				return status.value() == 419;
			}

		}).build();
		whoAmI();
		this.valid.clear();
		assertThatExceptionOfType(WebClientResponseException.Unauthorized.class).isThrownBy(this::whoAmI);
		assertThat(this.session.statistics().idle()).isEqualTo(1);
	}

	@Test
	void keepsTheCookieThatARedirectSets() {
		this.session = this.upstream.session("quotes")
			.transport((connections, settings) -> new ReactorClientHttpConnector(
					settings.apply(HttpClient.create(connections).followRedirect(true))))
			.build();
		String who = this.scopes
			.use(this.session,
					(session) -> session.client().get().uri("/login-redirect").retrieve().bodyToMono(String.class))
			.block(BOUND);
		assertThat(who).as("the cookie of the redirect is sent to where it leads").isEqualTo("1");
		assertThat(whoAmI()).isEqualTo("1");
	}

	@Test
	void sendsTheCallersCookieInsteadOfItsOwn() {
		this.valid.add("mine");
		String who = this.scopes.use(this.session, (
				session) -> session.client().get().uri("/who").cookie("id", "mine").retrieve().bodyToMono(String.class))
			.block(BOUND);
		assertThat(who).isEqualTo("mine");
	}

	@Test
	void keepsNoCookiesIfSwitchedOff() {
		this.session = this.upstream.session("quotes").login(this.login).cookies(false).build();
		assertThatExceptionOfType(WebClientResponseException.Unauthorized.class).isThrownBy(this::whoAmI);
	}

	@Test
	void logsOutAtTheEnd() {
		whoAmI();
		this.session.close().block(BOUND);
		assertThat(this.logouts).hasValue(1);
		assertThat(this.valid).isEmpty();
	}

	@Test
	@Case(167)
	void discardsAnInvalidatedSession() {
		this.scopes.use(this.session, (session) -> whoIs(session).doOnNext((who) -> session.invalidate())).block(BOUND);
		assertThat(this.session.statistics().allocated()).isZero();
		assertThat(this.logouts).hasValue(1);
		assertThat(whoAmI()).isEqualTo("2");
	}

	@Test
	void passesOnTheErrorOfALoginAndTriesAgainNextTime() {
		this.session = this.upstream.session("quotes").size(0, 1).login(failingOnce()).build();
		assertThatExceptionOfType(WebClientResponseException.ServiceUnavailable.class).isThrownBy(this::whoAmI);
		assertThat(this.session.statistics().allocated()).isZero();
		assertThat(whoAmI()).isEqualTo("1");
	}

	@Test
	void boundsALogin() {
		this.session = this.upstream.session("quotes")
			.loginTimeout(Duration.ofMillis(200))
			.login((client) -> client.get().uri("/silent").retrieve().toBodilessEntity().then())
			.build();
		assertThatExceptionOfType(SessionTimeoutException.class).isThrownBy(this::whoAmI)
			.withMessageContaining("login of session 'quotes'")
			.withMessageContaining("login-timeout of 200 ms");
		assertThat(this.session.statistics().allocated()).isZero();
	}

	@Test
	void warmsUp() {
		this.session = this.upstream.session("quotes").size(2, 3).login(this.login).build();
		assertThat(this.session.warmUp().block(BOUND)).isEqualTo(2);
		assertThat(this.logins).hasValue(2);
		assertThat(this.session.statistics().idle()).isEqualTo(2);
		assertThat(whoAmI()).isIn("1", "2");
		assertThat(this.logins).hasValue(2);
	}

	@Test
	void saysWhyItCouldNotWarmUp() {
		this.session = this.upstream.session("quotes").size(1, 1).login(failingOnce()).build();
		assertThatExceptionOfType(WebClientResponseException.ServiceUnavailable.class)
			.isThrownBy(() -> this.session.warmUp().block(BOUND));
		assertThat(whoAmI()).isEqualTo("1");
	}

	private SessionLogin failingOnce() {
		AtomicInteger attempts = new AtomicInteger();
		return (client) -> (attempts.getAndIncrement() == 0)
				? client.get().uri("/broken-login").retrieve().toBodilessEntity().then() : this.login.login(client);
	}

	private String whoAmI() {
		return this.scopes.use(this.session, this::whoIs).block(BOUND);
	}

	private Mono<String> whoIs(Session session) {
		return session.client().get().uri("/who").retrieve().bodyToMono(String.class);
	}

	private Publisher<Void> who(HttpServerRequest request, HttpServerResponse response) {
		String id = id(request);
		return this.valid.contains(id) ? response.sendString(Mono.just(id))
				: response.status(401).sendString(Flux.just("who are you?"));
	}

	private Cookie newId() {
		String id = String.valueOf(this.logins.incrementAndGet());
		this.valid.add(id);
		Cookie cookie = new DefaultCookie("id", id);
		cookie.setPath("/");
		return cookie;
	}

	private static String id(HttpServerRequest request) {
		Set<Cookie> ids = request.cookies().getOrDefault("id", Set.of());
		assertThat(ids).hasSizeLessThanOrEqualTo(1);
		return ids.stream().map(Cookie::value).findFirst().orElse("");
	}

}
