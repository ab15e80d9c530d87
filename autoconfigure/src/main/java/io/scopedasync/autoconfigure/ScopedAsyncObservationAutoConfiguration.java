package io.scopedasync.autoconfigure;

import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.util.ClassUtils;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeObserver;
import io.scopedasync.micrometer.MicrometerScopeObserver;
import io.scopedasync.micrometer.ScopeObservationConvention;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for an observation of each scope,
 * where there is an {@link ObservationRegistry} that does not only make meters.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class,
		afterName = "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration")
@ConditionalOnClass(ObservationRegistry.class)
@ConditionalOnBean({ ObservationRegistry.class, AsyncScopes.class })
@EnableConfigurationProperties(ScopedAsyncProperties.class)
public final class ScopedAsyncObservationAutoConfiguration {

	private static final String METERS = "io.micrometer.core.instrument.observation.MeterObservationHandler";

	@Bean
	@ConditionalOnMissingBean
	ScopeObserver scopedAsyncObserver(ObservationRegistry registry, ScopedAsyncProperties properties,
			ListableBeanFactory beanFactory, ObjectProvider<ScopeObservationConvention> convention) {
		Boolean enabled = properties.getObservations().getEnabled();
		if ((enabled != null) ? enabled : !isForMetersOnly(beanFactory)) {
			return new MicrometerScopeObserver(registry, convention.getIfAvailable());
		}
		return ScopeObserver.NONE;
	}

	/**
	 * Scopes have meters already, which cost a tenth of those that are made of
	 * observations.
	 */
	private static boolean isForMetersOnly(ListableBeanFactory beanFactory) {
		String[] handlers = beanFactory.getBeanNamesForType(ObservationHandler.class, true, false);
		for (String handler : handlers) {
			if (!isForMeters(beanFactory.getType(handler, false))) {
				return false;
			}
		}
		return handlers.length != 0;
	}

	private static boolean isForMeters(@Nullable Class<?> type) {
		return type != null && ClassUtils.getAllInterfacesForClassAsSet(type)
			.stream()
			.anyMatch((implemented) -> implemented.getName().equals(METERS));
	}

}
