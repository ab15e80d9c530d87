package io.scopedasync.actuate;

import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the page says when there is little or nothing to show.
 */
class InspectorPageNoticeTests extends InspectorBrowser {

	private static final Pattern PAUSED_FOR_TWELVE_SECONDS = Pattern
		.compile("Paused\\. What you see is (1[2-9]|[2-5]\\d) s");

	@Test
	void saysThatTheEndpointIsGone() {
		navigate();
		this.server.close();
		assertThat(this.page.locator("#problem")).containsText("cannot be reached");
		assertThat(this.page.locator("#link")).containsText("not connected");
		assertThat(rows()).hasCount(7);
	}

	@ParameterizedTest
	@CsvSource({ "401, not signed in", "403, may not read this endpoint" })
	void saysThatItMayNotAsk(int status, String expected) {
		this.server.answerWith(status);
		this.page.navigate(this.server.origin() + "/actuator/scopes/ui");
		assertThat(this.page.locator("#problem")).containsText(expected);
		this.server.answerWith(200);
		this.page.locator("#retry").click();
		assertThat(rows()).hasCount(7);
		assertThat(this.page.locator("#problem")).isHidden();
	}

	@Test
	void followsNoRedirectToALogin() {
		try (InspectorServer login = new InspectorServer(InspectorSamples::none)) {
			this.server.redirectTo(login.origin() + "/actuator/scopes");
			this.page.navigate(this.server.origin() + "/actuator/scopes/ui");
			assertThat(this.page.locator("#problem")).containsText("redirected to a login");
			assertThat(login.answers()).isZero();
		}
	}

	@Test
	void saysThatTheAnswerIsOfNoUse() {
		this.server.answerWith(() -> "<p>hello</p>");
		this.page.navigate(this.server.origin() + "/actuator/scopes/ui");
		assertThat(this.page.locator("#problem")).containsText("not JSON");
		this.server.answerWith(500);
		assertThat(this.page.locator("#problem")).containsText("status 500");
		this.server.answerWith(200);
		this.server.answerWith(InspectorSamples::seven);
		assertThat(rows()).hasCount(7);
	}

	@Test
	void saysThatDetectionIsDisabled() {
		this.server.answerWith(InspectorSamples::disabled);
		navigate();
		assertThat(this.page.locator("#disabled")).isVisible();
		assertThat(this.page.locator("#threshold")).hasText("disabled");
		assertThat(row(1).locator(".gauge")).isHidden();
		assertThat(row(1)).containsText("not known");
	}

	@Test
	void saysThatThereAreMoreThanItWasGiven() {
		this.server.answerWith(() -> InspectorSamples.cut(12_345));
		navigate();
		assertThat(this.page.locator("#shown")).hasText("1 of 12,345, the first ones");
	}

	@Test
	void asksNothingWhileNobodyLooks() {
		this.page.addInitScript("Object.defineProperty(document, 'hidden', { get: () => window.away === true })");
		this.page.clock().install();
		navigate();
		this.page.evaluate("window.away = true");
		int before = this.server.answers();
		this.page.clock().runFor(12_000);
		assertThat(this.page.locator("#problem")).containsText("old");
		assertThat(this.server.answers()).isLessThanOrEqualTo(before + 1);
		this.page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))");
		assertThat(this.page.locator("#problem")).isHidden();
		assertThat(this.server.answers()).isGreaterThan(before);
	}

	@Test
	void pauseAsksNothingAndSaysHowOldThePictureIs() {
		this.page.clock().install();
		navigate();
		this.page.locator("#pause").click();
		int before = this.server.answers();
		this.page.clock().runFor(12_000);
		// The clock goes on by itself as well.
		assertThat(this.page.locator("#problem")).containsText(PAUSED_FOR_TWELVE_SECONDS);
		assertThat(this.server.answers()).isLessThanOrEqualTo(before + 1);
		this.page.locator("#pause").click();
		this.page.clock().runFor(2_000);
		assertThat(this.page.locator("#problem")).isHidden();
	}

}
