package io.scopedasync.actuate;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the inspector page shows, and how it is worked.
 */
class InspectorPageTests extends InspectorBrowser {

	private static final String LIGHT = "rgb(245, 246, 244)";

	private static final String DARK = "rgb(16, 20, 19)";

	@Test
	void showsWhatIsOpen() {
		navigate();
		assertThat(rows()).hasCount(7);
		assertThat(this.page.locator("#open")).hasText("7");
		assertThat(this.page.locator("#leaks")).hasText("5overdue 4lost 1");
		assertThat(this.page.locator("#recovered")).hasText("2");
		assertThat(this.page.locator("#threshold")).hasText("1 min");
		assertThat(row(215)).hasAttribute("aria-level", "3");
		assertThat(row(215)).containsText("4.9 s");
		assertThat(row(215)).containsText("entering, waiting");
		assertThat(row(215)).containsText("tenant-limit");
		assertThat(card("quotes-limit")).containsText("in use7");
		assertThat(card("quotes-limit")).containsText("limit10");
		assertThat(card("quotes-limit")).containsText("waiting4");
	}

	@Test
	void suspectIsMarkedInWordsToo() {
		navigate();
		assertThat(this.page.locator("#suspects")).hasText("2");
		assertThat(row(101).getByText("suspect")).isVisible();
		assertThat(row(101)).containsText("13×");
		assertThat(row(220).getByText("suspect")).isHidden();
	}

	@Test
	void followsTheApplication() {
		navigate();
		this.server.answerWith(() -> InspectorSamples.seven(10, 82));
		assertThat(card("quotes-limit")).containsText("waiting82");
		this.server.answerWith(InspectorSamples::none);
		assertThat(this.page.locator("#nothing")).isVisible();
		assertThat(this.page.locator("#sites")).containsText("No leak is on record.");
		assertThat(rows()).hasCount(0);
	}

	@Test
	void rowIsOpenedByKeyboardAlone() {
		navigate();
		for (int tabs = 0; tabs < 12 && !isFocused("tree"); tabs++) {
			this.page.keyboard().press("Tab");
		}
		assertThat(isFocused("tree")).isTrue();
		assertThat(this.page.locator("#tree")).hasAttribute("aria-activedescendant", "scope-101");
		this.page.keyboard().press("Enter");
		assertThat(row(101)).hasAttribute("aria-expanded", "true");
		assertThat(row(101).locator(".stack .own")).hasText(InspectorSamples.FRAME);
		this.page.keyboard().press("ArrowRight");
		this.page.keyboard().press("ArrowRight");
		this.page.keyboard().press("Enter");
		assertThat(row(215)).containsText("tenant-7");
		assertThat(row(215)).containsText("6f0c1d2ab94e7735");
		assertThat(row(215)).containsText("2.1 s left");
		assertThat(row(215)).containsText("ImportJob.page #214, in ImportJob.run #101");
		this.page.keyboard().press("ArrowLeft");
		assertThat(row(215)).hasAttribute("aria-expanded", "false");
		this.page.keyboard().press("ArrowLeft");
		assertThat(this.page.locator("#tree")).hasAttribute("aria-activedescendant", "scope-214");
	}

	@Test
	void cursorStaysInItsPlaceWhenItsScopeEnds() {
		this.server.answerWith(() -> InspectorSamples.many(1, 40));
		navigate();
		this.page.locator("#tree").focus();
		this.page.keyboard().press("End");
		assertThat(this.page.locator("#tree")).hasAttribute("aria-activedescendant", "scope-40");
		this.server.answerWith(() -> InspectorSamples.many(1, 39));
		assertThat(this.page.locator("#tree")).hasAttribute("aria-activedescendant", "scope-39");
	}

	@Test
	void leakIsOpenedWithItsStack() {
		navigate();
		Locator site = this.page.locator(".site")
			.filter(new Locator.FilterOptions().setHasText("ImportJob.run"))
			.first();
		assertThat(site).containsText("3 reported");
		assertThat(site).containsText("2 recovered");
		assertThat(site).containsText("last 11 min ago");
		assertThat(site).containsText("give it a limit");
		assertThat(site.locator(".stack")).hasCount(0);
		site.locator("summary").focus();
		this.page.keyboard().press("Enter");
		assertThat(site.locator(".stack .own")).hasText(InspectorSamples.FRAME);
	}

	@Test
	void deadlockIsShownAsACycleInOrder() {
		this.server.answerWith(InspectorSamples::deadlock);
		navigate();
		this.page.locator(".site summary").click();
		Locator members = this.page.locator(".cycle > li");
		assertThat(members).hasCount(5);
		assertThat(members.nth(0)).containsText("TransferService.transfer #318");
		assertThat(members.nth(0)).containsText("its wait was ended");
		assertThat(members.nth(0)).containsText("holds 'account-lock' (key no. 2)");
		assertThat(members.nth(0))
			.containsText("waits for 'account-lock' (key no. 1), held by 'TransferService.transfer' #301");
		assertThat(members.nth(1)).containsText("waits for the scope inside it, 'AuditService.note' #322");
		assertThat(members.nth(3)).containsText("open for 1 min 1 s, opened on scheduling-1");
		assertThat(this.page.locator(".cycle .back")).hasCount(1);
		assertThat(this.page.locator(".cycle .stuck")).containsText("stuck with them");
		members.nth(3).locator("summary").click();
		assertThat(members.nth(3).locator(".stack .own")).hasText(InspectorSamples.FRAME);
		screenshot("deadlock-light");
		this.page.locator("#theme").click();
		screenshot("deadlock-dark");
		this.page.setViewportSize(390, 844);
		screenshot("deadlock-dark-390");
	}

	@Test
	void filterKeepsTheScopesAroundAMatch() {
		navigate();
		this.page.locator("#filter").fill("TENANT-7");
		assertThat(rows()).hasCount(3);
		assertThat(this.page.locator(".row.context")).hasCount(2);
		assertThat(this.page.locator("#shown")).hasText("1 of 7");
		this.page.locator("#filter").fill("nobody");
		assertThat(this.page.locator("#no-match")).isVisible();
		this.page.locator("#clear").click();
		assertThat(rows()).hasCount(7);
		this.page.locator("input[value=suspect]").check();
		assertThat(rows()).hasCount(2);
	}

	@Test
	void sortsByAge() {
		navigate();
		this.page.locator("input[value=age]").check();
		assertThat(rows().nth(1)).containsText("SettlementService.settle");
		assertThat(rows().nth(2)).containsText("40 s");
		assertThat(row(215)).hasAttribute("aria-level", "1");
	}

	@Test
	void themeIsRemembered() {
		navigate();
		assertThat(background()).isEqualTo(LIGHT);
		this.page.locator("#theme").click();
		assertThat(background()).isEqualTo(DARK);
		navigate();
		assertThat(background()).isEqualTo(DARK);
		assertThat(this.page.locator("#theme")).hasText("Light");
	}

	@Test
	void themeIsThatOfTheSystemUntilChosen() {
		this.page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(ColorScheme.DARK));
		navigate();
		assertThat(background()).isEqualTo(DARK);
	}

	@ParameterizedTest
	@ValueSource(strings = { "<img src=x onerror=\"window.hit=1\">", "<script>window.hit=1</script>",
			"\"><svg onload=window.hit=1>", "__proto__" })
	void textsOfTheApplicationStayTexts(String text) {
		this.server.answerWith(() -> InspectorSamples.everywhere(text));
		navigate();
		row(1).locator(".cells").click();
		this.page.locator(".site summary").click();
		assertThat(row(1).locator(".stack")).hasText(text);
		assertThat(this.page.locator(".site .stack")).hasText(text);
		assertThat(this.page.locator(".cycle b")).hasText(text + " #1");
		assertThat(this.page.locator(".card h3")).hasText(text);
		assertThat(this.page.locator("img")).hasCount(0);
		assertThat(this.page.locator("script")).hasCount(1);
		assertThat(this.page.evaluate("window.hit")).isNull();
	}

	@Test
	void policyAllowsTheScriptAndTheStyleOfThePageOnly() throws Exception {
		for (String part : List.of("script", "style")) {
			String page = InspectorServer.PAGE;
			String text = page.substring(page.indexOf("<" + part + ">") + part.length() + 2,
					page.indexOf("</" + part + ">"));
			byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
			assertThat(page).as("paste this hash into the page's policy")
				.contains(part + "-src 'sha256-" + Base64.getEncoder().encodeToString(hash) + "';");
		}
	}

	private boolean isFocused(String id) {
		return id.equals(this.page.evaluate("document.activeElement.id"));
	}

	private String background() {
		return (String) this.page.evaluate("getComputedStyle(document.body).backgroundColor");
	}

}
