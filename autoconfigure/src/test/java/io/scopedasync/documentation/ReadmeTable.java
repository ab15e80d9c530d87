package io.scopedasync.documentation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The tables of a README between {@code <!-- name -->} and {@code <!-- /name -->}, row by
 * row.
 */
final class ReadmeTable {

	private final String name;

	private final List<String> lines;

	private ReadmeTable(String name, List<String> lines) {
		this.name = name;
		this.lines = lines;
	}

	/**
	 * Reads the README of the project.
	 */
	static ReadmeTable read(String name) throws IOException {
		List<String> all = lines();
		int start = all.indexOf("<!-- " + name + " -->");
		int end = all.indexOf("<!-- /" + name + " -->");
		assertThat(start).as("README.md has a line <!-- %s --> before its table", name).isNotNegative();
		assertThat(end).as("README.md has a line <!-- /%s --> after its table", name).isGreaterThan(start);
		return new ReadmeTable(name, all.subList(start + 1, end));
	}

	/** All of the README. */
	static List<String> lines() throws IOException {
		Path directory = Path.of("").toAbsolutePath();
		while (!Files.exists(directory.resolve("CONTRIBUTING.md"))) {
			directory = directory.getParent();
			assertThat(directory).as("run within the project").isNotNull();
		}
		return Files.readAllLines(directory.resolve("README.md"));
	}

	/**
	 * Compares the rows of all tables in the section; their order, headings and grouping
	 * are the author's.
	 */
	void hasExactly(Stream<String> expected) {
		List<String> rows = expected.toList();
		List<String> found = this.lines.stream().filter((line) -> line.startsWith("| `")).toList();
		assertThat(found)
			.as("rows of the section <!-- %s --> of README.md, which should be:%n%s%n", this.name,
					rows.stream().collect(Collectors.joining(System.lineSeparator())))
			.containsExactlyInAnyOrderElementsOf(rows);
	}

	static String row(String... cells) {
		return Stream.of(cells).map((cell) -> cell.replace("|", "\\|")).collect(Collectors.joining(" | ", "| ", " |"));
	}

	static String code(String text) {
		return "`" + text + "`";
	}

}
