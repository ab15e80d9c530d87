package io.scopedasync;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds the cases that are promised against those that a test shows.
 */
class CaseCoverageTests {

	private static final int[] SCOPE_BASICS = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19 };

	private static final int[] COMPOSITION = { 21, 22, 23, 24, 25, 26, 27, 29, 30, 32, 33, 34, 35, 36, 38, 39 };

	private static final int[] SUPPRESSION = { 40, 41, 42, 43, 44, 45, 47, 49, 50, 51, 52, 53, 54 };

	private static final int[] CANCELLATION = { 55, 56, 57, 58, 59, 61, 62, 63, 64, 66, 67, 69, 70, 71, 72, 73, 74, 76,
			77, 78, 79 };

	private static final int[] DEADLINES = { 81, 82, 83, 84, 86, 88, 89, 90, 92, 93, 94, 95, 96, 99 };

	private static final int[] LIMITER = { 100, 101, 102, 104, 105, 108, 109, 110, 112, 113, 114, 115, 116, 117, 118,
			119, 120 };

	private static final int[] LOCK = { 121, 122, 123, 124, 126 };

	private static final int[] CONDITION_EVENT_BARRIER = { 127, 128, 129, 130, 132, 133, 134, 135, 137 };

	private static final int[] TASK_GROUP = { 138, 139, 140, 141, 143, 144, 145, 147, 149, 150, 151, 152, 153 };

	private static final int[] SERVER = { 154, 155, 156, 158, 159, 160, 161, 162, 163 };

	private static final int[] POOLS = { 164, 167, 168, 169, 170, 171, 172 };

	private static final int[] INTEGRATION = { 173, 174, 175, 176, 177, 178, 179 };

	@Test
	void everyPromisedCaseIsShown() throws Exception {
		Set<Integer> missing = new TreeSet<>();
		for (int[] area : new int[][] { SCOPE_BASICS, COMPOSITION, SUPPRESSION, CANCELLATION, DEADLINES, LIMITER, LOCK,
				CONDITION_EVENT_BARRIER, TASK_GROUP, SERVER, POOLS, INTEGRATION }) {
			IntStream.of(area).forEach(missing::add);
		}
		missing.removeAll(shown());
		System.out.println("Cases without a test: " + (missing.isEmpty() ? "none" : missing));
		assertThat(missing).as("cases without a test").isEmpty();
	}

	private static Set<Integer> shown() throws IOException, URISyntaxException {
		Set<Integer> shown = new TreeSet<>();
		Path root = Path.of(CaseCoverageTests.class.getProtectionDomain().getCodeSource().getLocation().toURI());
		try (Stream<Path> files = Files.walk(root)) {
			files.map((file) -> root.relativize(file).toString())
				.filter((name) -> name.startsWith("io") && name.endsWith(".class"))
				.map((name) -> name.substring(0, name.length() - ".class".length()).replace(File.separatorChar, '.'))
				.map(CaseCoverageTests::load)
				.forEach((type) -> {
					add(shown, type);
					Arrays.stream(type.getDeclaredMethods()).forEach((method) -> add(shown, method));
				});
		}
		return shown;
	}

	private static Class<?> load(String name) {
		try {
			return Class.forName(name, false, CaseCoverageTests.class.getClassLoader());
		}
		catch (ClassNotFoundException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static void add(Set<Integer> shown, AnnotatedElement element) {
		Case shows = element.getAnnotation(Case.class);
		if (shows != null) {
			Arrays.stream(shows.value()).forEach(shown::add);
		}
	}

}
