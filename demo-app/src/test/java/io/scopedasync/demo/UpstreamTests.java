package io.scopedasync.demo;

import java.time.Duration;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The upstream is as strict as the gateway's tests need it to be.
 */
class UpstreamTests {

	private static final Duration PATIENCE = Duration.ofSeconds(30);

	private final Upstream upstream = new Upstream();

	private final WebClient client = WebClient.create(this.upstream.url());

	@AfterEach
	void stop() {
		this.upstream.stop();
	}

	@Test
	void wantsALogin() {
		assertThat(get("/quotes/A", "login=forged").block(PATIENCE)).isEqualTo(HttpStatusCode.valueOf(401));
		assertThat(get("/quotes/A", logIn()).block(PATIENCE)).isEqualTo(HttpStatusCode.valueOf(200));
	}

	@Test
	void forgetsALoginAfterTheLogout() {
		String cookie = logIn();
		this.client.post()
			.uri("/logout")
			.header(HttpHeaders.COOKIE, cookie)
			.retrieve()
			.toBodilessEntity()
			.block(PATIENCE);
		assertThat(get("/quotes/A", cookie).block(PATIENCE)).isEqualTo(HttpStatusCode.valueOf(401));
	}

	@Test
	void servesTenAtOnceAndRefusesMore() {
		String cookie = logIn();
		// So many that more than ten meet, however slowly they are sent.
		assertThat(Flux.range(0, 1000)
			.flatMap((number) -> get("/quotes/S" + number, cookie), 30)
			.map(HttpStatusCode::value)
			.collectList()
			.block(PATIENCE)).hasSize(1000).contains(200, 429).containsOnly(200, 429);
		assertThat(this.upstream.statistics().mostAtOnce()).isEqualTo(10);
		assertThat(this.upstream.statistics().refused()).isPositive();
		assertThat(this.upstream.statistics().atOnce()).isZero();
	}

	@Test
	void knowsNoSymbolInLowerCase() {
		assertThat(get("/quotes/abc", logIn()).block(PATIENCE)).isEqualTo(HttpStatusCode.valueOf(404));
	}

	@Test
	void runsUnlessAnotherIsNamed() {
		ApplicationContextRunner runner = new ApplicationContextRunner().withInitializer(new UpstreamInitializer());
		runner.run((context) -> assertThat(context.getEnvironment().getProperty("demo.upstream"))
			.isEqualTo(context.getBean(Upstream.class).url()));
		runner.withPropertyValues("demo.upstream=http://quotes.example")
			.run((context) -> assertThat(context).doesNotHaveBean(Upstream.class));
	}

	private String logIn() {
		return this.client.post()
			.uri("/login")
			.exchangeToMono((response) -> response.releaseBody()
				.thenReturn("login=" + response.cookies().getFirst("login").getValue()))
			.block(PATIENCE);
	}

	private Mono<HttpStatusCode> get(String uri, String cookie) {
		return this.client.get()
			.uri(uri)
			.header(HttpHeaders.COOKIE, cookie)
			.exchangeToMono((response) -> response.releaseBody().thenReturn(response.statusCode()));
	}

}
