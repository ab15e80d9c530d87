package io.scopedasync.actuate;

import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.jayway.jsonpath.JsonPath;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeSpec;
import io.scopedasync.leak.Leak;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the endpoint answers, whichever web stack it is served by.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ScopesEndpointContract {

	private Application application;

	private AsyncScopes scopes;

	private Leaks leaks;

	/** A scope that nobody refers to any more is lost, and not open. */
	private final List<Scope> opened = new ArrayList<>();

	abstract Application start();

	@BeforeAll
	void begin() {
		this.application = start();
		this.scopes = this.application.bean(AsyncScopes.class);
		this.leaks = this.application.bean(Leaks.class);
	}

	@AfterEach
	void leaveNothingOpen() {
		this.scopes.openScopes().forEach((scope) -> scope.cancel("the test is over").block(Application.LIMIT));
		this.opened.clear();
		this.application.bean(Limiter.class).resize(1);
		this.application.bean(KeyedLimiter.class).resize(1);
		this.leaks.clear();
	}

	@AfterAll
	void end() {
		this.application.close();
	}

	@Test
	void showsAScopeAndWhatItHolds() {
		Scope outer = open("import");
		Scope inner = outer.child("row");
		inner.enter(this.application.bean(Limiter.class)).block(Application.LIMIT);
		String json = ok("/scopes");
		assertThat(JsonPath.<String>read(json, "$.threshold")).isEqualTo("PT1M");
		assertThat(JsonPath.<Integer>read(json, "$.scopes.count")).isEqualTo(2);
		assertThat(JsonPath.<List<String>>read(json, "$.scopes.list[*].name")).containsExactly("import", "row");
		Map<String, Object> row = JsonPath.read(json, "$.scopes.list[1]");
		assertThat(row).containsOnlyKeys("id", "name", "state", "phase", "ageMillis", "remainingMillis", "resources",
				"keys", "thread", "traceId", "parent", "depth", "suspect", "callSite");
		assertThat(((Number) row.get("id")).longValue()).isEqualTo(inner.id());
		assertThat(((Number) row.get("parent")).longValue()).isEqualTo(outer.id());
		assertThat(row).containsEntry("state", "RUNNING")
			.containsEntry("phase", "body")
			.containsEntry("remainingMillis", null)
			.containsEntry("resources", List.of("quotes-limit"))
			.containsEntry("keys", Map.of())
			.containsEntry("thread", Thread.currentThread().getName())
			.containsEntry("depth", 1)
			.containsEntry("suspect", false);
		assertThat(JsonPath.<Object>read(json, "$.scopes.list[0].parent")).isNull();
	}

	@Test
	void showsResourcesAndWhoWaitsForThem() {
		open("holder").enter(this.application.bean(Limiter.class)).block(Application.LIMIT);
		Disposable waiter = this.scopes.use(this.application.bean(Limiter.class), (permit) -> Mono.never())
			.onErrorComplete()
			.subscribe();
		String json = ok("/scopes");
		assertThat(JsonPath.<List<Map<String, Object>>>read(json, "$.resources")).contains(
				Map.of("name", "quotes-limit", "type", "limiter", "active", 1, "pending", 1, "max", 1, "idle", 0),
				Map.of("name", "tenant-limit", "type", "keyed-limiter", "active", 0, "pending", 0, "max", 0, "idle",
						0));
		assertThat(JsonPath.<List<String>>read(json, "$.scopes.list[?(@.state == 'ENTERING')].phase"))
			.containsExactly("waiting");
		waiter.dispose();
	}

	@Test
	void showsWhatIsLeftOfADeadline() {
		Disposable running = this.scopes
			.with(ScopeSpec.of("limited").timeout(Duration.ofMinutes(5)), (scope) -> Mono.never())
			.onErrorComplete()
			.subscribe();
		assertThat(JsonPath.<Integer>read(ok("/scopes"), "$.scopes.list[0].remainingMillis")).isBetween(1, 300_000);
		running.dispose();
	}

	@Test
	void filtersByPartOfTheNameWhateverItsCase() {
		open("QuoteService.quote");
		open("import");
		String json = ok("/scopes?name=quote");
		assertThat(JsonPath.<Integer>read(json, "$.scopes.count")).isOne();
		assertThat(JsonPath.<String>read(json, "$.scopes.list[0].name")).isEqualTo("QuoteService.quote");
	}

	@Test
	void filtersByStateAndAge() {
		open("import");
		assertThat(count("?state=running")).isOne();
		assertThat(count("?state=ENTERING")).isZero();
		assertThat(count("?minAge=0s")).isOne();
		assertThat(count("?minAge=1h")).isZero();
		assertThat(count("?minAge=PT1H")).isZero();
	}

	@Test
	void countsAlsoThoseBeyondTheLimit() {
		open("first");
		open("second");
		String json = ok("/scopes?limit=1");
		assertThat(JsonPath.<Integer>read(json, "$.scopes.count")).isEqualTo(2);
		assertThat(JsonPath.<List<String>>read(json, "$.scopes.list[*].name")).containsExactly("first");
	}

	@Test
	void showsOneScope() {
		Scope scope = open("import");
		for (String accept : List.of("application/json", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8")) {
			HttpResponse<String> response = this.application.get("/scopes/" + scope.id(), accept);
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.headers().firstValue("Content-Type")).hasValue("application/json");
			assertThat(JsonPath.<String>read(response.body(), "$.name")).isEqualTo("import");
		}
		scope.close().block(Application.LIMIT);
		assertThat(this.application.get("/scopes/" + scope.id()).statusCode()).isEqualTo(404);
	}

	@ParameterizedTest
	@ValueSource(strings = { "text/html", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" })
	void showsThePage(String accept) {
		HttpResponse<String> response = this.application.get("/scopes/ui", accept);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Type")).hasValueSatisfying(
				(type) -> assertThat(type.replace(" ", "")).isEqualToIgnoringCase("text/html;charset=UTF-8"));
		assertThat(response.body()).containsIgnoringCase("<!doctype html>");
	}

	@Test
	void resizesALimiter() {
		assertThat(this.application.post("/scopes/quotes-limit", "{\"permits\": 5}").statusCode()).isEqualTo(204);
		assertThat(this.application.bean(Limiter.class).total()).isEqualTo(5);
		assertThat(this.application.post("/scopes/tenant-limit", "{\"permits\": 7}").statusCode()).isEqualTo(204);
		assertThat(this.application.bean(KeyedLimiter.class).total()).isEqualTo(7);
	}

	@Test
	void changesTheThreshold() {
		LeakDetector detector = this.application.bean(LeakDetector.class);
		assertThat(this.application.post("/scopes/threshold", "{\"value\": \"2m\"}").statusCode()).isEqualTo(204);
		assertThat(detector.threshold()).isEqualTo(Duration.ofMinutes(2));
		assertThat(JsonPath.<String>read(ok("/scopes"), "$.threshold")).isEqualTo("PT2M");
		detector.setThreshold(Duration.ofMinutes(1));
	}

	@Test
	void cancelsAScope() {
		AsyncScopes scopes = this.scopes;
		var failed = scopes.with(ScopeSpec.of("endless"), (scope) -> Mono.never())
			.onErrorResume(ScopeClosedException.class, Mono::just)
			.toFuture();
		String path = "/scopes/" + scopes.openScopes().get(0).id();
		assertThat(this.application.delete(path).statusCode()).isEqualTo(204);
		assertThat(failed).succeedsWithin(Application.LIMIT)
			.asString()
			.contains("'endless' was cancelled: cancelled by an operator");
		assertThat(this.application.delete(path).statusCode()).isEqualTo(404);
	}

	@Test
	void showsAndForgetsWhatWasReported() {
		Scope scope = open("import");
		long before = this.leaks.count(LeakReason.OVERDUE);
		this.leaks.report(Leak.of(LeakReason.OVERDUE, scope), "Give it a limit.");
		String json = ok("/scopes");
		assertThat(JsonPath.<Boolean>read(json, "$.scopes.list[0].suspect")).isTrue();
		assertThat(JsonPath.<Integer>read(json, "$.leaks.counts.overdue")).isEqualTo((int) before + 1);
		assertThat(JsonPath.<Map<String, Object>>read(json, "$.leaks.counts")).hasSize(LeakReason.values().length);
		Map<String, Object> site = JsonPath.read(json, "$.leaks.sites[0]");
		assertThat(site).containsEntry("reason", "overdue")
			.containsEntry("name", "import")
			.containsEntry("count", 1)
			.containsEntry("recovered", 0)
			.containsEntry("advice", "Give it a limit.");
		assertThat(Instant.parse((String) site.get("last"))).isBeforeOrEqualTo(Instant.now());
		assertThat(JsonPath.<Map<String, Object>>read(json, "$.leaks.sites[0].latest[0]")).containsOnlyKeys("id",
				"ageMillis", "state", "resources", "parents", "thread", "detail", "callSite", "deadlock");
		assertThat(this.application.delete("/scopes").statusCode()).isEqualTo(204);
		assertThat(JsonPath.<List<Object>>read(ok("/scopes"), "$.leaks.sites")).isEmpty();
		this.leaks.recovered(this.leaks.suspects().get(scope.id()), Duration.ZERO);
	}

	@Test
	void showsNoKeyAndNoAddressUnlessAsked() {
		Scope scope = open("import");
		scope.enter(this.application.bean(KeyedLimiter.class).forKey("tenant-s3cret")).block(Application.LIMIT);
		this.leaks.report(Leak.of(LeakReason.UNREAD_BODY, "quotes", "GET http://s3cret.example/?token=s3cret"), "");
		String json = ok("/scopes");
		assertThat(json).doesNotContain("s3cret").doesNotContain("http:");
		assertThat(JsonPath.<String>read(json, "$.scopes.list[0].keys.tenant-limit")).isEqualTo("******");
		assertThat(JsonPath.<String>read(json, "$.leaks.sites[0].latest[0].detail")).isEqualTo("******");
		assertThat(ok("/scopes/" + scope.id())).contains("******").doesNotContain("s3cret");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			?state=CLOSED | state is 'CLOSED'. Write ENTERING, RUNNING or RELEASING.
			?minAge=soon  | minAge is 'soon'. Write a duration, such as 30s.
			?minAge=-1s   | minAge is '-1s'. Write a duration, such as 30s.
			?limit=-1     | limit is '-1'. Write a whole number, 0 or more, such as 100.
			?limit=many   | limit is 'many'. Write a whole number, 0 or more, such as 100.
			/first        | id is 'first'. Write the number of an open scope
			""")
	void saysWhatIsWrongWithAQuestion(String uri, String message) {
		refuses(this.application.get("/scopes" + uri), message);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					quotes-limit | {"permits": -1}               | permits is '-1'. Write a whole number, 0 or more
					quotes-limit | {"permits": 1.5}              | permits is '1.5'. Write a whole number
					quotes-limit | {"permits": "many"}           | permits is 'many'. Write a whole number
					quotes-limit | {"permits": 99999999999}      | permits is '99999999999'. Write a whole number
					quotes-limit | {}                            | permits and value are missing. Write {"permits": 5}
					quotes-limit | {"permits": 1, "value": "2m"} | permits and value are both given.
					quotes-limit | {"value": "2m"}               | resource is 'quotes-limit'. Only 'threshold' has a value
					none         | {"permits": 1}                | resource is 'none'. Write the name of a limiter, of which there are [quotes-limit, tenant-limit].
					threshold    | {"value": "0s"}               | value is '0s'. Write a duration of more than zero, such as 2m.
					threshold    | {"value": "soon"}             | value is 'soon'. Write a duration of more than zero
					""")
	void saysWhatIsWrongWithAChange(String resource, String body, String message) {
		refuses(this.application.post("/scopes/" + resource, body), message);
		assertThat(this.application.bean(Limiter.class).total()).isOne();
	}

	@ParameterizedTest
	@ValueSource(strings = { "[]", "{", "{\"permits\": {\"a\": 1}}" })
	void refusesWhatIsNoChangeAtAll(String body) {
		assertThat(this.application.post("/scopes/quotes-limit", body).statusCode()).isEqualTo(400);
		assertThat(this.application.bean(Limiter.class).total()).isOne();
	}

	@Test
	void cancelsNothingWithoutANumber() {
		refuses(this.application.delete("/scopes/ui"), "id is 'ui'. Write the number of an open scope");
	}

	private Scope open(String name) {
		Scope scope = this.scopes.open(name);
		this.opened.add(scope);
		return scope;
	}

	private String ok(String path) {
		HttpResponse<String> response = this.application.get(path);
		assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
		return response.body();
	}

	private int count(String query) {
		return JsonPath.read(ok("/scopes" + query), "$.scopes.count");
	}

	private static void refuses(HttpResponse<String> response, String message) {
		assertThat(response.statusCode()).as(response.body()).isEqualTo(400);
		assertThat(JsonPath.<String>read(response.body(), "$.message")).startsWith(message);
	}

}
