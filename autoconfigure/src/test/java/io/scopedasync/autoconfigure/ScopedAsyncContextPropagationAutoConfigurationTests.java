package io.scopedasync.autoconfigure;

import io.micrometer.context.ContextSnapshotFactory;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import io.scopedasync.ContextCarrier;
import io.scopedasync.micrometer.SnapshotContextCarrier;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncContextPropagationAutoConfiguration}.
 */
class ScopedAsyncContextPropagationAutoConfigurationTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncContextPropagationAutoConfiguration.class));

	@Test
	void carriesThreadLocals() {
		this.runner.run((context) -> assertThat(context).hasSingleBean(SnapshotContextCarrier.class));
	}

	@Test
	void backsOffWithoutContextPropagation() {
		this.runner.withClassLoader(new FilteredClassLoader(ContextSnapshotFactory.class))
			.run((context) -> assertThat(context).doesNotHaveBean(ContextCarrier.class));
	}

	@Test
	void backsOffWhenSwitchedOff() {
		this.runner.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).doesNotHaveBean(ContextCarrier.class));
	}

	@Test
	void theUsersCarrierWins() {
		this.runner.withBean(ContextCarrier.class, () -> ContextCarrier.NONE)
			.run((context) -> assertThat(context).getBean(ContextCarrier.class).isSameAs(ContextCarrier.NONE));
	}

}
