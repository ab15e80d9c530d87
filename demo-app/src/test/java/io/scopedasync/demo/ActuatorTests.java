package io.scopedasync.demo;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import io.scopedasync.leak.LeakReason;
import io.scopedasync.test.ExpectedLeaks;
import io.scopedasync.test.NoLeakedScopes;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.webtestclient.autoconfigure.AutoConfigureWebTestClient;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the gateway shows of itself.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@AutoConfigureWebTestClient(timeout = "60s")
class ActuatorTests {

	private static final Pattern MAX = Pattern.compile("\"statistic\":\"MAX\",\"value\":([0-9.E-]+)");

	@Autowired
	private WebTestClient web;

	@Test
	void prometheusSeesScopesAndResources() {
		get("/quotes?symbols=A,B");
		assertThat(get("/actuator/prometheus")).contains("scoped_async_scope_seconds_count")
			.as("no second timer, of observations")
			.doesNotContain("scoped_async_seconds_count")
			.contains("scoped_async_acquire_seconds_count")
			.contains("scoped_async_release_seconds_count")
			.contains("scoped_async_resource_max{name=\"quotes-limit\"")
			.contains("scoped_async_resource_active{name=\"quotes\"")
			.contains("scoped_async_leaks_total");
	}

	@Test
	void exposesHealthInfoAndMetrics() {
		get("/quotes?symbols=A");
		assertThat(get("/actuator/health")).contains("\"status\":\"UP\"");
		assertThat(get("/actuator/info")).contains("java");
		assertThat(get("/actuator/metrics")).contains("scoped.async.scope");
	}

	@Test
	void showsItsScopesAndTheirPage() {
		assertThat(get("/actuator/scopes")).contains("\"name\":\"quotes-limit\",\"type\":\"limiter\"")
			.contains("\"name\":\"quotes\",\"type\":\"session\"")
			.contains("\"threshold\":\"PT3S\"");
		assertThat(get("/actuator/scopes/ui")).containsIgnoringCase("<!doctype html>");
		assertThat(get("/actuator/health")).contains("\"scopedAsync\":{");
	}

	@Test
	void timersTellHowLongTheWaitWas() {
		get("/seeds/semaphore");
		get("/quotes?symbols=A,B,C,D,E,F,G,H,I,J,K,L");
		assertThat(longest("fetch-limit")).isBetween(0.1, 30.0);
		assertThat(longest("quotes-limit")).isBetween(0.01, 30.0);
		assertThat(longest("quotes")).isBetween(0.0, 30.0);
	}

	@Test
	@NoLeakedScopes(grace = "10s")
	@ExpectedLeaks(LeakReason.OVERDUE)
	void stateShowsLimitersSessionsAndTheScopeThatIsHeldTooLong(@LocalServerPort int port) {
		this.web.post().uri("/hold?millis=1").exchange().expectStatus().isOk();
		assertThat(get("/state")).contains("\"quotes-limit\":{\"total\":10,\"borrowed\":0,\"waiting\":0")
			.contains("\"sessions\":{\"quotes\":{\"max\":10");
		// For longer than any sweep may be late.
		Disposable held = WebClient.create("http://localhost:" + port)
			.post()
			.uri("/hold?millis=600000")
			.retrieve()
			.toBodilessEntity()
			.subscribe();
		Awaitility.await()
			.atMost(Duration.ofSeconds(60))
			.untilAsserted(() -> assertThat(get("/state")).containsPattern("\"overdue\":[1-9]"));
		held.dispose();
	}

	private double longest(String resource) {
		String metric = get("/actuator/metrics/scoped.async.acquire?tag=name:" + resource);
		Matcher max = MAX.matcher(metric);
		assertThat(max.find()).as(metric).isTrue();
		return Double.parseDouble(max.group(1));
	}

	private String get(String uri) {
		return this.web.get()
			.uri(uri)
			.exchange()
			.expectStatus()
			.isOk()
			.expectBody(String.class)
			.returnResult()
			.getResponseBody();
	}

}
