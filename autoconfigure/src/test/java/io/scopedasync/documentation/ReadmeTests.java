package io.scopedasync.documentation;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.ScopeClock;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.autoconfigure.ScopedAsyncSessionAutoConfiguration;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.webclient.SessionResource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.boot.http.client.autoconfigure.HttpClientAutoConfiguration;
import org.springframework.boot.http.client.autoconfigure.reactive.ReactiveHttpClientAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.webclient.autoconfigure.WebClientAutoConfiguration;
import org.springframework.core.env.PropertySource;
import org.springframework.core.io.ByteArrayResource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Compiles the first code of the README and runs it as it stands there, with the YAML
 * beside it, against a real server.
 */
class ReadmeTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	/** What the README says of {@code permits}. */
	private static final int PERMITS = 10;

	private static final String IMPORTS = """
			package readme;

			import io.scopedasync.annotation.ScopedAsync;
			import org.springframework.beans.factory.annotation.Qualifier;
			import org.springframework.stereotype.Service;
			import org.springframework.web.reactive.function.client.WebClient;
			import reactor.core.publisher.Mono;

			""";

	@Test
	void theFirstCodeWorksAsItStandsThere(@TempDir Path directory) throws IOException {
		List<String> readme = ReadmeTable.lines();
		int start = readme.indexOf("<!-- ten-lines -->");
		assertThat(start).as("README.md has a line <!-- ten-lines -->").isNotNegative();
		Path source = directory.resolve("QuoteService.java");
		ReadmeCode.compile(directory, Files.writeString(source, IMPORTS + code("java", readme, start)));
		LoopResources threads = LoopResources.create("upstream", 1, true);
		Upstream upstream = new Upstream(threads);
		String yaml = code("yaml", readme, start);
		assertThat(yaml).contains("\"http://localhost:9000\"");
		try (URLClassLoader loader = new URLClassLoader(new URL[] { directory.toUri().toURL() },
				getClass().getClassLoader())) {
			run(loader, yaml.replace("http://localhost:9000", upstream.url()), upstream);
		}
		finally {
			upstream.server.disposeNow(BOUND);
			threads.disposeLater(Duration.ZERO, BOUND).block(BOUND);
		}
	}

	private static String code(String language, List<String> readme, int from) {
		return ReadmeCode.of(language, readme, from).get(0).text();
	}

	private static void run(ClassLoader loader, String yaml, Upstream upstream) throws IOException {
		List<PropertySource<?>> properties = new YamlPropertySourceLoader().load("README.md",
				new ByteArrayResource(yaml.getBytes(StandardCharsets.UTF_8)));
		new ApplicationContextRunner().withClassLoader(loader)
			.withConfiguration(AutoConfigurations.of(HttpClientAutoConfiguration.class,
					ReactiveHttpClientAutoConfiguration.class, WebClientAutoConfiguration.class,
					ScopedAsyncAutoConfiguration.class, ScopedAsyncSessionAutoConfiguration.class))
			.withInitializer((context) -> properties.forEach(context.getEnvironment().getPropertySources()::addLast))
			// However slow the machine is, none of the limits passes meanwhile.
			.withBean(ScopeClock.class, () -> ScopeClock.of(VirtualTimeScheduler.create()))
			.withSystemProperties("scoped-async.sessions.quotes.response-timeout=1m")
			.withUserConfiguration(load(loader))
			.run((context) -> {
				Object service = context.getBean(load(loader));
				// Nobody waits in the first round, which loads classes and connects.
				assertThat(quotes(service, PERMITS)).hasSize(PERMITS);
				assertThat(quotes(service, 4 * PERMITS)).hasSize(4 * PERMITS).contains("/quotes/S1");
				assertThat(upstream.most).hasValue(PERMITS);
				assertThat(context.getBean("quotes-limit", Limiter.class).statistics())
					.isEqualTo(new Limiter.Statistics(PERMITS, 0, 0));
				assertThat(context.getBean("quotes", SessionResource.class).statistics().active()).isZero();
			});
	}

	private static Class<?> load(ClassLoader loader) {
		try {
			return loader.loadClass("readme.QuoteService");
		}
		catch (ClassNotFoundException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static @Nullable List<String> quotes(Object service, int count) {
		return Flux.range(0, count).flatMap((number) -> quote(service, "S" + number), count).collectList().block(BOUND);
	}

	private static Mono<String> quote(Object service, String symbol) {
		try {
			Method method = service.getClass().getSuperclass().getDeclaredMethod("quote", String.class);
			method.setAccessible(true);
			return ((Mono<?>) method.invoke(service, symbol)).cast(String.class);
		}
		catch (ReflectiveOperationException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Answers when as many requests are there as may be there at once, so that fewer at
	 * once would wait in vain.
	 */
	private static final class Upstream {

		final DisposableServer server;

		final AtomicInteger most = new AtomicInteger();

		private final AtomicInteger running = new AtomicInteger();

		/** Guarded by this. */
		private List<Sinks.Empty<String>> held = new ArrayList<>();

		Upstream(LoopResources threads) {
			this.server = HttpServer.create()
				.runOn(threads)
				.host("127.0.0.1")
				.port(0)
				.route((routes) -> routes.get("/quotes/{symbol}",
						(request, response) -> response.sendString(answer(request.uri()))))
				.bindNow(BOUND);
		}

		String url() {
			return "http://127.0.0.1:" + this.server.port();
		}

		private Mono<String> answer(String uri) {
			this.most.accumulateAndGet(this.running.incrementAndGet(), Math::max);
			Sinks.Empty<String> answer = Sinks.empty();
			arrived(answer).forEach(Sinks.Empty::tryEmitEmpty);
			return answer.asMono().doFinally((signal) -> this.running.decrementAndGet()).defaultIfEmpty(uri);
		}

		private synchronized List<Sinks.Empty<String>> arrived(Sinks.Empty<String> answer) {
			this.held.add(answer);
			if (this.held.size() < PERMITS) {
				return List.of();
			}
			List<Sinks.Empty<String>> together = this.held;
			this.held = new ArrayList<>();
			return together;
		}

	}

}
