package io.scopedasync.autoconfigure;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.autoconfigure.endpoint.expose.EndpointExposure;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ImportRuntimeHints;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Measured;
import io.scopedasync.actuate.InspectorRuntimeHints;
import io.scopedasync.actuate.ScopesEndpoint;
import io.scopedasync.actuate.ScopesEndpointWebExtension;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.Leaks;

/**
 * Auto-configuration of the endpoint {@code scopes} and its page, where Actuator is
 * present and exposes it.
 */
@AutoConfiguration(after = { ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class })
@ConditionalOnClass({ Endpoint.class, ConditionalOnAvailableEndpoint.class })
@ConditionalOnBean({ AsyncScopes.class, Leaks.class })
@EnableConfigurationProperties(ScopesEndpointProperties.class)
@ImportRuntimeHints(InspectorRuntimeHints.class)
public final class ScopedAsyncEndpointAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	@ConditionalOnAvailableEndpoint
	ScopesEndpoint scopesEndpoint(AsyncScopes scopes, Leaks leaks, ObjectProvider<LeakDetector> detector,
			ObjectProvider<Measured> measured, ObjectProvider<SanitizingFunction> sanitizingFunctions,
			ScopesEndpointProperties properties) {
		return new ScopesEndpoint(scopes, leaks, detector.getIfAvailable(), () -> measured.stream().iterator(),
				sanitizingFunctions.orderedStream().toList(), properties.getShowValues());
	}

	@Bean
	@ConditionalOnMissingBean
	@ConditionalOnBean(ScopesEndpoint.class)
	@ConditionalOnAvailableEndpoint(exposure = EndpointExposure.WEB)
	ScopesEndpointWebExtension scopesEndpointWebExtension(ScopesEndpoint endpoint,
			ScopesEndpointProperties properties) {
		return new ScopesEndpointWebExtension(endpoint, properties.getShowValues(), properties.getRoles());
	}

}
