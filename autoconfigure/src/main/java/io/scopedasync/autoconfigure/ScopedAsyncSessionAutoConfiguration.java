package io.scopedasync.autoconfigure;

import io.scopedasync.webclient.SessionResource;
import reactor.netty.http.client.HttpClient;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.http.client.reactive.ClientHttpConnectorBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Auto-configuration of the {@linkplain SessionResource sessions} that properties define.
 */
@AutoConfiguration(afterName = { "org.springframework.boot.webclient.autoconfigure.WebClientAutoConfiguration",
		"org.springframework.boot.http.client.autoconfigure.reactive.ReactiveHttpClientAutoConfiguration" })
@ConditionalOnClass({ WebClient.class, HttpClient.class, ClientHttpConnectorBuilder.class })
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
@EnableConfigurationProperties(SessionProperties.class)
@Import(SessionRegistrar.class)
public final class ScopedAsyncSessionAutoConfiguration {

	@Bean
	static SessionLogins sessionLogins(ListableBeanFactory beanFactory, SessionProperties properties) {
		return new SessionLogins(beanFactory, properties.getSessions().keySet());
	}

}
