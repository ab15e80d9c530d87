package io.scopedasync.actuate;

import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import com.microsoft.playwright.Clock;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * The page with nothing, with a few and with ten thousand scopes, wide and narrow, light
 * and dark, and after five minutes.
 */
class InspectorPageScaleTests extends InspectorBrowser {

	private static final Logger logger = LoggerFactory.getLogger(InspectorPageScaleTests.class);

	private static final String FIRST_ROW_IN_SIGHT = """
			(() => {
			  const top = document.querySelector('#tree').getBoundingClientRect().top;
			  const row = [...document.querySelectorAll('[role=treeitem]')].find((one) => one.getBoundingClientRect().bottom > top + 1);
			  return row.id + ' at ' + Math.round(row.getBoundingClientRect().top - top);
			})()""";

	/** Over three seconds, in which there are at least two updates. */
	private static final String LONGEST_FREEZE = """
			new Promise((done) => {
			  let last = performance.now(), longest = 0;
			  const end = last + 3000;
			  const frame = () => {
			    const now = performance.now();
			    longest = Math.max(longest, now - last);
			    last = now;
			    if (now < end) requestAnimationFrame(frame); else done(longest);
			  };
			  requestAnimationFrame(frame);
			})""";

	@Test
	void tenThousandScopesAreSoonThereAndFewOfThemAreElements() {
		String many = InspectorSamples.many(1, 10_000);
		this.server.answerWith(() -> many);
		navigate();
		assertThat(this.page.locator("#open")).hasText("10,000");
		assertThat(this.page.locator("#scope-1")).isVisible();
		double first = millis("performance.getEntriesByName('scopes-first-picture')[0].startTime");
		double freeze = millis(LONGEST_FREEZE);
		double update = millis("performance.getEntriesByName('scopes-update')[0].duration");
		logger.info(
				"10,000 scopes: first picture after {} ms, script of an update {} ms, longest time between frames {} ms",
				Math.round(first), Math.round(update), Math.round(freeze));
		assertThat(first).isLessThan(PATIENCE);
		assertThat(freeze).isLessThan(PATIENCE / 2);
		assertThat(rows().count()).isBetween(10, 200);
		this.page.locator("#tree").focus();
		this.page.keyboard().press("End");
		assertThat(this.page.locator("#tree")).hasAttribute("aria-activedescendant", "scope-10000");
		assertThat(row(10_000)).isInViewport();
		assertThat(rows().count()).isBetween(10, 200);
	}

	@Test
	void anUpdateKeepsTheRowsInSightWhereTheyAre() {
		String before = InspectorSamples.many(1, 10_000);
		String after = InspectorSamples.many(17, 10_000);
		this.server.answerWith(() -> before);
		navigate();
		this.page.evaluate("document.querySelector('#tree').scrollTop = 160007");
		assertThat(row(5003)).isInViewport();
		Object inSight = this.page.evaluate(FIRST_ROW_IN_SIGHT);
		this.server.answerWith(() -> after);
		assertThat(this.page.locator("#open")).hasText("9,984");
		assertThat(this.page.evaluate(FIRST_ROW_IN_SIGHT)).isEqualTo(inSight);
	}

	@Test
	void anOpenRowStaysOpenAndKeepsItsElements() {
		navigate();
		row(101).locator(".cells").click();
		assertThat(row(101).locator(".stack")).isVisible();
		this.page.evaluate("document.querySelector('#scope-101 .stack').dataset.kept = 'yes'");
		awaitAnswers(2);
		assertThat(row(101).locator(".stack[data-kept=yes]")).isVisible();
		assertThat((Boolean) this.page.evaluate("document.querySelector('#scope-214').getBoundingClientRect().top"
				+ " >= document.querySelector('#scope-101 .evidence').getBoundingClientRect().bottom"))
			.isTrue();
	}

	@Test
	void chartsShowTheLastFiveMinutes() {
		AtomicInteger asked = new AtomicInteger();
		this.server.answerWith(() -> {
			double at = asked.incrementAndGet() / 300.0;
			int wave = (int) Math.round(6.5 + 4 * Math.sin(at * 9) + 2 * Math.sin(at * 31));
			int waiting = (int) Math.max(0, Math.round(60 * Math.sin(at * 9) - 28 + 7 * Math.sin(at * 47)));
			return InspectorSamples.seven(Math.max(1, Math.min(10, wave)), waiting);
		});
		this.page.clock().install(new Clock.InstallOptions().setTime(System.currentTimeMillis() - 320_000));
		navigate();
		String first = line();
		for (int second = 0; second < 320; second++) {
			this.page.waitForResponse((response) -> response.url().contains("limit="),
					() -> this.page.clock().runFor(1000));
		}
		assertThat(first).as("begins at the right").matches("M2[4-9]\\d\\.\\d .*");
		assertThat(line()).matches("M3\\d\\.\\d .*");
		this.page.locator(".site summary").first().click();
		assertThat(this.page.locator(".site .stack")).isVisible();
		this.page.evaluate("document.activeElement.blur()");
		screenshot("inspector");
	}

	@ParameterizedTest
	@CsvSource({ "LIGHT, 1280, 0", "DARK, 1280, 0", "LIGHT, 1280, 7", "DARK, 1280, 7", "LIGHT, 1280, 10000",
			"DARK, 1280, 10000", "LIGHT, 400, 7", "DARK, 400, 10000", "DARK, 400, 0" })
	void everythingFitsIntoTheWindow(ColorScheme scheme, int width, int scopes) {
		List<Supplier<String>> samples = List.of(InspectorSamples::none, InspectorSamples::seven,
				() -> InspectorSamples.many(1, 10_000));
		this.server.answerWith(samples.get((scopes == 0) ? 0 : (scopes == 7) ? 1 : 2));
		this.page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
		this.page.setViewportSize(width, 900);
		navigate();
		if (scopes > 0) {
			this.page.locator("#tree").focus();
			this.page.keyboard().press("Enter");
			assertThat(this.page.locator(".evidence").first()).isVisible();
		}
		assertThat((Integer) this.page.evaluate("document.documentElement.scrollWidth")).isEqualTo(width);
		screenshot("inspector-" + scheme.name().toLowerCase(Locale.ROOT) + "-" + width + "-" + scopes);
	}

	private void awaitAnswers(int more) {
		for (int answer = 0; answer < more; answer++) {
			this.page.waitForResponse((response) -> response.url().contains("limit="), () -> {
			});
		}
		this.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))");
	}

	private String line() {
		return this.page.locator(".card[data-name='quotes-limit'] path.active").getAttribute("d");
	}

	private double millis(String expression) {
		return ((Number) this.page.evaluate(expression)).doubleValue();
	}

}
