package io.scopedasync.autoconfigure;

import java.util.Map;

import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;

/**
 * Registers a bean for each limiter that properties define, under the limiter's name. All
 * are checked here, so that a mistake is found at start-up even if nobody asks for the
 * limiter. A {@link Limiter} or {@link KeyedLimiter} that the user defines under the same
 * name wins.
 */
final class LimiterRegistrar implements ImportBeanDefinitionRegistrar {

	private static final Bindable<Map<String, ScopedAsyncProperties.Limiter>> LIMITERS = Bindable.mapOf(String.class,
			ScopedAsyncProperties.Limiter.class);

	private final Environment environment;

	private final BeanFactory beanFactory;

	LimiterRegistrar(Environment environment, BeanFactory beanFactory) {
		this.environment = environment;
		this.beanFactory = beanFactory;
	}

	@Override
	public void registerBeanDefinitions(AnnotationMetadata importingClassMetadata, BeanDefinitionRegistry registry) {
		StrictBinder binder = new StrictBinder(this.environment, "limiter", ScopedAsyncProperties.Limiter.class);
		ScopedAsyncProperties.Limiter defaults = binder
			.bind(LimiterSettings.DEFAULTS, Bindable.of(ScopedAsyncProperties.Limiter.class))
			.orElseGet(ScopedAsyncProperties.Limiter::new);
		Map<String, ScopedAsyncProperties.Limiter> limiters = binder.bind(LimiterSettings.PREFIX, LIMITERS)
			.orElseGet(Map::of);
		PropertyBeans beans = new PropertyBeans(this.beanFactory, registry, LimiterSettings.PREFIX, "limiter",
				LimiterBeans.class);
		ResourceNames.withoutTwins(limiters).forEach((name, limiter) -> {
			if (LimiterSettings.of(name, limiter, defaults).queue().keyed()) {
				beans.register(name, KeyedLimiter.class, LimiterBeans.KEYED_LIMITER, name);
			}
			else {
				beans.register(name, Limiter.class, LimiterBeans.LIMITER, name);
			}
		});
	}

}
