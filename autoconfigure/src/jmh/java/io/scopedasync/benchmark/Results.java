package io.scopedasync.benchmark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the runs on one JDK measured: medians over all forks and iterations.
 */
final class Results {

	/** Less than the median where other work shares the machine, which only adds time. */
	private static final double QUANTILE = Double.parseDouble(System.getProperty("quantile", "0.5"));

	private static final JsonMapper mapper = new JsonMapper();

	private final Path folder;

	private final String jdk;

	Results(Path folder, String jdk) {
		this.folder = folder;
		this.jdk = jdk;
	}

	/** The JDKs of which there are results. */
	static List<String> jdks(Path folder) throws IOException {
		try (Stream<Path> files = Files.list(folder)) {
			return files.map((file) -> file.getFileName().toString())
				.filter((name) -> name.endsWith(".json"))
				.map((name) -> name.substring(0, name.indexOf('-')))
				.distinct()
				.sorted((a, b) -> Integer.parseInt(a) - Integer.parseInt(b))
				.toList();
		}
	}

	/** Nanoseconds per call. */
	OptionalDouble time(String tag, String benchmark) {
		return quantile(tag, benchmark, "", (row) -> values(row.path("primaryMetric")));
	}

	/** Bytes allocated per call. */
	OptionalDouble bytes(String tag, String benchmark) {
		return quantile(tag, benchmark, "", (row) -> values(row.path("secondaryMetrics").path("gc.alloc.rate.norm")));
	}

	/** As {@link #time} for one value of the parameter {@code peer}. */
	OptionalDouble timeOfPeer(String tag, String peer) {
		return quantile(tag, "", peer, (row) -> values(row.path("primaryMetric")));
	}

	/** One counter per other, iteration by iteration. */
	OptionalDouble counter(String tag, String peer, String counter, String per) {
		return quantile(tag, "", peer, (row) -> {
			List<Double> counts = values(row.path("secondaryMetrics").path(counter));
			List<Double> pers = values(row.path("secondaryMetrics").path(per));
			List<Double> ratios = new ArrayList<>();
			for (int i = 0; i < counts.size(); i++) {
				if (pers.get(i) != 0) {
					ratios.add(counts.get(i) / pers.get(i));
				}
			}
			return ratios;
		});
	}

	/** A number of {@link Footprint}. */
	OptionalDouble footprint(String name) {
		Path file = this.folder.resolve(this.jdk + "-footprint.json");
		if (!Files.exists(file)) {
			return OptionalDouble.empty();
		}
		JsonNode value = mapper.readTree(read(file)).path(name);
		return value.isNumber() ? OptionalDouble.of(value.asDouble()) : OptionalDouble.empty();
	}

	private OptionalDouble quantile(String tag, String benchmark, String parameters, Extraction extraction) {
		Path file = this.folder.resolve(this.jdk + "-" + tag + ".json");
		if (!Files.exists(file)) {
			return OptionalDouble.empty();
		}
		for (JsonNode row : mapper.readTree(read(file))) {
			if (row.path("benchmark").asString().endsWith(benchmark) && parameters(row).startsWith(parameters)) {
				return quantile(extraction.of(row).stream().sorted().toList());
			}
		}
		return OptionalDouble.empty();
	}

	private static OptionalDouble quantile(List<Double> sorted) {
		if (sorted.isEmpty()) {
			return OptionalDouble.empty();
		}
		double position = (sorted.size() - 1) * QUANTILE;
		double below = sorted.get((int) Math.floor(position));
		double above = sorted.get((int) Math.ceil(position));
		return OptionalDouble.of(below + (above - below) * (position - Math.floor(position)));
	}

	private static String read(Path file) {
		try {
			return Files.readString(file);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/** Peer and number of waiters, as in {@code ours 1000}. */
	private static String parameters(JsonNode row) {
		JsonNode params = row.path("params");
		return params.path("peer").asString("") + " " + params.path("n").asString("") + " ";
	}

	private static List<Double> values(JsonNode metric) {
		List<Double> values = new ArrayList<>();
		for (JsonNode fork : metric.path("rawData")) {
			for (JsonNode value : fork) {
				values.add(value.asDouble());
			}
		}
		return values;
	}

	private interface Extraction {

		List<Double> of(JsonNode row);

	}

}
