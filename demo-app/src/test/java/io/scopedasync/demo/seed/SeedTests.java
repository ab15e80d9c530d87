package io.scopedasync.demo.seed;

import java.util.List;
import java.util.Map;

import io.scopedasync.demo.Story;
import io.scopedasync.test.NoLeakedScopes;
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
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT, properties = "scoped-async.leak-detection.threshold=1h")
@AutoConfigureWebTestClient(timeout = "10s")
@NoLeakedScopes
class SeedTests {

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
		Story.Report report = run("session?timeout=5000");
		assertThat(report.error()).isNull();
		assertThat(report.result()).asString().contains("SPRG");
		assertThat(told(report)).containsExactly("connections open", "login logged in", "body asks for a quote",
				"body has the quote", "body completed", "login logged out", "connections closed");
	}

	@Test
	void sessionThatIsTooSlowIsUndoneAllTheSame() {
		Story.Report report = run("session?timeout=80");
		assertThat(report.error()).startsWith("DeadlineExceededException: ").contains("80 ms");
		assertThat(told(report)).startsWith("connections open")
			.doesNotContain("body has the quote")
			.endsWith("connections closed");
	}

	@Test
	void semaphoreLetsTenOfFiftyFetchAtOnce() {
		assertThat(run("semaphore").result()).isEqualTo(Map.of("results", 50, "mostAtOnce", 10));
	}

	@Test
	void echoServerServesItsClientUntilTheGracePeriodIsOver() {
		Story.Report report = run("echo");
		assertThat((Integer) report.result()).isGreaterThan(1);
		assertThat(told(report)).startsWith("server listens")
			.containsSubsequence("client heard: line 0", "server accepts nobody new", "client heard: line 1",
					"connection cancelled: the grace period of server 'echo-server' (300 ms) is over", "server closed")
			.contains("client gone");
	}

	@Test
	void echoServerClosesAsSoonAsItsClientHasLeft() {
		Story.Report report = run("echo?lines=2");
		assertThat(report.result()).isEqualTo(2);
		assertThat(told(report)).contains("client gone", "server closed")
			.noneMatch((event) -> event.contains("the grace period"));
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
