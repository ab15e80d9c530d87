package io.scopedasync.autoconfigure;

import java.util.Map;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.AutowireCapableBeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;
import org.springframework.util.ClassUtils;

/**
 * Registers a bean for each limiter that properties define, under the limiter's name. All
 * are checked here, so that a mistake is found at start-up even if nobody asks for the
 * limiter. A {@link Limiter} or {@link KeyedLimiter} that the user defines under the same
 * name wins.
 */
final class LimiterRegistrar implements ImportBeanDefinitionRegistrar {

	private static final Log logger = LogFactory.getLog(LimiterRegistrar.class);

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
		ResourceNames.withoutTwins(limiters)
			.forEach((name, limiter) -> register(name, LimiterSettings.of(name, limiter, defaults), registry));
	}

	private void register(String name, LimiterSettings settings, BeanDefinitionRegistry registry) {
		Class<?> type = settings.keyed() ? KeyedLimiter.class : Limiter.class;
		if (registry.containsBeanDefinition(name)) {
			requireLimiter(name, type);
			logger.warn("The bean '" + name + "' is used as it is, and " + LimiterSettings.PREFIX + "." + name
					+ ".* has no effect: remove one of the two");
			return;
		}
		RootBeanDefinition definition = new RootBeanDefinition(LimiterBeans.class);
		definition.setTargetType(type);
		definition.setFactoryMethodName(settings.keyed() ? LimiterBeans.KEYED_LIMITER : LimiterBeans.LIMITER);
		definition.setAutowireMode(AutowireCapableBeanFactory.AUTOWIRE_CONSTRUCTOR);
		definition.getConstructorArgumentValues().addIndexedArgumentValue(0, name);
		registry.registerBeanDefinition(name, definition);
	}

	private void requireLimiter(String name, Class<?> type) {
		Class<?> existing = this.beanFactory.getType(name, false);
		if (!ClassUtils.isAssignable(type, (existing != null) ? existing : Object.class)) {
			throw new InvalidSettingException(
					LimiterSettings.PREFIX + "." + name + " defines a " + type.getSimpleName()
							+ ", and there is a bean '" + name + "' already, which is of type "
							+ ((existing != null) ? existing.getName() : "unknown"),
					"Give the limiter or the bean another name.");
		}
	}

}
