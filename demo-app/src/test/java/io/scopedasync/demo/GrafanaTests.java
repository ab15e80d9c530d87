package io.scopedasync.demo;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import io.scopedasync.leak.LeakReason;
import io.scopedasync.micrometer.ScopedAsyncMeters;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.webtestclient.autoconfigure.AutoConfigureWebTestClient;
import org.springframework.test.web.reactive.server.WebTestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * The dashboard and the alerts ask for what the running gateway shows, and for nothing
 * else.
 */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@AutoConfigureWebTestClient(timeout = "60s")
class GrafanaTests {

	private static final Path DASHBOARD = Path.of("grafana", "dashboard.json");

	private static final Path ALERTS = Path.of("grafana", "alerts.yaml");

	private static final Pattern LABEL_VALUES = Pattern.compile("label_values\\((.*), *(\\w+)\\)");

	private static final Pattern LABEL_IN_LEGEND = Pattern.compile("\\{\\{ *(?:\\$labels\\.)?(\\w+) *}}");

	private static final Pattern REASON = Pattern.compile("reason=\"([^\"]+)\"");

	@Autowired
	private WebTestClient web;

	private Scrape scrape;

	@BeforeEach
	void scrape() {
		get("/quotes?symbols=A");
		this.scrape = new Scrape(get("/actuator/prometheus"));
	}

	@Test
	void theDashboardAsksForWhatTheGatewayShows() {
		assertThat(dashboardQueries()).hasSizeGreaterThan(15).allSatisfy(this.scrape::answers);
	}

	@Test
	void theDashboardShowsEveryMeter() {
		List<String> shown = dashboardQueries().stream().flatMap((query) -> query.metrics().stream()).toList();
		assertThat(ScopedAsyncMeters.values()).allSatisfy((meter) -> assertThat(shown)
			.anyMatch((metric) -> metric.matches(meter.getName().replace('.', '_') + "(_seconds.*|_total)?")));
	}

	@Test
	void theAlertsAskForWhatTheGatewayShows() throws IOException {
		List<Query> queries = alerts().stream()
			.map((alert) -> new Query(alert.get("expr").toString(), labels(LABEL_IN_LEGEND, alert.toString())))
			.toList();
		assertThat(queries).hasSizeGreaterThan(10).allSatisfy(this.scrape::answers);
	}

	@Test
	void everyReasonOfALeakHasAnAlert() throws IOException {
		Set<String> reasons = new HashSet<>();
		for (Map<String, Object> alert : alerts()) {
			reasons.addAll(labels(REASON, alert.get("expr").toString()));
		}
		assertThat(reasons)
			.containsExactlyInAnyOrderElementsOf(Arrays.stream(LeakReason.values()).map(LeakReason::tag).toList());
	}

	@Test
	void everyAlertSaysWhatHappenedAndWhatToDo() throws IOException {
		assertThat(alerts()).allSatisfy((alert) -> {
			assertThat(alert.get("labels")).asString().contains("severity=");
			assertThat(alert.get("annotations")).asInstanceOf(InstanceOfAssertFactories.map(String.class, String.class))
				.containsOnlyKeys("summary", "description")
				.allSatisfy((key, text) -> assertThat(text).isNotBlank());
		});
		assertThat(alerts()).extracting((alert) -> alert.get("alert")).doesNotHaveDuplicates();
	}

	@Test
	void prometheusAcceptsTheAlertsAndFiresThem(@TempDir Path directory) throws Exception {
		assumeTrue(
				Stream.of(System.getenv("PATH").split(":"))
					.anyMatch((entry) -> Files.isExecutable(Path.of(entry, "promtool"))),
				"needs promtool: apt-get install prometheus");
		promtool(directory, "check", "rules", ALERTS.toString());
		promtool(directory, "test", "rules", Path.of("src", "test", "resources", "alerts-test.yaml").toString());
	}

	private static void promtool(Path directory, String... arguments) throws Exception {
		List<String> command = new ArrayList<>(List.of("promtool"));
		command.addAll(List.of(arguments));
		Path output = directory.resolve("output");
		Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
		try {
			assertThat(process.waitFor(Duration.ofSeconds(30).toSeconds(), TimeUnit.SECONDS)).as("%s ended", command)
				.isTrue();
		}
		finally {
			process.destroyForcibly();
		}
		assertThat(process.exitValue()).as("%s: %s", command, Files.readString(output)).isZero();
	}

	private static List<Query> dashboardQueries() {
		List<Query> queries = new ArrayList<>();
		JsonNode dashboard = JsonMapper.shared().readTree(DASHBOARD.toFile());
		for (JsonNode panel : dashboard.get("panels")) {
			for (JsonNode target : panel.path("targets")) {
				queries.add(new Query(target.get("expr").asString(),
						labels(LABEL_IN_LEGEND, target.get("legendFormat").asString())));
			}
		}
		for (JsonNode variable : dashboard.get("templating").get("list")) {
			Matcher values = LABEL_VALUES.matcher(variable.path("definition").asString(""));
			if (values.matches()) {
				queries.add(new Query(values.group(1), Set.of(values.group(2))));
			}
		}
		return queries;
	}

	@SuppressWarnings("unchecked")
	private static List<Map<String, Object>> alerts() throws IOException {
		List<Map<String, Object>> alerts = new ArrayList<>();
		try (Reader reader = Files.newBufferedReader(ALERTS)) {
			Map<String, List<Map<String, Object>>> file = new Yaml().load(reader);
			for (Map<String, Object> group : file.get("groups")) {
				alerts.addAll((List<Map<String, Object>>) group.get("rules"));
			}
		}
		return alerts;
	}

	private static Set<String> labels(Pattern pattern, String text) {
		Set<String> labels = new HashSet<>();
		Matcher matcher = pattern.matcher(text);
		while (matcher.find()) {
			labels.add(matcher.group(1));
		}
		return labels;
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

	/**
	 * A query, and the labels that are read from its result.
	 */
	private record Query(String expression, Set<String> labelsRead) {

		private static final Pattern SELECTOR = Pattern.compile("(?<!\\w)(\\w+_\\w+)(?:\\{([^}]*)})?(?![\\w(])");

		private static final Pattern MATCHER = Pattern.compile("(\\w+) *(=~|!~|!=|=) *\"([^\"]*)\"");

		private static final Pattern GROUPING = Pattern.compile("\\bby *\\(([^)]*)\\)");

		private static final Set<String> LANGUAGE = Set.of("sum", "max", "rate", "increase", "and");

		List<String> metrics() {
			return SELECTOR.matcher(withoutRanges()).results().map((selector) -> selector.group(1)).toList();
		}

		private String withoutRanges() {
			return this.expression.replaceAll("\\[[^]]*]", "");
		}

		void isAnsweredBy(Map<String, Map<String, Set<String>>> series) {
			assertThat(metrics()).as(this.expression).isNotEmpty();
			Set<String> common = new HashSet<>();
			series.values().forEach((labels) -> common.addAll(labels.keySet()));
			Matcher selector = SELECTOR.matcher(withoutRanges());
			while (selector.find()) {
				Map<String, Set<String>> labels = series.get(selector.group(1));
				assertThat(labels).as("series %s of %s", selector.group(1), this.expression).isNotNull();
				common.retainAll(labels.keySet());
				if (selector.group(2) != null) {
					matchersFind(selector.group(2), labels);
				}
			}
			Matcher grouping = GROUPING.matcher(this.expression);
			boolean grouped = this.expression.matches("(sum|max)\\b.*");
			Set<String> left = grouped ? new HashSet<>() : common;
			while (grouping.find()) {
				List<String> by = List.of(grouping.group(1).split(", *"));
				assertThat(common).as(this.expression).containsAll(by);
				left.addAll(by);
			}
			Set<String> read = new HashSet<>(this.labelsRead);
			read.remove("value");
			assertThat(left).as("labels left by %s", this.expression).containsAll(read);
			String rest = GROUPING.matcher(SELECTOR.matcher(withoutRanges()).replaceAll("")).replaceAll("");
			assertThat(Stream.of(rest.split("[^A-Za-z_]+")).filter((word) -> !word.isEmpty())).as(this.expression)
				.isSubsetOf(LANGUAGE);
		}

		private void matchersFind(String matchers, Map<String, Set<String>> labels) {
			Matcher matcher = MATCHER.matcher(matchers);
			int found = 0;
			while (matcher.find()) {
				found++;
				assertThat(labels).as(this.expression).containsKey(matcher.group(1));
				if (!matcher.group(3).startsWith("$")) {
					assertThat(labels.get(matcher.group(1))).as(this.expression)
						.containsAll(List.of(matcher.group(3).split("\\|")));
				}
			}
			assertThat(found).as(this.expression).isEqualTo(matchers.split(",").length);
		}

	}

	/**
	 * What the gateway shows: series by name, their labels and the values of these.
	 */
	private static final class Scrape {

		private static final Pattern SERIES = Pattern.compile("^(\\w+)(?:\\{(.*)})? .*$", Pattern.MULTILINE);

		private static final Pattern LABEL = Pattern.compile("(\\w+)=\"([^\"]*)\"");

		private final Map<String, Map<String, Set<String>>> series = new TreeMap<>();

		Scrape(String text) {
			Matcher matcher = SERIES.matcher(text);
			while (matcher.find()) {
				Map<String, Set<String>> labels = this.series.computeIfAbsent(matcher.group(1),
						(name) -> new TreeMap<>());
				Matcher label = LABEL.matcher((matcher.group(2) != null) ? matcher.group(2) : "");
				while (label.find()) {
					labels.computeIfAbsent(label.group(1), (name) -> new HashSet<>()).add(label.group(2));
				}
			}
		}

		void answers(Query query) {
			query.isAnsweredBy(this.series);
		}

	}

}
