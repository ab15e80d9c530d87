package io.scopedasync.micrometer;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.micrometer.context.ContextRegistry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.util.context.Context;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SnapshotContextCarrier}.
 */
class SnapshotContextCarrierTests {

	private static final ThreadLocal<@Nullable String> USER = new ThreadLocal<>();

	private final ContextRegistry registry = new ContextRegistry().loadContextAccessors();

	private final SnapshotContextCarrier carrier = new SnapshotContextCarrier(this.registry);

	@AfterEach
	void clear() {
		USER.remove();
	}

	@Test
	void hasNothingToCarryWhereNothingIsRegistered() {
		USER.set("ann");
		assertThat(this.carrier.capture()).isNull();
	}

	@Test
	void carriesAThreadLocalToAnotherThreadAndTakesItAwayAgain() throws Exception {
		this.registry.registerThreadLocalAccessor("user", USER);
		USER.set("ann");
		Object captured = this.carrier.capture();
		assertThat(captured).isNotNull();
		CompletableFuture.runAsync(() -> {
			USER.set("bob");
			restored(captured, "ann");
			assertThat(USER.get()).isEqualTo("bob");
			USER.remove();
		}).get(30, TimeUnit.SECONDS);
	}

	@Test
	void whatTheCallerDidNotCarryIsAbsentInside() {
		this.registry.registerThreadLocalAccessor("user", USER);
		Object captured = this.carrier.capture();
		assertThat(captured).isNotNull();
		USER.set("bob");
		restored(captured, null);
		assertThat(USER.get()).isEqualTo("bob");
	}

	@Test
	void writesTheReactorContext() {
		this.registry.registerThreadLocalAccessor("user", USER);
		USER.set("ann");
		Object captured = this.carrier.capture();
		assertThat(captured).isNotNull();
		Context written = this.carrier.write(captured, Context.of("other", 1));
		assertThat((String) written.get("user")).isEqualTo("ann");
		assertThat((Integer) written.get("other")).isOne();
	}

	@Test
	void whatTheSubscriberWroteStays() {
		this.registry.registerThreadLocalAccessor("user", USER);
		USER.set("ann");
		Object captured = this.carrier.capture();
		assertThat(captured).isNotNull();
		assertThat((String) this.carrier.write(captured, Context.of("user", "carl")).get("user")).isEqualTo("carl");
	}

	private void restored(Object captured, @Nullable String expected) {
		try (AutoCloseable restored = this.carrier.restore(captured)) {
			assertThat(USER.get()).isEqualTo(expected);
		}
		catch (Exception ex) {
			throw new AssertionError(ex);
		}
	}

}
