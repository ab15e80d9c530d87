package io.scopedasync.test;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Compiles the test of the README beside the service of the README, and runs it.
 */
class ReadmeTests {

	private static final String IMPORTS = """
			package readme;

			import io.scopedasync.annotation.ScopedAsync;
			import io.scopedasync.limiter.Limiter;
			import io.scopedasync.test.*;
			import org.junit.jupiter.api.AutoClose;
			import org.junit.jupiter.api.Test;
			import org.springframework.beans.factory.annotation.Autowired;
			import org.springframework.beans.factory.annotation.Qualifier;
			import org.springframework.boot.test.context.SpringBootTest;
			import org.springframework.stereotype.Service;
			import org.springframework.test.context.DynamicPropertyRegistry;
			import org.springframework.test.context.DynamicPropertySource;
			import org.springframework.web.reactive.function.client.WebClient;
			import reactor.core.publisher.Mono;

			import static io.scopedasync.test.ScopedAsyncAssertions.assertThat;
			import static io.scopedasync.test.ScopedAsyncAssertions.assertThatScoped;
			import static org.assertj.core.api.Assertions.assertThat;

			""";

	private static final String APPLICATION = """
			package readme;

			@org.springframework.boot.autoconfigure.SpringBootApplication
			class Application {
			}
			""";

	@Test
	void theTestOfTheReadmeSucceedsAsItStandsThere(@TempDir Path directory) throws Exception {
		List<String> readme = readme();
		int service = readme.indexOf("<!-- ten-lines -->");
		int test = readme.indexOf("<!-- in-your-tests -->");
		compile(directory,
				Files.writeString(directory.resolve("QuoteService.java"), IMPORTS + block("java", readme, service)),
				Files.writeString(directory.resolve("QuoteServiceTests.java"), IMPORTS + block("java", readme, test)),
				Files.writeString(directory.resolve("Application.java"), APPLICATION));
		// However slow the machine is, none of the limits passes meanwhile.
		Files.writeString(directory.resolve("application.yml"),
				block("yaml", readme, service).replaceAll("timeout: \\d+s", "timeout: 10m"));
		Thread thread = Thread.currentThread();
		ClassLoader before = thread.getContextClassLoader();
		try (URLClassLoader loader = new URLClassLoader(new URL[] { directory.toUri().toURL() }, before)) {
			// Spring looks there for the application and its properties.
			thread.setContextClassLoader(loader);
			Fixture.run(loader.loadClass("readme.QuoteServiceTests")).succeeds();
		}
		finally {
			thread.setContextClassLoader(before);
		}
	}

	private static List<String> readme() throws IOException {
		Path directory = Path.of("").toAbsolutePath();
		while (!Files.exists(directory.resolve("CONTRIBUTING.md"))) {
			directory = directory.getParent();
			assertThat(directory).as("run within the project").isNotNull();
		}
		return Files.readAllLines(directory.resolve("README.md"));
	}

	private static String block(String language, List<String> lines, int from) {
		assertThat(from).as("README.md has the section").isNotNegative();
		List<String> rest = lines.subList(from, lines.size());
		List<String> code = rest.subList(rest.indexOf("```" + language) + 1, rest.size());
		return String.join("\n", code.subList(0, code.indexOf("```")));
	}

	private static void compile(Path directory, Path... sources) throws IOException {
		JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
		StringWriter messages = new StringWriter();
		try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
			boolean compiled = compiler
				.getTask(messages, files, null, List.of("-proc:none", "-d", directory.toString()), null,
						files.getJavaFileObjects(sources))
				.call();
			assertThat(compiled).as("the code of README.md compiles: %s", messages).isTrue();
		}
	}

}
