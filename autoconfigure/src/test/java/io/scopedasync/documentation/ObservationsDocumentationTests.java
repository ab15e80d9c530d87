package io.scopedasync.documentation;

import java.io.IOException;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import org.junit.jupiter.api.Test;

import io.scopedasync.micrometer.ScopedAsyncObservations;

/**
 * Holds the table of observations in the README against {@link ScopedAsyncObservations}.
 */
class ObservationsDocumentationTests {

	@Test
	void theReadmeListsEveryObservationAndNoOther() throws IOException {
		ReadmeTable.read("observations")
			.hasExactly(Arrays.stream(ScopedAsyncObservations.values()).map(ObservationsDocumentationTests::row));
	}

	private static String row(ScopedAsyncObservations observation) {
		return ReadmeTable.row(ReadmeTable.code(observation.getName()), keys(observation.getLowCardinalityKeyNames()),
				keys(observation.getHighCardinalityKeyNames()),
				codes(Stream.of(observation.getEvents()).map(Observation.Event::getName)));
	}

	private static String keys(KeyName[] names) {
		return codes(Stream.of(names).map(KeyName::asString));
	}

	private static String codes(Stream<String> names) {
		return names.map(ReadmeTable::code).collect(Collectors.joining(", "));
	}

}
