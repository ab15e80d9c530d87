package io.scopedasync;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds the cases that are promised against those that a test shows.
 */
class CaseCoverageTests {

	private static final int[] SCOPE_BASICS = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19 };

	private static final int[] SUPPRESSION = { 40, 41, 42, 43, 44, 45, 47, 49, 50, 51, 52, 53, 54 };

	private static final int[] CANCELLATION = { 55, 56, 57, 58, 59, 61, 62, 63, 64, 66, 67, 69, 70, 71, 72, 73, 74, 76,
			77, 78, 79 };

	private static final int[] LIMITER = { 100, 101, 102, 104, 105, 108, 109, 110, 112, 113, 114, 115, 116, 117, 118,
			119, 120 };

	private static final int[] INTEGRATION = { 172, 177, 178, 179 };

	@Test
	void everyPromisedCaseIsShown() {
		Set<Integer> missing = new TreeSet<>();
		for (int[] area : new int[][] { SCOPE_BASICS, SUPPRESSION, CANCELLATION, LIMITER, INTEGRATION }) {
			IntStream.of(area).forEach(missing::add);
		}
		missing.removeAll(shown());
		assertThat(missing).as("cases without a test").isEmpty();
	}

	private static Set<Integer> shown() {
		Set<Integer> shown = new TreeSet<>();
		for (JavaClass type : new ClassFileImporter()
			.importUrl(CaseCoverageTests.class.getProtectionDomain().getCodeSource().getLocation())) {
			type.tryGetAnnotationOfType(Case.class).ifPresent((shows) -> add(shown, shows));
			type.getMethods()
				.forEach((method) -> method.tryGetAnnotationOfType(Case.class).ifPresent((shows) -> add(shown, shows)));
		}
		return shown;
	}

	private static void add(Set<Integer> shown, Case shows) {
		Arrays.stream(shows.value()).forEach(shown::add);
	}

}
