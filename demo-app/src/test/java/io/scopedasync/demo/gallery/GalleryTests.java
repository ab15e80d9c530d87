package io.scopedasync.demo.gallery;

import java.time.Duration;
import java.util.List;

import io.scopedasync.AsyncScopes;
import io.scopedasync.demo.Story;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.test.ExpectedLeaks;
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
 * Every member is shown over HTTP and leaves nothing behind.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT,
		properties = { "scoped-async.leak-detection.threshold=1h", "scoped-async.release-timeout=30s" })
@AutoConfigureWebTestClient(timeout = "60s")
@NoLeakedScopes(grace = "10s")
class GalleryTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	@Autowired
	private WebTestClient web;

	@Autowired
	private List<Exhibit> exhibits;

	/** The member "deadlock" makes one. */
	@Test
	@ExpectedLeaks(LeakReason.DEADLOCK)
	void everyMemberIsListedAndTellsItsStory() {
		List<GalleryController.Member> members = this.web.get()
			.uri("/gallery")
			.exchange()
			.expectStatus()
			.isOk()
			.expectBodyList(GalleryController.Member.class)
			.returnResult()
			.getResponseBody();
		assertThat(members).hasSameSizeAs(this.exhibits).isNotEmpty();
		for (GalleryController.Member member : members) {
			Story.Report report = show(member.path());
			assertThat(report.error()).as(member.path()).isNull();
			assertThat(report.events()).as(member.path()).isNotEmpty();
		}
	}

	@Test
	void unknownMemberIsNotFound() {
		this.web.get().uri("/gallery/nothing").exchange().expectStatus().isNotFound();
	}

	/** The other tests run with a longer one for releases. */
	@Test
	void serverIsShownWithTheLimitsOfTheApplicationToo() {
		// However slow the machine is, none of the limits passes meanwhile.
		try (VirtualScopeClock time = VirtualScopeClock.create()) {
			AsyncScopes scopes = AsyncScopes.builder()
				.clock(time.clock())
				.releaseTimeout(Duration.ofSeconds(2))
				.build();
			Story.Report report = Story.of(new ServerExhibit(scopes)::show).block(LIMIT);
			assertThat(report).isNotNull();
			assertThat(report.error()).isNull();
			assertThat(report.result()).isEqualTo("42");
		}
	}

	private Story.Report show(String path) {
		Story.Report report = this.web.get()
			.uri(path)
			.exchange()
			.expectStatus()
			.isOk()
			.expectBody(Story.Report.class)
			.returnResult()
			.getResponseBody();
		assertThat(report).isNotNull();
		return report;
	}

}
