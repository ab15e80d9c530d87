package io.scopedasync.demo;

import java.util.List;
import java.util.stream.IntStream;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.test.NoLeakedScopes;
import io.scopedasync.test.WithVirtualScopeClock;
import io.scopedasync.webclient.SessionResource;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.webtestclient.autoconfigure.AutoConfigureWebTestClient;
import org.springframework.test.web.reactive.server.WebTestClient;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static io.scopedasync.test.ScopedAsyncAssertions.assertThatScoped;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Quotes through limiter and sessions, from an upstream that refuses the eleventh
 * request. However slow the machine is, none of the limits passes meanwhile.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@AutoConfigureWebTestClient(timeout = "60s")
@WithVirtualScopeClock
@NoLeakedScopes
class QuoteTests {

	@Autowired
	private WebTestClient web;

	@Autowired
	private Upstream upstream;

	@Test
	void callsToTheServiceRunInScopes(@Autowired QuoteService quotes) {
		assertThatScoped(quotes).isAdvised("quote");
	}

	@Test
	void nothingIsHeldOnceTheAnswerIsThere(@Autowired AsyncScopes scopes,
			@Autowired @Qualifier("quotes-limit") Limiter limiter) {
		this.web.get().uri("/quotes?symbols=A,B").exchange().expectStatus().isOk().expectBody();
		assertThat(limiter).usedBy(scopes).isIdle();
		assertThat(scopes).hasNoOpenScopes();
	}

	@Test
	void fortySymbolsGetFortyQuotesInOrderAndNoneIsRefused() {
		List<String> symbols = IntStream.rangeClosed(1, 40).mapToObj((i) -> "S" + i).toList();
		long refused = this.upstream.statistics().refused();
		List<Quote> quotes = this.web.get()
			.uri((uri) -> uri.path("/quotes").queryParam("symbols", String.join(",", symbols)).build())
			.exchange()
			.expectStatus()
			.isOk()
			.expectBodyList(Quote.class)
			.returnResult()
			.getResponseBody();
		assertThat(quotes).extracting(Quote::symbol).containsExactlyElementsOf(symbols);
		assertThat(this.upstream.statistics().refused()).isEqualTo(refused);
		assertThat(this.upstream.statistics().mostAtOnce()).isBetween(2, 10);
	}

	@Test
	void loginsAreMadePerSessionAndNotPerCall(@Autowired SessionResource session) {
		// How many sessions there are depends on how many calls met.
		this.web.get().uri("/quotes?symbols=A,B,C,D,E,F,G,H,I,J,K,L").exchange().expectStatus().isOk().expectBody();
		this.web.get().uri("/quotes?symbols=A,B,C,D,E,F").exchange().expectStatus().isOk().expectBody();
		assertThat(this.upstream.statistics().logins()).isEqualTo(session.statistics().allocated()).isBetween(1L, 10L);
	}

}
