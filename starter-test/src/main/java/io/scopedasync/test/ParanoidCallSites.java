package io.scopedasync.test;

import java.util.List;
import java.util.Map;

import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.MapPropertySource;
import org.springframework.test.context.ContextConfigurationAttributes;
import org.springframework.test.context.ContextCustomizer;
import org.springframework.test.context.ContextCustomizerFactory;
import org.springframework.test.context.MergedContextConfiguration;

/**
 * Has the application contexts of tests keep every call site, unless a property says
 * otherwise. For all tests alike, so that they go on sharing contexts.
 */
final class ParanoidCallSites implements ContextCustomizerFactory {

	private static final ContextCustomizer CUSTOMIZER = new Customizer();

	@Override
	public ContextCustomizer createContextCustomizer(Class<?> testClass,
			List<ContextConfigurationAttributes> attributes) {
		return CUSTOMIZER;
	}

	private record Customizer() implements ContextCustomizer {

		@Override
		public void customizeContext(ConfigurableApplicationContext context, MergedContextConfiguration merged) {
			context.getEnvironment()
				.getPropertySources()
				.addLast(new MapPropertySource("scopedAsyncTest",
						Map.of("scoped-async.leak-detection.level", "paranoid")));
		}

	}

}
