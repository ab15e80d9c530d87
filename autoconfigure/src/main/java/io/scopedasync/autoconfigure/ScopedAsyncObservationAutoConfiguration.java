package io.scopedasync.autoconfigure;

import io.micrometer.observation.ObservationRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeObserver;
import io.scopedasync.micrometer.MicrometerScopeObserver;
import io.scopedasync.micrometer.ScopeObservationConvention;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for an observation of each scope,
 * where there is an {@link ObservationRegistry}.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class,
		afterName = "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration")
@ConditionalOnClass(ObservationRegistry.class)
@ConditionalOnBean({ ObservationRegistry.class, AsyncScopes.class })
public final class ScopedAsyncObservationAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean(ScopeObserver.class)
	MicrometerScopeObserver scopedAsyncObserver(ObservationRegistry registry,
			ObjectProvider<ScopeObservationConvention> convention) {
		return new MicrometerScopeObserver(registry, convention.getIfAvailable());
	}

}
