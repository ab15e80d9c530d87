package io.scopedasync.demo;

import java.util.Map;

import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

/**
 * Starts the embedded {@link Upstream} and sets {@code demo.upstream} to its address,
 * unless that names another.
 */
final class UpstreamInitializer implements ApplicationContextInitializer<ConfigurableApplicationContext> {

	private static final String PROPERTY = "demo.upstream";

	@Override
	public void initialize(ConfigurableApplicationContext context) {
		ConfigurableEnvironment environment = context.getEnvironment();
		if (!environment.containsProperty(PROPERTY)) {
			Upstream upstream = new Upstream();
			environment.getPropertySources()
				.addLast(new MapPropertySource("embeddedUpstream", Map.of(PROPERTY, upstream.url())));
			context.getBeanFactory().registerSingleton("upstream", upstream);
		}
	}

}
