package io.scopedasync.autoconfigure;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.actuate.ScopesHealthIndicator;
import io.scopedasync.leak.Leaks;

/**
 * Auto-configuration of the health of scopes, where Boot's health is present.
 */
@AutoConfiguration(after = { ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class })
@ConditionalOnClass({ HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class })
@ConditionalOnBean({ AsyncScopes.class, Leaks.class })
@EnableConfigurationProperties(ScopesHealthProperties.class)
public final class ScopedAsyncHealthAutoConfiguration {

	@Bean
	@ConditionalOnEnabledHealthIndicator("scoped-async")
	@ConditionalOnMissingBean(name = "scopedAsyncHealthIndicator")
	ScopesHealthIndicator scopedAsyncHealthIndicator(AsyncScopes scopes, Leaks leaks, ObjectProvider<Measured> measured,
			ScopesHealthProperties properties) {
		Integer maxSuspects = properties.getMaxSuspects();
		if (maxSuspects != null && maxSuspects < 1) {
			throw new InvalidSettingException("scoped-async.health.max-suspects is " + maxSuspects,
					"Write 1 if one overdue scope is bad health, or leave it out.");
		}
		return new ScopesHealthIndicator(scopes, leaks, () -> measured.stream().iterator(), maxSuspects);
	}

}
