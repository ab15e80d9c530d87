package io.scopedasync.demo;

import java.time.Duration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.test.Answer;
import io.scopedasync.test.FakeUpstream;
import io.scopedasync.test.NoLeakedScopes;
import io.scopedasync.test.WithVirtualScopeClock;
import io.scopedasync.webclient.SessionResource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.reactive.function.client.WebClient;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * The gateway while another upstream than its own takes requests and does not answer.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT,
		properties = "scoped-async.sessions.quotes.response-timeout=5m")
@WithVirtualScopeClock
@NoLeakedScopes(grace = "10s")
class HangingUpstreamTests {

	@AutoClose
	static FakeUpstream upstream = FakeUpstream.start()
		.respond(Answer.hang())
		.respond("/login", Answer.status(204).cookie("login", "fake"))
		.respond("/logout", Answer.status(204));

	@Autowired
	private AsyncScopes scopes;

	@Autowired
	@Qualifier("quotes-limit")
	private Limiter limiter;

	@Autowired
	private SessionResource session;

	@LocalServerPort
	private int port;

	private WebClient gateway;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		upstream.asSession("quotes", registry);
		registry.add("demo.upstream", upstream::url);
	}

	@BeforeEach
	void connect() {
		this.gateway = WebClient.create("http://localhost:" + this.port);
	}

	@Test
	void aClientThatGoesAwayGivesBackAllThatItsQuotesHold() {
		Disposable client = ask();
		client.dispose();
		await(() -> {
			assertThat(this.limiter).usedBy(this.scopes).isIdle();
			assertThat(this.scopes).hasNoOpenScopes().doesNotHold(this.session);
		});
	}

	@Test
	void anAnswerLetsThoseInThatWait() {
		Disposable client = ask();
		upstream.answerHanging(Answer.json("{\"symbol\":\"A\",\"price\":1}"));
		await(() -> assertThat(this.limiter).usedBy(this.scopes).hasBorrowed(2).hasWaiting(0));
		client.dispose();
	}

	/** Twelve quotes, of which ten get as far as the upstream. */
	private Disposable ask() {
		Disposable client = this.gateway.get()
			.uri("/quotes?symbols=A,B,C,D,E,F,G,H,I,J,K,L")
			.retrieve()
			.bodyToMono(String.class)
			.subscribe();
		// The first ten may be there before the last two wait.
		await(() -> {
			assertThat(upstream.hanging()).isEqualTo(10);
			assertThat(this.limiter).usedBy(this.scopes).hasBorrowed(10).hasWaiting(2);
			assertThat(this.scopes).hasOpenScopes(12).hasOpenScope("QuoteService.quote").holds(this.session);
		});
		return client;
	}

	private static void await(Runnable assertion) {
		Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(assertion::run);
	}

}
