package io.scopedasync.actuate;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.boot.WebApplicationType;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.limiter.Limiter;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;

/**
 * The page as an application serves it, beside the endpoint itself.
 */
class InspectorPageEndpointTests extends InspectorBrowser {

	@ParameterizedTest
	@EnumSource(names = { "REACTIVE", "SERVLET" })
	void showsTheScopesOfAnApplication(WebApplicationType type) {
		try (Application application = Application.start(type, Application.EXPOSED,
				"--scoped-async.leak-detection.level=paranoid")) {
			this.origin = application.origin();
			navigate();
			assertThat(this.page.locator("#nothing")).isVisible();
			assertThat(this.page.locator("#threshold")).hasText("1 min");
			Scope outer = application.bean(AsyncScopes.class).open("import");
			Scope inner = outer.child("page");
			inner.enter(application.bean(Limiter.class)).block(Application.LIMIT);
			assertThat(rows()).hasCount(2);
			assertThat(row((int) inner.id())).hasAttribute("aria-level", "2");
			assertThat(row((int) inner.id())).containsText("quotes-limit");
			assertThat(card("quotes-limit")).containsText("in use1");
			row((int) outer.id()).locator(".cells").click();
			assertThat(row((int) outer.id()).locator(".stack")).containsText("showsTheScopesOfAnApplication");
			outer.close().block(Application.LIMIT);
			assertThat(rows()).hasCount(0);
		}
	}

}
