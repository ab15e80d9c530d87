package io.scopedasync.documentation;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every piece of code in the README compiles as it stands there, in a class that has what
 * it takes for granted ({@code readme/World.java}).
 */
class ReadmeCodeTests {

	private static final String IMPORTS = """
			package readme;

			import java.time.Duration;
			import java.util.List;

			import io.scopedasync.*;
			import io.scopedasync.annotation.*;
			import io.scopedasync.server.*;
			import org.springframework.context.annotation.Bean;
			import org.springframework.stereotype.Component;
			import org.springframework.web.bind.annotation.GetMapping;
			import reactor.core.publisher.Mono;
			import reactor.netty.tcp.TcpServer;

			import static java.time.Duration.ofSeconds;

			""";

	/** A method or a class, unlike statements. */
	private static final Pattern MEMBER = Pattern.compile("^(@|[A-Z][\\w<>, ]* \\w+\\(.*\\) \\{)");

	@TempDir
	Path directory;

	@TestFactory
	Stream<DynamicTest> itCompiles() throws IOException {
		List<String> readme = ReadmeTable.lines();
		return ReadmeCode.of("java", readme, 0)
			.stream()
			.filter((code) -> !isRun(code))
			.map((code) -> DynamicTest.dynamicTest("line " + code.line(), () -> compile(code)));
	}

	@Test
	void whatDoesNotCompileIsFound() {
		assertThat(Stream.of("scopes.openn(\"x\");", "@Bean String name() { return 1; }"))
			.allSatisfy((text) -> assertThat(
					org.assertj.core.api.Assertions.catchThrowable(() -> compile(new ReadmeCode(1, text))))
				.isInstanceOf(AssertionError.class));
	}

	/** By {@link ReadmeTests}, and by those of the starter for tests. */
	private static boolean isRun(ReadmeCode code) {
		return code.text().contains("class QuoteService");
	}

	private void compile(ReadmeCode code) throws IOException {
		Path world = this.directory.resolve("World.java");
		try (InputStream source = Objects.requireNonNull(getClass().getResourceAsStream("/readme/World.java"))) {
			Files.write(world, source.readAllBytes());
		}
		Path source = Files.writeString(this.directory.resolve("Snippet.java"), IMPORTS + type(code.text()));
		ReadmeCode.compile(this.directory, world, source);
	}

	private static String type(String code) {
		StringBuilder members = new StringBuilder();
		StringBuilder statements = new StringBuilder();
		for (String paragraph : whole(code).split("\n\n")) {
			(MEMBER.matcher(paragraph).find() ? members : statements).append(paragraph).append("\n");
		}
		return "abstract class Snippet extends World {\n" + members + "void statements() throws Exception {\n"
				+ statements + "}\n}\n";
	}

	/** Three dots stand for a body that does not matter. */
	private static String whole(String code) {
		return code.replace("{ ... }", "{ throw new UnsupportedOperationException(); }")
			.replace("-> ...)", "-> Mono.empty())");
	}

}
