package io.scopedasync.documentation;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.springframework.boot.json.JsonParserFactory;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds the tables of properties in the README against the metadata that IDEs complete
 * from.
 */
class PropertiesDocumentationTests {

	private static final String METADATA = "META-INF/spring-configuration-metadata.json";

	@Test
	void theReadmeListsEveryPropertyAndNoOther() throws IOException {
		ReadmeTable.read("properties").hasExactly(properties().stream().map(PropertiesDocumentationTests::row));
	}

	@Test
	void everyPropertyIsDescribed() throws IOException {
		assertThat(properties()).isNotEmpty().allSatisfy((property) -> {
			assertThat(property.get("description")).as("comment of %s", property.get("name")).asString().isNotBlank();
			assertThat(property.get("description")).asString()
				.doesNotStartWith("The ")
				.doesNotStartWith("A ")
				.endsWith(".");
		});
	}

	private static String row(Map<String, Object> property) {
		Object value = property.get("defaultValue");
		String description = String.valueOf(property.get("description"));
		return ReadmeTable.row(ReadmeTable.code(String.valueOf(property.get("name"))),
				(value != null) ? ReadmeTable.code(text(value)) : "",
				description.endsWith(".") ? description.substring(0, description.length() - 1) : description);
	}

	private static String text(Object value) {
		return (value instanceof List<?> list) ? list.stream().map(String::valueOf).collect(Collectors.joining(", "))
				: String.valueOf(value);
	}

	/** Those of this module: every jar has a file of that name. */
	@SuppressWarnings("unchecked")
	private static List<Map<String, Object>> properties() throws IOException {
		List<Map<String, Object>> ours = new ArrayList<>();
		for (URL url : Collections.list(PropertiesDocumentationTests.class.getClassLoader().getResources(METADATA))) {
			try (InputStream stream = url.openStream()) {
				String json = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
				Map<String, Object> metadata = JsonParserFactory.getJsonParser().parseMap(json);
				for (Object property : (List<Object>) metadata.get("properties")) {
					Map<String, Object> entry = (Map<String, Object>) property;
					if (String.valueOf(entry.get("name")).startsWith("scoped-async.")) {
						ours.add(entry);
					}
				}
			}
		}
		return ours;
	}

}
