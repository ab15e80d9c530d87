package io.scopedasync.leak;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import io.scopedasync.Scope;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Leaks} and {@link Leak}.
 */
@ExtendWith(OutputCaptureExtension.class)
class LeaksTests {

	private final List<Leak> found = new ArrayList<>();

	private final Leaks leaks = new Leaks(List.of(this.found::add));

	@Test
	void startsAtZeroForEveryReason() {
		for (LeakReason reason : LeakReason.values()) {
			assertThat(this.leaks.count(reason)).isZero();
		}
		assertThat(this.leaks.recovered()).isZero();
		assertThat(this.leaks.open()).isZero();
	}

	@Test
	void reasonsAreWarnedOfSeparately(CapturedOutput output) {
		this.leaks.report(leak(LeakReason.OVERDUE, "load"), "Look.");
		this.leaks.report(leak(LeakReason.LATE, "load"), "Look.");
		this.leaks.report(leak(LeakReason.LATE, "load"), "Look.");
		assertThat(output).containsOnlyOnce("Leak (overdue): scope 'load'")
			.containsOnlyOnce("Leak (late): scope 'load'");
		assertThat(this.leaks.count(LeakReason.LATE)).isEqualTo(2);
		assertThat(this.leaks.open()).isOne();
		assertThat(this.found).hasSize(3);
	}

	@Test
	void remembersABoundedNumberOfSites(CapturedOutput output) {
		this.leaks.report(leak(LeakReason.OVERDUE, "first"), "Look.");
		for (int i = 0; i < Leaks.MAX_SITES; i++) {
			this.leaks.report(leak(LeakReason.OVERDUE, "import-" + i), "Look.");
		}
		this.leaks.report(leak(LeakReason.OVERDUE, "first"), "Look.");
		assertThat(output.toString().split("scope 'first'", -1)).as("forgotten, so warned of again").hasSize(3);
	}

	@Test
	void saysThatAllScopesClosed(CapturedOutput output) {
		this.leaks.reportAtClose(List.of());
		assertThat(output).contains("All scopes closed: nothing was left open");
		// What other tests have left behind warns on threads of its own.
		String thread = Thread.currentThread().getName() + "]";
		assertThat(output.getAll().lines().filter((line) -> line.contains(thread)))
			.noneMatch((line) -> line.contains("WARN"));
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isZero();
	}

	@Test
	void listsEveryScopeEndedByForce(CapturedOutput output) {
		this.leaks.reportAtClose(List.of(leak(LeakReason.AT_CLOSE, "load"), leak(LeakReason.AT_CLOSE, "save")));
		assertThat(output).contains("Leak (at-close): 2 scopes were still open after the shutdown limit")
			.contains("- 'load' open for 61 s, running, holding [connection] in 'outer'")
			.contains("- 'save' open for 61 s");
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isEqualTo(2);
		assertThat(this.found).hasSize(2);
	}

	@Test
	void aLongListAtCloseIsCutShort(CapturedOutput output) {
		this.leaks.reportAtClose(Collections.nCopies(250, leak(LeakReason.AT_CLOSE, "load")));
		assertThat(output).contains("250 scopes were").contains("- and 150 more");
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isEqualTo(250);
	}

	@Test
	void anAgeIsWrittenForPeople() {
		assertThat(Leak.text(Duration.ofMillis(250))).isEqualTo("250 ms");
		assertThat(Leak.text(Duration.ofMillis(3250))).isEqualTo("3.2 s");
		assertThat(Leak.text(Duration.ofMinutes(3))).isEqualTo("180 s");
	}

	@Test
	void keepsTheLatestEventsOfAllSites() {
		Leaks leaks = new Leaks(List.of());
		for (int i = 0; i < Leaks.MAX_EVENTS; i++) {
			leaks.report(leak(LeakReason.OVERDUE, "load " + i), "advice");
		}
		leaks.recovered(leak(LeakReason.OVERDUE, "load 7"), Duration.ofSeconds(90));
		List<LeakEvent> events = leaks.events();
		assertThat(events).hasSize(Leaks.MAX_EVENTS);
		assertThat(events.get(0).name()).isEqualTo("load 7");
		assertThat(events.get(0).recovered()).isTrue();
		assertThat(events.get(0).age()).isEqualTo(Duration.ofSeconds(90));
		assertThat(events.get(1).name()).isEqualTo("load " + (Leaks.MAX_EVENTS - 1));
		assertThat(events).extracting(LeakEvent::name).doesNotContain("load 0");
		leaks.clear();
		assertThat(leaks.events()).isEmpty();
	}

	@Test
	void manyResourcesAreCutShort() {
		Leak leak = leak(LeakReason.OVERDUE, "load", Duration.ofSeconds(1), Scope.State.RUNNING,
				Collections.nCopies(20, "r"), List.of());
		assertThat(leak.toString()).endsWith("r] and 4 more");
	}

	@Test
	void saysWhereAScopeIsInItsLife() {
		assertThat(in(Scope.State.ENTERING)).isEqualTo("'load' open for 1.0 s, acquiring nothing");
		assertThat(in(Scope.State.RUNNING)).isEqualTo("'load' open for 1.0 s, running, holding nothing");
		assertThat(in(Scope.State.RELEASING)).isEqualTo("'load' open for 1.0 s, releasing nothing");
		assertThat(in(Scope.State.CLOSED)).isEqualTo("'load' open for 1.0 s, closed, of nothing");
	}

	private static String in(Scope.State state) {
		return leak(LeakReason.OVERDUE, "load", Duration.ofSeconds(1), state, List.of(), List.of()).toString();
	}

	private static Leak leak(LeakReason reason, String scope) {
		return leak(reason, scope, Duration.ofSeconds(61), Scope.State.RUNNING, List.of("connection"),
				List.of("outer"));
	}

	private static Leak leak(LeakReason reason, String scope, Duration age, Scope.State state, List<String> resources,
			List<String> parents) {
		return new Leak(reason, scope, 0, age, state, resources, parents, null, null, "", List.of());
	}

}
