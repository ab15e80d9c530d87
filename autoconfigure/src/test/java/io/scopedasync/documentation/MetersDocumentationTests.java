package io.scopedasync.documentation;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.micrometer.common.docs.KeyName;
import io.micrometer.core.instrument.Meter;
import org.junit.jupiter.api.Test;

import io.scopedasync.micrometer.ScopedAsyncMeters;

/**
 * Holds the table of meters in the README against {@link ScopedAsyncMeters}.
 */
class MetersDocumentationTests {

	@Test
	void theReadmeListsEveryMeterAndNoOther() throws IOException {
		ReadmeTable.read("meters")
			.hasExactly(Arrays.stream(ScopedAsyncMeters.values()).map(MetersDocumentationTests::row));
	}

	private static String row(ScopedAsyncMeters meter) {
		String tags = Stream.of(meter.getKeyNames())
			.map(KeyName::asString)
			.map(ReadmeTable::code)
			.collect(Collectors.joining(", "));
		boolean time = meter.getType() == Meter.Type.GAUGE && meter.getBaseUnit() != null;
		String type = (time) ? "time gauge" : meter.getType().name().toLowerCase(Locale.ROOT);
		return ReadmeTable.row(ReadmeTable.code(meter.getName()), type, tags, meter.getDescription());
	}

}
