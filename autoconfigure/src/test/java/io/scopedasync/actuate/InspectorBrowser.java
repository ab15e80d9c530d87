package io.scopedasync.actuate;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.ConsoleMessage;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Request;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.ColorScheme;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * The inspector page in a real browser, before an endpoint that answers what the test
 * wants. Whatever a test does, the page asks nobody but that endpoint, throws nothing and
 * keeps to its own policy.
 */
abstract class InspectorBrowser {

	private static final Path CHROMIUM = Path.of("/usr/bin/chromium");

	private static final Path SCREENSHOTS = Path.of("target", "screenshots");

	static final double PATIENCE = 30_000;

	private static Playwright playwright;

	private static Browser browser;

	final InspectorServer server = new InspectorServer(InspectorSamples::seven);

	/** Who serves the page: another server, if a test says so. */
	String origin = this.server.origin();

	Page page;

	private final Set<String> requests = ConcurrentHashMap.newKeySet();

	/** What the script threw, and what the policy of the page refused. */
	private final List<String> complaints = new CopyOnWriteArrayList<>();

	@BeforeAll
	static void launch() {
		assumeTrue(Files.isExecutable(CHROMIUM), "needs Chromium: apt-get install chromium");
		PlaywrightAssertions.setDefaultAssertionTimeout(PATIENCE);
		playwright = Playwright
			.create(new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
		// The first start on a machine reads all of it from the disk.
		browser = playwright.chromium()
			.launch(new BrowserType.LaunchOptions().setExecutablePath(CHROMIUM)
				.setTimeout(4 * PATIENCE)
				.setArgs(List.of("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
						"--disable-background-networking", "--disable-component-update", "--disable-sync")));
	}

	@AfterAll
	static void quit() {
		if (playwright != null) {
			playwright.close();
		}
	}

	@BeforeEach
	void open() {
		this.page = browser
			.newPage(new Browser.NewPageOptions().setViewportSize(1280, 900).setColorScheme(ColorScheme.LIGHT));
		this.page.setDefaultTimeout(PATIENCE);
		this.page.onRequest((Request request) -> {
			// The browser announces where a redirect leads to, also if nobody goes there.
			if (request.redirectedFrom() == null) {
				this.requests.add(request.url());
			}
		});
		this.page.onPageError(this.complaints::add);
		this.page.onConsoleMessage((ConsoleMessage message) -> {
			if (message.text().contains("Content Security Policy")) {
				this.complaints.add(message.text());
			}
		});
	}

	@AfterEach
	void close() {
		this.page.context().close();
		this.server.close();
		assertThat(this.complaints).isEmpty();
		assertThat(this.requests).allMatch(
				(url) -> url.equals(this.origin + "/actuator/scopes/ui")
						|| url.equals(this.origin + "/actuator/scopes?limit=10000") || url.startsWith("data:"),
				"only the page and the endpoint beside it");
	}

	void navigate() {
		this.page.navigate(this.origin + "/actuator/scopes/ui");
		assertThat(this.page.locator("#main")).isVisible();
	}

	Locator rows() {
		return this.page.locator("[role=treeitem]");
	}

	Locator row(int id) {
		return this.page.locator("#scope-" + id);
	}

	Locator card(String name) {
		return this.page.locator(".card[data-name='" + name + "']");
	}

	void screenshot(String name) {
		this.page
			.screenshot(new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve(name + ".png")).setFullPage(true));
	}

}
