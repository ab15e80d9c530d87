package io.scopedasync.autoconfigure;

import io.micrometer.context.ContextRegistry;
import io.micrometer.context.ContextSnapshotFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

import io.scopedasync.ContextCarrier;
import io.scopedasync.micrometer.SnapshotContextCarrier;

/**
 * {@link EnableAutoConfiguration Auto-configuration} that carries registered thread
 * locals into scopes, where Micrometer's context propagation is present.
 */
@AutoConfiguration
@ConditionalOnClass(ContextSnapshotFactory.class)
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
public final class ScopedAsyncContextPropagationAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean(ContextCarrier.class)
	SnapshotContextCarrier scopedAsyncContextCarrier() {
		return new SnapshotContextCarrier(ContextRegistry.getInstance());
	}

}
