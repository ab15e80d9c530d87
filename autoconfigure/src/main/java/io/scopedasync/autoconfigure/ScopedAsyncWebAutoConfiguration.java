package io.scopedasync.autoconfigure;

import io.scopedasync.AsyncScopes;
import io.scopedasync.web.DeadlineServletFilter;
import io.scopedasync.web.DeadlineWebFilter;
import jakarta.servlet.Filter;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.server.WebFilter;

/**
 * Auto-configuration of the filter that takes in the deadlines of callers.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class)
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
@ConditionalOnProperty("scoped-async.web.deadline-header")
public final class ScopedAsyncWebAutoConfiguration {

	private static String header(ScopedAsyncProperties properties) {
		String header = String.valueOf(properties.getWeb().getDeadlineHeader());
		HeaderNames.require("scoped-async.web.deadline-header", header);
		return header;
	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.REACTIVE)
	@ConditionalOnClass(WebFilter.class)
	static class Reactive {

		@Bean
		@ConditionalOnMissingBean
		DeadlineWebFilter deadlineWebFilter(AsyncScopes scopes, ScopedAsyncProperties properties) {
			return new DeadlineWebFilter(scopes, header(properties));
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
	@ConditionalOnClass({ Filter.class, OncePerRequestFilter.class })
	static class Servlet {

		@Bean
		@ConditionalOnMissingBean
		DeadlineServletFilter deadlineServletFilter(AsyncScopes scopes, ScopedAsyncProperties properties) {
			return new DeadlineServletFilter(scopes, header(properties));
		}

	}

}
