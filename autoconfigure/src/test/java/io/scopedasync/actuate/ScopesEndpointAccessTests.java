package io.scopedasync.actuate;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

import com.jayway.jsonpath.JsonPath;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.boot.WebApplicationType;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Who sees the endpoint, who may change something, and who sees values.
 */
class ScopesEndpointAccessTests {

	private static final String VALUES = "--management.endpoint.scopes.show-values=";

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
	void isNotExposedByDefault(WebApplicationType type) {
		try (Application application = Application.start(type)) {
			assertThat(application.get("/health").statusCode()).isEqualTo(200);
			assertThat(application.get("/scopes").statusCode()).isEqualTo(404);
			assertThat(application.get("/scopes/ui").statusCode()).isEqualTo(404);
		}
	}

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
	void whoMayOnlyReadChangesNothing(WebApplicationType type) {
		try (Application application = Application.start(type, Application.EXPOSED,
				"--management.endpoint.scopes.access=read-only")) {
			Scope scope = application.bean(AsyncScopes.class).open("import");
			assertThat(List.of(application.post("/scopes/quotes-limit", "{\"permits\": 5}"),
					application.post("/scopes/threshold", "{\"value\": \"2m\"}"),
					application.delete("/scopes/" + scope.id()), application.delete("/scopes")))
				.extracting(HttpResponse::statusCode)
				.containsOnly(405);
			assertThat(application.bean(Limiter.class).total()).isOne();
			assertThat(scope.state()).isEqualTo(Scope.State.RUNNING);
			assertThat(application.get("/scopes").statusCode()).isEqualTo(200);
			assertThat(application.get("/scopes/ui").statusCode()).isEqualTo(200);
			scope.close().block(Application.LIMIT);
		}
	}

	@Test
	void whoHasNoAccessSeesNothing() {
		try (Application application = Application.start(WebApplicationType.REACTIVE, Application.EXPOSED,
				"--management.endpoint.scopes.access=none")) {
			assertThat(application.get("/scopes").statusCode()).isEqualTo(404);
		}
	}

	@Test
	void showsValuesToEverybodyIfAskedTo() {
		assertThat(keyOf("tenant-a", VALUES + "always")).isEqualTo("tenant-a");
	}

	@Test
	void showsValuesToNobodyWhoIsNotKnown() {
		assertThat(keyOf("tenant-a", VALUES + "when-authorized")).isEqualTo("******");
	}

	@Test
	void asksSanitizingFunctionsOfWhatIsShown() {
		assertThat(keyOf("hidden-a", VALUES + "always")).isEqualTo("not for you");
	}

	@Test
	void looksForNothingAndSaysSoWhereDetectionIsDisabled() {
		try (Application application = Application.start(WebApplicationType.REACTIVE, Application.EXPOSED,
				"--scoped-async.leak-detection.level=disabled")) {
			Scope scope = application.bean(AsyncScopes.class).open("import");
			scope.enter(application.bean(Limiter.class)).block(Application.LIMIT);
			String json = application.get("/scopes").body();
			assertThat(JsonPath.<Object>read(json, "$.threshold")).isNull();
			assertThat(JsonPath.<Object>read(json, "$.scopes.list[0].thread")).isNull();
			HttpResponse<String> refused = application.post("/scopes/threshold", "{\"value\": \"2m\"}");
			assertThat(refused.statusCode()).isEqualTo(400);
			assertThat(refused.body()).contains("set scoped-async.leak-detection.level to simple");
			scope.close().block(Application.LIMIT);
		}
	}

	private static String keyOf(String key, String... arguments) {
		List<String> all = new ArrayList<>(List.of(arguments));
		all.add(Application.EXPOSED);
		try (Application application = Application.start(WebApplicationType.REACTIVE, all.toArray(String[]::new))) {
			Scope scope = application.bean(AsyncScopes.class).open("import");
			scope.enter(application.bean(KeyedLimiter.class).forKey(key)).block(Application.LIMIT);
			String shown = JsonPath.read(application.get("/scopes").body(), "$.scopes.list[0].keys.tenant-limit");
			scope.close().block(Application.LIMIT);
			return shown;
		}
	}

}
