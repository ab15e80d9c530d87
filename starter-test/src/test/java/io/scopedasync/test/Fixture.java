package io.scopedasync.test;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

/**
 * A test class that is run by a test, since some of its methods are to fail.
 */
final class Fixture {

	private static final List<Object> KEPT = new CopyOnWriteArrayList<>();

	private final EngineExecutionResults results;

	private Fixture(EngineExecutionResults results) {
		this.results = results;
	}

	static Fixture run(Class<?> type) {
		return run(type, Map.of());
	}

	static Fixture run(Class<?> type, Map<String, String> parameters) {
		EngineTestKit.Builder builder = EngineTestKit.engine("junit-jupiter").selectors(selectClass(type));
		// Those of the surrounding run are not the fixture's.
		builder.enableImplicitConfigurationParameters(false);
		parameters.forEach(builder::configurationParameter);
		return new Fixture(builder.execute());
	}

	/**
	 * For what a fixture leaves open: a scope that nobody refers to any more may be lost
	 * by the time it is looked for.
	 */
	static <T> T keep(T opened) {
		KEPT.add(opened);
		return opened;
	}

	void succeeds() {
		this.results.allEvents().assertStatistics((statistics) -> statistics.failed(0));
		assertThat(this.results.testEvents().succeeded().count()).isPositive();
	}

	/** The message of the only test that failed. */
	String failure() {
		return error().getMessage();
	}

	Throwable error() {
		List<Event> failed = this.results.allEvents().failed().list();
		assertThat(failed).hasSize(1);
		return failed.get(0).getRequiredPayload(TestExecutionResult.class).getThrowable().orElseThrow();
	}

	long succeeded() {
		return this.results.testEvents().succeeded().count();
	}

}
