package io.scopedasync.demo.seed;

import java.time.Duration;
import java.util.List;
import java.util.Map;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.test.NoLeakedScopes;
import io.scopedasync.test.VirtualScopeClock;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.webtestclient.autoconfigure.AutoConfigureWebTestClient;
import org.springframework.test.web.reactive.server.WebTestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The four programs, which leave nothing behind.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT,
		properties = { "scoped-async.leak-detection.threshold=1h", "scoped-async.release-timeout=30s" })
@AutoConfigureWebTestClient(timeout = "60s")
@NoLeakedScopes(grace = "10s")
class SeedTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	@Autowired
	private WebTestClient web;

	@Test
	void indexNamesAllFour() {
		String index = this.web.get()
			.uri("/seeds")
			.exchange()
			.expectBody(String.class)
			.returnResult()
			.getResponseBody();
		assertThat(index).contains("/seeds/connection", "/seeds/session", "/seeds/semaphore", "/seeds/echo");
	}

	@Test
	void connectionIsClosedAfterTheBody() {
		Story.Report report = run("connection");
		assertThat(report.result()).isEqualTo("42");
		assertThat(told(report)).containsExactly("connection opening", "connection open", "body queries",
				"body completed", "connection closing", "connection closed");
	}

	@Test
	void connectionIsClosedAfterAnError() {
		Story.Report report = run("connection?fail=true");
		assertThat(report.error()).isEqualTo("QueryFailedException: the query failed, as was asked");
		assertThat(told(report)).containsExactly("connection opening", "connection open", "body fails", "body failed",
				"connection closing", "connection closed");
	}

	@Test
	void errorIsSuppressedWhenAsked() {
		Story.Report report = run("connection?fail=true&suppress=true");
		assertThat(report.error()).isNull();
		assertThat(report.result()).isNull();
		assertThat(told(report)).endsWith("body failed", "connection closing", "connection closed");
	}

	@Test
	void sessionLogsOutAndClosesItsConnections() {
		Story.Report report = run("session?timeout=30000");
		assertThat(report.error()).isNull();
		assertThat(report.result()).asString().contains("SPRG");
		assertThat(told(report)).containsExactly("connections open", "login logged in", "body asks for a quote",
				"body has the quote", "body completed", "login logged out", "connections closed");
	}

	@Test
	void sessionThatIsTooSlowIsUndoneAllTheSame() {
		Story.Report report = run("session?timeout=80");
		assertThat(report.error()).startsWith("DeadlineExceededException: ").contains("80 ms");
		assertThat(told(report)).doesNotContain("body has the quote");
		// They may pass on a slow machine before anything is opened.
		if (!report.events().isEmpty()) {
			assertThat(told(report)).startsWith("connections open").endsWith("connections closed");
		}
	}

	@Test
	void semaphoreLetsTenOfFiftyFetchAtOnce() {
		assertThat(run("semaphore").result()).isEqualTo(Map.of("results", 50, "mostAtOnce", 10));
	}

	@Test
	void echoServerClosesWhenTheGracePeriodIsOver() {
		Story.Report report = run("echo");
		assertThat((Integer) report.result()).isPositive();
		assertThat(told(report)).startsWith("server listens")
			.containsSubsequence("client heard: line 0", "server accepts nobody new",
					"connection cancelled: the grace period of server 'echo-server' (300 ms) is over", "server closed")
			.contains("client gone");
	}

	@Test
	void echoServerServesItsClientMeanwhileAndClosesAsSoonAsThatHasLeft() {
		// However slow the machine is, the grace period does not pass meanwhile.
		try (VirtualScopeClock time = VirtualScopeClock.create()) {
			AsyncScopes scopes = AsyncScopes.builder().clock(time.clock()).tracked(true).build();
			Story.Report report = new EchoSeed(scopes).run(20).block(LIMIT);
			assertThat(report).isNotNull();
			assertThat(report.result()).isEqualTo(20);
			assertThat(told(report))
				.containsSubsequence("client heard: line 0", "server accepts nobody new", "client heard: line 19",
						"server closed")
				.contains("client gone")
				.noneMatch((event) -> event.contains("the grace period"));
			assertThat(scopes.openScopes()).isEmpty();
		}
	}

	private Story.Report run(String seed) {
		Story.Report report = this.web.get()
			.uri("/seeds/" + seed)
			.exchange()
			.expectStatus()
			.isOk()
			.expectBody(Story.Report.class)
			.returnResult()
			.getResponseBody();
		assertThat(report).isNotNull();
		return report;
	}

	private static List<String> told(Story.Report report) {
		return report.events().stream().map((event) -> event.who() + " " + event.what()).toList();
	}

}
