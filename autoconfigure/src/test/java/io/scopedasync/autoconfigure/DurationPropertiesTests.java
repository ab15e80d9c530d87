package io.scopedasync.autoconfigure;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.webclient.SessionResource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.http.client.autoconfigure.HttpClientAutoConfiguration;
import org.springframework.boot.http.client.autoconfigure.reactive.ReactiveHttpClientAutoConfiguration;
import org.springframework.boot.json.JsonParserFactory;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.webclient.autoconfigure.WebClientAutoConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.StreamUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every duration that a property can give, of any length: the application starts and
 * works, or the property is refused by its name.
 */
class DurationPropertiesTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	/** Beyond what nanoseconds, milliseconds or the calendar can count. */
	private static final List<String> LONG = List.of("PT9223372036854775807S", "9223372036854775807ms", "200000d",
			"106751d");

	private static final List<String> REFUSED = List.of("PT-9223372036854775808S", "-200000d", "-1s");

	private static final List<String> MALFORMED = List.of("9223372036854775807d", "99999999999999999999s", "soon");

	private static final Set<String> NAMED = Set.of("scoped-async.sessions.quotes.", "scoped-async.limiters.mail.",
			"scoped-async.locks.door.");

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(
				AutoConfigurations.of(HttpClientAutoConfiguration.class, ReactiveHttpClientAutoConfiguration.class,
						WebClientAutoConfiguration.class, ScopedAsyncAutoConfiguration.class,
						ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class,
						ScopedAsyncLifespanAutoConfiguration.class, ScopedAsyncSessionAutoConfiguration.class))
		.withUserConfiguration(Application.class)
		.withPropertyValues("scoped-async.limiters.mail.permits=1", "scoped-async.locks.door.keyed=false",
				"scoped-async.sessions.quotes.max-size=1", "spring.reactor.netty.shutdown-quiet-period=0s");

	/** Those that are documented, of the defaults also as those of one of them. */
	static Set<String> properties() throws IOException {
		Set<String> names = new TreeSet<>();
		for (URL url : Collections.list(DurationPropertiesTests.class.getClassLoader()
			.getResources("META-INF/spring-configuration-metadata.json"))) {
			try (InputStream content = url.openStream()) {
				Map<String, Object> metadata = JsonParserFactory.getJsonParser()
					.parseMap(StreamUtils.copyToString(content, StandardCharsets.UTF_8));
				for (Object property : (List<?>) metadata.get("properties")) {
					Map<?, ?> entry = (Map<?, ?>) property;
					String name = (String) entry.get("name");
					if ("java.time.Duration".equals(entry.get("type")) && name.startsWith("scoped-async.")) {
						names.add(name);
						names.add(name.replace("defaults.session.", "sessions.quotes.")
							.replace("defaults.limiter.", "limiters.mail.")
							.replace("defaults.lock.", "locks.door."));
					}
				}
			}
		}
		return names;
	}

	@Test
	void allOfThemAreKnown() throws IOException {
		assertThat(properties()).hasSizeGreaterThanOrEqualTo(30)
			.contains("scoped-async.release-timeout", "scoped-async.sessions.quotes.idle-time",
					"scoped-async.limiters.mail.acquire-timeout")
			.allMatch((name) -> !name.contains("sessions") || NAMED.stream().anyMatch(name::startsWith));
	}

	@ParameterizedTest
	@MethodSource("properties")
	void anApplicationWithAnEndlessOneWorksAndCloses(String property) {
		for (String value : LONG) {
			this.runner.withPropertyValues(property + "=" + value).run((context) -> {
				assertThat(context).as(value).hasNotFailed();
				use(context);
			});
		}
	}

	@Test
	void anApplicationWhereAllAreEndlessWorksAndCloses() throws IOException {
		String[] all = properties().stream().map((name) -> name + "=PT9223372036854775807S").toArray(String[]::new);
		this.runner.withPropertyValues(all).run((context) -> {
			assertThat(context).hasNotFailed();
			use(context);
		});
	}

	private static void use(AssertableApplicationContext context) {
		AsyncScopes scopes = context.getBean(AsyncScopes.class);
		Limiter mail = context.getBean("mail", Limiter.class);
		Mono<String> waits = Mono.delay(Duration.ofMillis(1)).thenReturn("held");
		List<Mono<String>> calls = List.of(scopes.use(mail, (permit) -> waits), scopes.use(mail, (permit) -> waits));
		assertThat(Mono.zip(calls, (values) -> values.length).block(BOUND)).isEqualTo(2);
		DisposableServer upstream = HttpServer.create()
			.host("127.0.0.1")
			.port(0)
			.handle((request, response) -> response.sendString(Mono.just("quote")))
			.bindNow(BOUND);
		try {
			assertThat(scopes
				.use(context.getBean("quotes", SessionResource.class),
						(session) -> session.client()
							.get()
							.uri("http://127.0.0.1:" + upstream.port())
							.retrieve()
							.bodyToMono(String.class))
				.block(BOUND)).isEqualTo("quote");
		}
		finally {
			upstream.disposeNow(BOUND);
		}
	}

	@ParameterizedTest
	@MethodSource("properties")
	void oneBelowZeroOrMalformedIsRefusedByItsNameAndValue(String property) {
		for (String value : Stream.concat(REFUSED.stream(), MALFORMED.stream()).toList()) {
			this.runner.withPropertyValues(property + "=" + value).run((context) -> {
				assertThat(context).as(value).hasFailed();
				assertThat(messages(context.getStartupFailure())).as(value).contains(property);
				if (MALFORMED.contains(value)) {
					assertThat(messages(context.getStartupFailure())).contains(value);
				}
				else {
					assertThat(messages(context.getStartupFailure())).contains(property + " is " + written(value));
				}
			});
		}
	}

	private static String written(String value) {
		return switch (value) {
			case "-1s" -> "-1000 ms";
			case "-200000d" -> "PT-4800000H";
			default -> "PT-2562047788015215H-30M-8S";
		};
	}

	private static String messages(@Nullable Throwable error) {
		List<String> messages = new ArrayList<>();
		for (Throwable one = error; one != null; one = one.getCause()) {
			messages.add(String.valueOf(one.getMessage()));
		}
		return messages.stream().collect(Collectors.joining("\n"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "9223372036854775807d", "99999999999999999999s", "PT-9223372036854775808S" })
	void anAnnotationsThatCannotBeCountedIsRefusedByItsValue(String value) {
		this.runner.withPropertyValues("limit=" + value).withUserConfiguration(Annotated.class).run((context) -> {
			assertThat(context).hasFailed();
			assertThat(messages(context.getStartupFailure())).contains("timeout '" + value + "'");
		});
	}

	@ParameterizedTest
	@ValueSource(strings = { "PT9223372036854775807S", "9223372036854775807ms" })
	void anAnnotationsThatIsEndlessIsNone(String value) {
		this.runner.withPropertyValues("limit=" + value).withUserConfiguration(Annotated.class).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(context.getBean(Annotated.class).call().block(BOUND)).isEqualTo("called");
		});
	}

	@Test
	void whatCodeGivesIsAsLongAsItCanBe() {
		Duration endless = Duration.ofSeconds(Long.MAX_VALUE);
		AsyncScopes scopes = AsyncScopes.builder().releaseTimeout(endless).shutdownTimeout(endless).build();
		ScopeSpec spec = ScopeSpec.of("endless")
			.timeout(endless)
			.acquireTimeout(endless)
			.bodyTimeout(endless)
			.releaseTimeout(endless)
			.leakThreshold(endless)
			.entering(Limiter.builder("limiter").permits(1).acquireTimeout(endless).build());
		assertThat(scopes.with(spec, (scope) -> Mono.delay(Duration.ofMillis(1))).block(BOUND)).isZero();
		scopes.close().block(BOUND);
	}

	@Configuration(proxyBeanMethods = false)
	static class Application {

	}

	static class Annotated {

		@ScopedAsync(value = "mail", timeout = "${limit}", acquireTimeout = "${limit}")
		Mono<String> call() {
			return Mono.just("called");
		}

	}

}
