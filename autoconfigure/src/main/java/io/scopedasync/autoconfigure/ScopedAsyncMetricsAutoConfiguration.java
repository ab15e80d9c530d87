package io.scopedasync.autoconfigure;

import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.pool.InstrumentedPool;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import io.scopedasync.micrometer.OpenScopesMeterBinder;
import io.scopedasync.micrometer.ResourceMeterBinder;
import io.scopedasync.webclient.SessionResource;

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
	@ConditionalOnMissingBean(name = "scopedAsyncResourceMeters")
	ResourceMeterBinder scopedAsyncResourceMeters(ObjectProvider<Measured> measured, ObjectProvider<Limiter> limiters,
			ObjectProvider<KeyedLimiter> keyedLimiters) {
		return new ResourceMeterBinder(new MeasuredResources(measured, limiters, keyedLimiters));
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

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ WebClient.class, InstrumentedPool.class })
	static class Sessions {

		@Bean
		@ConditionalOnMissingBean(name = "scopedAsyncSessionMeters")
		ResourceMeterBinder scopedAsyncSessionMeters(ObjectProvider<SessionResource> sessions) {
			return new ResourceMeterBinder(() -> sessions.stream().<Measured>map(MeasuredSession::new).iterator());
		}

		private record MeasuredSession(SessionResource session) implements Measured {

			@Override
			public String name() {
				return this.session.name();
			}

			@Override
			public Usage usage() {
				SessionResource.Statistics now = this.session.statistics();
				return new Usage(now.active(), now.pending(), now.max(), now.idle());
			}

		}

	}

}
