package io.scopedasync.micrometer;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

import io.scopedasync.Measured;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ResourceMeterBinder}.
 */
class ResourceMeterBinderTests {

	private final MeterRegistry registry = new SimpleMeterRegistry();

	@Test
	void showsWhatIsInUse() {
		new ResourceMeterBinder(List.of(measured("orders", 1), measured("quotes", 10))).bindTo(this.registry);
		assertThat(gauge("active", "orders")).isEqualTo(1);
		assertThat(gauge("pending", "orders")).isEqualTo(2);
		assertThat(gauge("max", "orders")).isEqualTo(3);
		assertThat(gauge("idle", "orders")).isEqualTo(4);
		assertThat(gauge("active", "quotes")).isEqualTo(10);
	}

	@Test
	void keepsWhatNobodyElseKeeps() {
		Measured measured = measured("orders", 1);
		new ResourceMeterBinder(List.of(measured)).bindTo(this.registry);
		measured = null;
		WeakReference<Object> collected = new WeakReference<>(new Object());
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
			System.gc();
			return collected.get() == null;
		});
		assertThat(gauge("active", "orders")).isEqualTo(1);
	}

	private double gauge(String name, String resource) {
		return this.registry.get("scoped.async.resource." + name).tag("name", resource).gauge().value();
	}

	private static Measured measured(String name, int active) {
		return new Measured() {

			@Override
			public String name() {
				return name;
			}

			@Override
			public Usage usage() {
				return new Usage(active, active + 1, active + 2, active + 3);
			}

		};
	}

}
