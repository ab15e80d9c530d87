package io.scopedasync.autoconfigure;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeClock;
import io.scopedasync.annotation.Lifespan;

/**
 * {@link EnableAutoConfiguration Auto-configuration} of what the application holds for as
 * long as it runs: the {@link Lifespan @Lifespan} beans.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class)
@ConditionalOnBean(AsyncScopes.class)
@EnableConfigurationProperties(ScopedAsyncProperties.class)
public final class ScopedAsyncLifespanAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	LifespansLifecycle scopedAsyncLifespansLifecycle(ConfigurableApplicationContext context, AsyncScopes scopes,
			ObjectProvider<ScopeClock> clock, ScopedAsyncProperties properties) {
		LifespanBeans beans = new LifespanBeans(context.getBeanFactory(), properties.getLifespan().getStartTimeout());
		// A thread each, so that one that blocks delays neither the others nor its own
		// timeout.
		return new LifespansLifecycle(beans::find,
				(members) -> new Lifespans(scopes.application(), clock.getIfAvailable(ScopeClock::system), members,
						Schedulers.boundedElastic(), context.getApplicationStartup()));
	}

}
