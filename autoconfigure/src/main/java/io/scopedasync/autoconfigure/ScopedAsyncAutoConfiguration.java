package io.scopedasync.autoconfigure;

import io.scopedasync.AsyncScopes;
import io.scopedasync.CallSiteSampler;
import io.scopedasync.ContextCarrier;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeObserver;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.ScopeWatcher;
import io.scopedasync.autoconfigure.ScopedAsyncProperties.LeakDetection.Level;
import io.scopedasync.interceptor.ScopedAsyncBeanPostProcessor;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Role;

/**
 * Auto-configuration of scopes, of the {@code @ScopedAsync} advice, and of the limiters
 * and locks that properties define.
 */
@AutoConfiguration
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
@EnableConfigurationProperties(ScopedAsyncProperties.class)
@Import({ LimiterRegistrar.class, LockRegistrar.class })
public final class ScopedAsyncAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	AsyncScopes asyncScopes(ScopedAsyncProperties properties, ObjectProvider<ScopeRecorder> recorder,
			ObjectProvider<ContextCarrier> contextCarrier, ObjectProvider<ScopeClock> clock,
			ObjectProvider<CallSiteSampler> callSites, ObjectProvider<ScopeWatcher> watcher,
			ObjectProvider<ScopeObserver> observer) {
		Durations.requirePositive("scoped-async.release-timeout", properties.getReleaseTimeout());
		Durations.requireNotNegative("scoped-async.shutdown-timeout", properties.getShutdownTimeout());
		AsyncScopes.Builder builder = AsyncScopes.builder()
			.releaseTimeout(properties.getReleaseTimeout())
			.shutdownTimeout(properties.getShutdownTimeout())
			.cancelOutliving(properties.getLeakDetection().isCancelOutliving())
			.tracked(properties.getLeakDetection().getLevel() != Level.DISABLED);
		recorder.ifAvailable(builder::recorder);
		contextCarrier.ifAvailable(builder::contextCarrier);
		clock.ifAvailable(builder::clock);
		callSites.ifAvailable(builder::callSites);
		watcher.ifAvailable(builder::watcher);
		observer.ifAvailable(builder::observer);
		return builder.build();
	}

	@Bean
	@ConditionalOnMissingBean
	@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
	static ScopedAsyncBeanPostProcessor scopedAsyncBeanPostProcessor(ObjectProvider<AsyncScopes> scopes) {
		return new ScopedAsyncBeanPostProcessor(scopes);
	}

}
