package io.scopedasync.autoconfigure;

import io.scopedasync.AsyncScopes;
import io.scopedasync.web.ClosingExceptionResolver;
import io.scopedasync.web.ClosingWebExceptionHandler;
import io.scopedasync.web.DeadlineServletFilter;
import io.scopedasync.web.DeadlineWebFilter;
import io.scopedasync.web.RequestsUnderWay;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.filter.OncePerRequestFilter;
import org.springframework.web.server.WebFilter;
import org.springframework.web.servlet.HandlerExceptionResolver;

/**
 * Auto-configuration of what web requests need: the filter that takes in the deadlines of
 * callers, and answers while the application closes.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class)
@ConditionalOnBooleanProperty(name = "scoped-async.enabled", matchIfMissing = true)
@EnableConfigurationProperties(ScopedAsyncProperties.class)
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
		RequestsUnderWay scopedAsyncRequestsUnderWay() {
			return new RequestsUnderWay();
		}

		@Bean
		@ConditionalOnMissingBean
		RequestsLifecycle scopedAsyncRequestsLifecycle(ConfigurableApplicationContext context,
				RequestsUnderWay requests, ScopedAsyncProperties properties) {
			return new RequestsLifecycle(context::isClosed, requests, properties.getShutdownTimeout());
		}

		@Bean
		@ConditionalOnMissingBean
		ClosingWebExceptionHandler scopedAsyncClosingWebExceptionHandler(ConfigurableApplicationContext context) {
			return new ClosingWebExceptionHandler(context::isClosed);
		}

		@Bean
		@ConditionalOnMissingBean
		@ConditionalOnProperty("scoped-async.web.deadline-header")
		DeadlineWebFilter deadlineWebFilter(AsyncScopes scopes, ScopedAsyncProperties properties) {
			return new DeadlineWebFilter(scopes, header(properties));
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
	@ConditionalOnClass({ HttpServletRequest.class, HandlerExceptionResolver.class })
	static class Mvc {

		@Bean
		@ConditionalOnMissingBean
		ClosingExceptionResolver scopedAsyncClosingExceptionResolver(ConfigurableApplicationContext context) {
			return new ClosingExceptionResolver(context::isClosed);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
	@ConditionalOnClass({ Filter.class, OncePerRequestFilter.class })
	@ConditionalOnProperty("scoped-async.web.deadline-header")
	static class Servlet {

		@Bean
		@ConditionalOnMissingBean
		DeadlineServletFilter deadlineServletFilter(AsyncScopes scopes, ScopedAsyncProperties properties) {
			return new DeadlineServletFilter(scopes, header(properties));
		}

	}

}
