package io.scopedasync.demo;

import io.scopedasync.test.Answer;
import io.scopedasync.test.AutoConfigureScopedAsync;
import io.scopedasync.test.FakeUpstream;
import io.scopedasync.test.NoLeakedScopes;
import io.scopedasync.test.WithVirtualScopeClock;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.webflux.test.autoconfigure.WebFluxTest;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.test.web.reactive.server.WebTestClient;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThatScoped;

/**
 * A slice of the gateway: one controller, one service and the scopes between them.
 */
@WebFluxTest(QuoteController.class)
@Import({ QuoteService.class, QuoteLogin.class })
@AutoConfigureScopedAsync
@WithVirtualScopeClock
@NoLeakedScopes
class QuoteControllerTests {

	@AutoClose
	static FakeUpstream upstream = FakeUpstream.start()
		.respond("/login", Answer.status(204).cookie("login", "fake"))
		.respond("/logout", Answer.status(204))
		.respond("/quotes/SPRG", Answer.json("{\"symbol\":\"SPRG\",\"price\":42.1}"));

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		upstream.asSession("quotes", registry);
		registry.add("demo.upstream", upstream::url);
	}

	@Test
	void callsToTheServiceRunInScopes(@Autowired QuoteService quotes) {
		assertThatScoped(quotes).isAdvised("quote");
	}

	@Test
	void handsOnWhatTheUpstreamSays(@Autowired WebTestClient web) {
		web.get()
			.uri("/quotes?symbols=SPRG")
			.exchange()
			.expectStatus()
			.isOk()
			.expectBody()
			.json("[{\"symbol\":\"SPRG\",\"price\":42.1}]");
	}

}
