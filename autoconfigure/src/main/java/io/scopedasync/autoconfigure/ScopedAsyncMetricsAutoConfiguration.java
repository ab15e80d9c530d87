package io.scopedasync.autoconfigure;

import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.leak.Leaks;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import io.scopedasync.micrometer.OpenScopesMeterBinder;
import io.scopedasync.micrometer.ResourceMeterBinder;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for the meters of scopes, resources
 * and leaks, where there is a {@link MeterRegistry}.
 */
@AutoConfiguration(after = { ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class },
		afterName = "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration")
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnBean({ MeterRegistry.class, AsyncScopes.class })
public final class ScopedAsyncMetricsAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean(ScopeRecorder.class)
	MicrometerScopeRecorder scopedAsyncRecorder(MeterRegistry registry) {
		return new MicrometerScopeRecorder(registry);
	}

	@Bean
	@ConditionalOnMissingBean
	ResourceMeterBinder scopedAsyncResourceMeters(ObjectProvider<Measured> measured) {
		return new ResourceMeterBinder(() -> measured.stream().iterator());
	}

	@Bean
	@ConditionalOnMissingBean
	OpenScopesMeterBinder scopedAsyncOpenScopesMeters(AsyncScopes scopes) {
		return new OpenScopesMeterBinder(scopes);
	}

	@Bean
	@ConditionalOnMissingBean
	@ConditionalOnBean(Leaks.class)
	LeakMeterBinder scopedAsyncLeakMeters(Leaks leaks) {
		return new LeakMeterBinder(leaks);
	}

}
