package io.scopedasync.micrometer;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

import com.sun.management.ThreadMXBean;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.config.MeterFilterReply;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import io.scopedasync.Exit;
import io.scopedasync.ScopeRecorder.Outcome;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link MicrometerScopeRecorder}.
 */
class MicrometerScopeRecorderTests {

	private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

	private final MicrometerScopeRecorder recorder = new MicrometerScopeRecorder(this.registry);

	@ParameterizedTest
	@EnumSource
	void recordsAcquisitionsByOutcome(Outcome outcome) {
		this.recorder.acquired("orders", outcome, Duration.ofMillis(30).toNanos());
		String tag = outcome.name().toLowerCase(Locale.ROOT);
		var timer = this.registry.get("scoped.async.acquire").tags("name", "orders", "outcome", tag).timer();
		assertThat(timer.count()).isOne();
		assertThat(timer.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(30);
	}

	@ParameterizedTest
	@EnumSource(names = { "SUCCESS", "TIMEOUT", "ERROR" })
	void recordsReleasesByOutcome(Outcome outcome) {
		this.recorder.released("orders", outcome, Duration.ofMillis(30).toNanos());
		String tag = outcome.name().toLowerCase(Locale.ROOT);
		assertThat(this.registry.get("scoped.async.release").tags("name", "orders", "outcome", tag).timer().count())
			.isOne();
	}

	@Test
	void recordsScopesByExit() {
		this.recorder.closed("load", Exit.completed(), 1);
		this.recorder.closed("load", Exit.failed(new IllegalStateException()), 1);
		this.recorder.closed("load", Exit.failed(new IllegalStateException()), 1);
		this.recorder.closed("load", Exit.cancelled("because"), 1);
		assertThat(scopes("load", "completed")).isOne();
		assertThat(scopes("load", "failed")).isEqualTo(2);
		assertThat(scopes("load", "cancelled")).isOne();
	}

	@Test
	void countsErrorsWithoutCaller() {
		this.recorder.undelivered("load", new IllegalStateException());
		assertThat(this.registry.get("scoped.async.undelivered").tag("name", "load").counter().count()).isOne();
	}

	@Test
	void registersEveryOutcomeOfANameAtZero() {
		this.recorder.acquired("orders", Outcome.SUCCESS, 1);
		this.recorder.closed("load", Exit.completed(), 1);
		assertThat(this.registry.find("scoped.async.acquire").tag("name", "orders").timers()).hasSize(5);
		assertThat(this.registry.find("scoped.async.release").tag("name", "orders").timers()).hasSize(3);
		assertThat(this.registry.find("scoped.async.scope").tag("name", "load").timers()).hasSize(3);
		assertThat(this.registry.get("scoped.async.undelivered").tag("name", "load").counter().count()).isZero();
	}

	@Test
	void namesBeyondTheBoundShareOne() {
		for (int i = 0; i < 3 * MicrometerScopeRecorder.MAX_NAMES; i++) {
			this.recorder.closed("import-" + i, Exit.completed(), 1);
		}
		assertThat(this.registry.find("scoped.async.scope").tag("exit", "completed").timers())
			.hasSize(MicrometerScopeRecorder.MAX_NAMES + 1);
		assertThat(scopes(MicrometerScopeRecorder.OTHER, "completed")).isEqualTo(2 * MicrometerScopeRecorder.MAX_NAMES);
	}

	@Test
	void aFilterThatFailsDoesNotReachTheScope() {
		this.registry.config().meterFilter(new MeterFilter() {
			@Override
			public MeterFilterReply accept(Meter.Id id) {
				throw new IllegalStateException("filter");
			}
		});
		this.recorder.acquired("orders", Outcome.SUCCESS, 1);
		this.recorder.closed("load", Exit.completed(), 1);
		assertThat(this.registry.getMeters()).isEmpty();
	}

	@Test
	void allocatesNothingPerCall() {
		ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
		int calls = 200_000;
		record(calls);
		long before = threads.getCurrentThreadAllocatedBytes();
		record(calls);
		long perCall = (threads.getCurrentThreadAllocatedBytes() - before) / calls;
		assertThat(perCall).isZero();
	}

	private void record(int calls) {
		for (int i = 0; i < calls; i++) {
			this.recorder.acquired("orders", Outcome.SUCCESS, i);
			this.recorder.released("orders", Outcome.SUCCESS, i);
			this.recorder.closed("load", Exit.completed(), i);
		}
	}

	private long scopes(String name, String exit) {
		return this.registry.get("scoped.async.scope").tags("name", name, "exit", exit).timer().count();
	}

}
