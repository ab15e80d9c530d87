package io.scopedasync.actuate;

import com.jayway.jsonpath.JsonPath;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.boot.WebApplicationType;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Health as a caller sees it.
 */
class ScopesHealthHttpTests {

	@ParameterizedTest
	@EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
	void isPartOfHealthButNotOfTheProbes(WebApplicationType type) {
		try (Application application = Application.start(type, "--management.endpoint.health.show-details=always",
				"--scoped-async.health.max-suspects=1")) {
			assertThat(JsonPath.<String>read(application.get("/health").body(), "$.components.scopedAsync.status"))
				.isEqualTo("UP");
			Scope scope = application.bean(AsyncScopes.class).open("import");
			application.bean(Leaks.class).report(Leak.of(LeakReason.OVERDUE, scope), "Give it a limit.");
			assertThat(application.get("/health").statusCode()).isEqualTo(503);
			assertThat(JsonPath.<Integer>read(application.get("/health").body(),
					"$.components.scopedAsync.details.suspects"))
				.isOne();
			assertThat(application.get("/health/liveness").statusCode()).isEqualTo(200);
			assertThat(application.get("/health/readiness").statusCode()).isEqualTo(200);
			scope.close().block(Application.LIMIT);
			assertThat(application.get("/health").statusCode()).isEqualTo(200);
		}
	}

}
