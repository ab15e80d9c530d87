package io.scopedasync.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Function;

/**
 * Prints the table of {@code docs/performance.md} from the results in a folder: each
 * target, and what was measured on each JDK. Ratios are of medians within one run.
 */
public final class PerformanceReport {

	private static final String BEGIN = "<!-- results -->";

	private static final String END = "<!-- end of results -->";

	private static final String RATIO = "%.2fx";

	private static final List<Row> ROWS = List.of(
			row("ready Mono, beside `Mono.usingWhen` over a counter", 1.0, RATIO,
					(r) -> ratio(r.time("calls", ".monoOurs"), r.time("calls", ".monoUsingWhen"))),
			row("… beside reactor-pool", 0.15, RATIO,
					(r) -> ratio(r.time("calls", ".monoOurs"), r.time("calls", ".monoReactorPool"))),
			row("… beside the least that is possible", RATIO,
					(r) -> ratio(r.time("calls", ".monoOurs"), r.time("calls", ".monoFloor"))),
			row("… beside Resilience4j's `BulkheadOperator`, which can't wait", RATIO,
					(r) -> ratio(r.time("calls", ".monoOurs"), r.time("calls", ".monoResilience4j"))),
			row("… bytes allocated", 160, "%.0f B", (r) -> r.bytes("calls", ".monoOurs")),
			row("… two threads, beside `Mono.usingWhen`", 1.2, RATIO,
					(r) -> ratio(r.time("two-threads", ".monoOurs"), r.time("two-threads", ".monoUsingWhen"))),
			row("ready future, beside a hand-written one", 2, RATIO,
					(r) -> ratio(r.time("calls", ".futureOurs"), r.time("calls", ".futureHandWritten"))),
			row("… beside SmallRye's bulkhead", 0.25, RATIO,
					(r) -> ratio(r.time("calls", ".futureOurs"), r.time("calls", ".futureSmallRye"))),
			row("blocking call, beside a bare `Semaphore`", RATIO,
					(r) -> ratio(r.time("calls", ".blockingOurs"), r.time("calls", ".blockingSemaphore"))),
			row("annotated method, Micrometer and overdue detection on, beside Resilience4j's aspect", 0.5, RATIO,
					(r) -> ratio(r.time("annotated", "Benchmark.ours"), r.time("annotated", ".resilience4j"))),
			row("… both off", RATIO,
					(r) -> ratio(r.time("annotated", ".oursUnobserved"), r.time("annotated", ".resilience4j"))),
			row("… both off, beside an empty interceptor", RATIO,
					(r) -> ratio(r.time("annotated", ".oursUnobserved"), r.time("annotated", ".emptyInterceptor"))),
			row("leak detection (simple), more per scope", 90, "%.0f ns",
					(r) -> difference(r.time("detection", ".simple"), r.time("detection", ".disabled"))),
			row("… bytes", 64, "%.0f B",
					(r) -> difference(r.bytes("detection", ".simple"), r.bytes("detection", ".disabled"))),
			row("… two threads", "%.0f ns",
					(r) -> difference(r.time("detection-two-threads", ".simple"),
							r.time("detection-two-threads", ".disabled"))),
			row("… HikariCP's, more per connection", "%.0f ns",
					(r) -> difference(r.time("detection", ".hikariDetecting"), r.time("detection", ".hikari"))),
			row("… Netty's, of one buffer in 128", "%.0f ns", (r) -> r.time("detection", ".netty")),
			row("… Netty's, of every buffer", "%.0f ns", (r) -> r.time("detection", ".nettyForced")),
			row("Micrometer, more per scope", 150, "%.0f ns",
					(r) -> difference(r.time("detection", ".metered"), r.time("detection", ".disabled"))),
			row("… bytes", 32, "%.0f B",
					(r) -> difference(r.bytes("detection", ".metered"), r.bytes("detection", ".disabled"))),
			row("Micrometer and leak detection, more per scope", 240, "%.0f ns",
					(r) -> difference(r.time("detection", ".both"), r.time("detection", ".disabled"))),
			row("hand-over to a queued waiter, beside SmallRye", 0.5, RATIO,
					(r) -> ratio(hand(r, "queue", "ours 1000 "), hand(r, "queue-smallrye", "smallrye"))),
			row("… beside reactor-pool", 0.2, RATIO,
					(r) -> ratio(hand(r, "queue", "ours 1000 "), hand(r, "queue-peers", "reactorPool "))),
			row("… with 100,000 waiters, beside with 1,000", 1.5, RATIO,
					(r) -> ratio(hand(r, "queue", "ours 100000 "), hand(r, "queue", "ours 1000 "))),
			row("cancel of one of 1,000 waiters", "%.0f ns", (r) -> cancel(r, "queue", "ours 1000 ")),
			row("cancel of one of 100,000 waiters", 200, "%.0f ns", (r) -> cancel(r, "queue", "ours 100000 ")),
			row("… the least that is possible", "%.0f ns", (r) -> cancel(r, "queue-floor", "floor 100000 ")),
			row("heap per waiter", 128, "%.0f B", (r) -> r.footprint("ours")),
			row("… with an acquire timeout", "%.0f B", (r) -> r.footprint("oursTimeout")),
			row("… of reactor-pool", "%.0f B", (r) -> r.footprint("reactorPool")),
			row("acquire timeout, more per queued call", 150, "%.0f ns",
					(r) -> difference(cycle(r, "queue", "oursTimeout 1000 "), cycle(r, "queue", "ours 1000 "))),
			row("… of reactor-pool", "%.0f ns",
					(r) -> difference(cycle(r, "queue-peers", "reactorPoolTimeout "),
							cycle(r, "queue-peers", "reactorPool "))),
			row("… bytes", 32, "%.0f B", (r) -> difference(r.footprint("oursTimeout"), r.footprint("ours"))),
			row("a million waiters on one stack", "%.0f ms", (r) -> r.footprint("millionMillis")),
			row("1,000 bodies over 10 permits, beside `flatMap(10)`", 1.15, RATIO,
					(r) -> ratio(r.timeOfPeer("bodies", "ours"), r.timeOfPeer("bodies", "flatMap10"))),
			row("… beside reactor-pool", RATIO,
					(r) -> ratio(r.timeOfPeer("bodies", "ours"), r.timeOfPeer("bodies", "reactorPool"))),
			row("HTTP request through the session of a scope, beside a shared `WebClient`", 1.05, RATIO,
					(r) -> r.counter("http", "", "oneScope", "plain")),
			row("… through a session and a scope of its own", 1.05, RATIO,
					(r) -> r.counter("http", "", "ours", "plain")));

	private PerformanceReport() {
	}

	/**
	 * Prints the table.
	 * @param args the folder of the results, and, if the table is to be put into it, a
	 * document that has the two marks
	 * @throws IOException if one of them can't be read or written
	 */
	public static void main(String[] args) throws IOException {
		String table = table(Path.of(args[0]));
		System.out.print(table);
		if (args.length > 1) {
			Path document = Path.of(args[1]);
			String text = Files.readString(document);
			int begin = text.indexOf(BEGIN);
			int end = text.indexOf(END);
			if (begin < 0 || end < begin) {
				throw new IllegalArgumentException(document + " has no place for the table: write " + BEGIN + " and "
						+ END + ", each on a line of its own");
			}
			Files.writeString(document, text.substring(0, begin) + BEGIN + "\n" + table + text.substring(end));
		}
	}

	private static String table(Path folder) throws IOException {
		List<String> jdks = Results.jdks(folder);
		StringBuilder text = new StringBuilder("| | target |");
		jdks.forEach((jdk) -> text.append(" JDK ").append(jdk).append(" |"));
		text.append("\n|---|---:|").append("---:|".repeat(jdks.size())).append('\n');
		for (Row row : ROWS) {
			text.append("| ").append(row.what).append(" | ").append(row.limit()).append(" |");
			for (String jdk : jdks) {
				text.append(' ').append(row.cell(new Results(folder, jdk))).append(" |");
			}
			text.append('\n');
		}
		return text.toString();
	}

	private static Row row(String what, double target, String format, Function<Results, OptionalDouble> value) {
		return new Row(what, OptionalDouble.of(target), format, value);
	}

	/** No target: to know where it stands. */
	private static Row row(String what, String format, Function<Results, OptionalDouble> value) {
		return new Row(what, OptionalDouble.empty(), format, value);
	}

	private static OptionalDouble hand(Results results, String tag, String peer) {
		return results.counter(tag, peer, "handNs", "handN");
	}

	private static OptionalDouble cancel(Results results, String tag, String peer) {
		return results.counter(tag, peer, "cancelNs", "cancelN");
	}

	/** From the queue to the end: a timeout costs on both ways. */
	private static OptionalDouble cycle(Results results, String tag, String peer) {
		OptionalDouble queue = results.counter(tag, peer, "queueNs", "queueN");
		OptionalDouble hand = hand(results, tag, peer);
		return (queue.isPresent() && hand.isPresent()) ? OptionalDouble.of(queue.getAsDouble() + hand.getAsDouble())
				: OptionalDouble.empty();
	}

	private static OptionalDouble ratio(OptionalDouble ours, OptionalDouble theirs) {
		return (ours.isPresent() && theirs.isPresent()) ? OptionalDouble.of(ours.getAsDouble() / theirs.getAsDouble())
				: OptionalDouble.empty();
	}

	private static OptionalDouble difference(OptionalDouble more, OptionalDouble less) {
		return (more.isPresent() && less.isPresent()) ? OptionalDouble.of(more.getAsDouble() - less.getAsDouble())
				: OptionalDouble.empty();
	}

	private record Row(String what, OptionalDouble target, String format, Function<Results, OptionalDouble> value) {

		private String limit() {
			return this.target.isPresent() ? "≤ " + format(this.target.getAsDouble()) : "";
		}

		private String cell(Results results) {
			OptionalDouble measured = this.value.apply(results);
			if (measured.isEmpty()) {
				return "";
			}
			String text = format(measured.getAsDouble());
			boolean missed = this.target.isPresent() && measured.getAsDouble() > this.target.getAsDouble();
			return missed ? "**" + text + "** falls short" : text;
		}

		private String format(double value) {
			return String.format(Locale.ROOT, this.format, value);
		}

	}

}
