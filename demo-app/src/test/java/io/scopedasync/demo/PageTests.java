package io.scopedasync.demo;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Route;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * The page in a real browser.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PageTests {

	private static final Path CHROMIUM = Path.of("/usr/bin/chromium");

	private static final Path SCREENSHOTS = Path.of("target", "screenshots");

	private static final double PATIENCE = 30_000;

	/** Ten at a time, a tenth of a second each. */
	private static final int FLOOD = 500;

	@LocalServerPort
	private int port;

	@Autowired
	private Upstream upstream;

	private Playwright playwright;

	private Browser browser;

	private Page page;

	@BeforeAll
	void launch() {
		assumeTrue(Files.isExecutable(CHROMIUM), "needs Chromium: apt-get install chromium");
		PlaywrightAssertions.setDefaultAssertionTimeout(PATIENCE);
		this.playwright = Playwright
			.create(new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
		// The first start on a machine reads all of it from the disk.
		this.browser = this.playwright.chromium()
			.launch(new BrowserType.LaunchOptions().setExecutablePath(CHROMIUM)
				.setTimeout(4 * PATIENCE)
				.setArgs(List.of("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
						"--disable-background-networking", "--disable-component-update", "--disable-sync")));
	}

	@AfterAll
	void quit() {
		if (this.playwright != null) {
			this.playwright.close();
		}
	}

	@BeforeEach
	void open() {
		this.page = this.browser.newPage(new Browser.NewPageOptions().setViewportSize(1280, 900));
		this.page.setDefaultTimeout(PATIENCE);
		this.page.navigate("http://localhost:" + this.port + "/");
		assertThat(this.page.locator("#link")).hasText("live");
	}

	@AfterEach
	void close() {
		this.page.close();
	}

	@Test
	void plotMovesDuringAFlood() {
		makeTheFloodLast();
		int before = points();
		press("Flood: 200 quotes");
		this.page.waitForFunction("document.querySelector('#waiting').dataset.highest > 50");
		this.page.waitForFunction("document.querySelector('#working').dataset.highest == 10");
		this.page.waitForFunction("document.querySelector('#working').dataset.points > " + (before + 6));
		screenshot("flood");
		assertThat(this.page.locator("#story")).containsText(FLOOD + " quotes");
		assertThat(points()).isGreaterThan(before);
		assertThat(card("upstream")).containsText("429 0");
		assertThat(card("quotes-limit")).containsText("borrowed 0 of 10");
	}

	@Test
	void cancelEndsAFloodAtOnce() {
		makeTheFloodLast();
		long before = this.upstream.statistics().requests();
		press("Flood: 200 quotes");
		this.page.waitForFunction("document.querySelector('#waiting').dataset.highest > 50");
		press("Cancel the flood");
		assertThat(this.page.locator("#story")).containsText("cancelled by the page");
		assertThat(card("quotes-limit")).containsText("borrowed 0 of 10 waiting 0");
		assertThat(this.upstream.statistics().requests()).as("calls in all").isLessThan(before + FLOOD);
		assertThat(this.page.locator("#open-count")).hasText("0");
	}

	@Test
	void scopeThatIsHeldTooLongBecomesALeak() {
		// Overdue for long enough to be looked for, however slow the machine is.
		this.page.route((url) -> url.endsWith("/hold"),
				(route) -> route.resume(new Route.ResumeOptions().setUrl(route.request().url() + "?millis=12000")));
		press("Hold a permit too long");
		assertThat(this.page.locator("#scopes tr.overdue")).containsText("held-too-long");
		assertThat(card("leaks")).containsText(Pattern.compile("overdue so far [1-9]"));
		screenshot("overdue");
		assertThat(this.page.locator("#story")).containsText("held for 12000 ms");
	}

	@Test
	void inspectorShowsWhatIsHeldTooLong() {
		CompletableFuture<?> held = HttpClient.newHttpClient()
			.sendAsync(HttpRequest.newBuilder(URI.create("http://localhost:" + this.port + "/hold?millis=600000"))
				.POST(HttpRequest.BodyPublishers.noBody())
				.build(), HttpResponse.BodyHandlers.discarding());
		this.page.navigate("http://localhost:" + this.port + "/actuator/scopes/ui");
		Locator row = this.page.getByRole(AriaRole.TREEITEM)
			.filter(new Locator.FilterOptions().setHasText("held-too-long"));
		assertThat(row).containsText("suspect");
		assertThat(row).containsText("quotes-limit");
		assertThat(this.page.getByText("Its body has not ended").first()).isVisible();
		screenshot("inspector");
		held.cancel(true);
		assertThat(row).hasCount(0);
	}

	@ParameterizedTest
	@CsvSource({ "Connection, result: 42", "… that fails, QueryFailedException", "… suppressed, result: no value",
			"Session, SPRG", "… too slow, exceeded its limit of 50 ms",
			"Fifty fetches, '\"results\":50,\"mostAtOnce\":10'", "Echo server, the grace period of server" })
	void programTellsItsStory(String button, String expected) {
		// However slow the machine is, the one that is to make it does.
		this.page.route((url) -> url.endsWith("/seeds/session"),
				(route) -> route.resume(new Route.ResumeOptions().setUrl(route.request().url() + "?timeout=30000")));
		press(button);
		assertThat(this.page.locator("#story")).containsText(expected);
		screenshot(this.page.locator("#story-title").textContent());
	}

	@Test
	void galleryShowsAMember() {
		this.page.locator("#member").selectOption("/gallery/deadline");
		press("Show");
		assertThat(this.page.locator("#story-title")).hasText("GET /gallery/deadline");
		assertThat(this.page.locator("#story")).containsText("out of time, and everything released");
		screenshot("gallery");
	}

	@ParameterizedTest
	@CsvSource({ "LIGHT", "DARK" })
	void followsTheColorScheme(ColorScheme scheme) {
		this.page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
		press("Flood: 200 quotes");
		assertThat(this.page.locator("#story")).containsText("200 quotes");
		String background = (String) this.page.evaluate("getComputedStyle(document.body).backgroundColor");
		assertThat(background).isEqualTo((scheme == ColorScheme.DARK) ? "rgb(17, 22, 20)" : "rgb(245, 246, 244)");
		screenshot(scheme.name().toLowerCase(Locale.ROOT));
	}

	@Test
	void worksWithoutAMouse() {
		this.page.keyboard().press("Tab");
		this.page.keyboard().press("Enter");
		assertThat(this.page.locator("#story")).containsText("result: 42");
	}

	/** For longer than a busy browser needs to look, and to press a button. */
	private void makeTheFloodLast() {
		String symbols = IntStream.range(0, FLOOD).mapToObj((i) -> "S" + i).collect(Collectors.joining(","));
		this.page.route((url) -> url.contains("/quotes?"), (route) -> route
			.resume(new Route.ResumeOptions().setUrl("http://localhost:" + this.port + "/quotes?symbols=" + symbols)));
	}

	private void press(String button) {
		this.page.locator("button").getByText(button, new Locator.GetByTextOptions().setExact(true)).click();
	}

	private Locator card(String name) {
		return this.page.locator(".card[data-name='" + name + "']");
	}

	private int points() {
		return Integer.parseInt(this.page.locator("#working").getAttribute("data-points"));
	}

	private void screenshot(String name) {
		this.page.screenshot(new Page.ScreenshotOptions()
			.setPath(SCREENSHOTS.resolve(name.replaceAll("[^a-z]+", "-").replaceAll("^-|-$", "") + ".png"))
			.setFullPage(true));
	}

}
