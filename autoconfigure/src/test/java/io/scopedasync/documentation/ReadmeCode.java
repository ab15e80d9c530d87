package io.scopedasync.documentation;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The code of the README, block by block.
 *
 * @param line the number of the line where it begins
 * @param text the code
 */
record ReadmeCode(int line, String text) {

	/** All blocks of a language from a line on. */
	static List<ReadmeCode> of(String language, List<String> readme, int from) {
		List<ReadmeCode> blocks = new ArrayList<>();
		for (int i = from; i < readme.size(); i++) {
			if (readme.get(i).equals("```" + language)) {
				List<String> rest = readme.subList(i + 1, readme.size());
				blocks.add(new ReadmeCode(i + 2, String.join("\n", rest.subList(0, rest.indexOf("```")))));
			}
		}
		assertThat(blocks).as("README.md has %s after line %s", language, from + 1).isNotEmpty();
		return blocks;
	}

	static void compile(Path directory, Path... sources) throws IOException {
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
