package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.List;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.context.LifecycleProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServer;

import io.scopedasync.AsyncScopes;
import io.scopedasync.PooledResource;
import io.scopedasync.leak.Leaks;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.server.ServerResource;
import io.scopedasync.webclient.SessionResource;

/**
 * {@link EnableAutoConfiguration Auto-configuration} that closes the scopes with the
 * application: after the web server and other servers, before the pools they use.
 */
@AutoConfiguration(after = { ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class })
@ConditionalOnBean(AsyncScopes.class)
@EnableConfigurationProperties({ ScopedAsyncProperties.class, LifecycleProperties.class })
public final class ScopedAsyncLifecycleAutoConfiguration {

	private static final Duration WARM_UP_LIMIT = Duration.ofSeconds(30);

	@Bean
	@ConditionalOnMissingBean
	ScopesLifecycle scopedAsyncLifecycle(ConfigurableApplicationContext context, AsyncScopes scopes,
			ObjectProvider<Leaks> leaks, ObjectProvider<LeakDetector> detector, ScopedAsyncProperties properties,
			LifecycleProperties lifecycle) {
		Duration shutdown = properties.getShutdownTimeout();
		ScopesLifecycle.warnIfCutShort(shutdown, properties.getReleaseTimeout(),
				lifecycle.getTimeoutPerShutdownPhase());
		return new ScopesLifecycle(context::isClosed, scopes, leaks.getIfAvailable(() -> new Leaks(List.of())),
				detector.getIfAvailable(), shutdown);
	}

	/**
	 * Pools that are beans of the user's, of whatever type these are declared.
	 */
	@Configuration(proxyBeanMethods = false)
	static class Pools {

		@Bean
		@ConditionalOnMissingBean(name = "scopedAsyncPoolsLifecycle")
		PoolsLifecycle scopedAsyncPoolsLifecycle(ConfigurableApplicationContext context) {
			// By its class alone: with generics it would be compared with the declared
			// type.
			return new PoolsLifecycle(context::isClosed,
					() -> context.getBeanProvider(PooledResource.class).stream().map(Pools::pool).toList(),
					WARM_UP_LIMIT);
		}

		private static PoolsLifecycle.Pool pool(PooledResource<?> pool) {
			return new PoolsLifecycle.Pool() {

				@Override
				public String name() {
					return pool.name();
				}

				@Override
				public Mono<Integer> warmUp() {
					return pool.warmUp();
				}

				@Override
				public Mono<Void> close() {
					return pool.close();
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(WebClient.class)
	static class Sessions {

		@Bean
		@ConditionalOnMissingBean(name = "scopedAsyncSessionsLifecycle")
		PoolsLifecycle scopedAsyncSessionsLifecycle(ConfigurableApplicationContext context,
				ObjectProvider<SessionResource> sessions) {
			return new PoolsLifecycle(context::isClosed, () -> sessions.stream().map(Sessions::pool).toList(),
					WARM_UP_LIMIT);
		}

		private static PoolsLifecycle.Pool pool(SessionResource session) {
			return new PoolsLifecycle.Pool() {

				@Override
				public String name() {
					return session.name();
				}

				@Override
				public Mono<Integer> warmUp() {
					return session.warmUp();
				}

				@Override
				public Mono<Void> close() {
					return session.close();
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(HttpServer.class)
	static class Servers {

		@Bean
		@ConditionalOnMissingBean
		ServersLifecycle scopedAsyncServersLifecycle(ConfigurableApplicationContext context,
				ObjectProvider<ServerResource> servers) {
			return new ServersLifecycle(context::isClosed, () -> servers.stream().toList());
		}

	}

}
