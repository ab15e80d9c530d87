package io.scopedasync.autoconfigure;

import java.util.function.Consumer;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.AutowireCapableBeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.util.ClassUtils;

/**
 * Registers beans that properties define, each under its name. One of the same kind that
 * the user defines under the same name wins.
 */
final class PropertyBeans {

	private static final Log logger = LogFactory.getLog(PropertyBeans.class);

	private final BeanFactory beanFactory;

	private final BeanDefinitionRegistry registry;

	private final String prefix;

	private final String kind;

	private final Class<?> factory;

	/**
	 * Creates it for a kind of bean.
	 * @param prefix of the properties, without the name
	 * @param kind what they define, as an error calls it
	 * @param factory has the factory methods
	 */
	PropertyBeans(BeanFactory beanFactory, BeanDefinitionRegistry registry, String prefix, String kind,
			Class<?> factory) {
		this.beanFactory = beanFactory;
		this.registry = registry;
		this.prefix = prefix;
		this.kind = kind;
		this.factory = factory;
	}

	/**
	 * Registers a bean.
	 * @param name its name, which properties are found by
	 * @param method the factory method
	 * @param argument the method's first argument; others are autowired
	 */
	void register(String name, Class<?> type, String method, Object argument) {
		register(name, type, method, argument, (definition) -> {
		});
	}

	/** The same with something more to say of the bean, unless the user's wins. */
	void register(String name, Class<?> type, String method, Object argument, Consumer<RootBeanDefinition> more) {
		if (this.registry.containsBeanDefinition(name)) {
			require(name, type);
			logger.warn("The bean '" + name + "' is used as it is, and " + this.prefix + "." + name
					+ ".* has no effect: remove one of the two");
			return;
		}
		RootBeanDefinition definition = new RootBeanDefinition(this.factory);
		definition.setTargetType(type);
		definition.setFactoryMethodName(method);
		definition.setAutowireMode(AutowireCapableBeanFactory.AUTOWIRE_CONSTRUCTOR);
		definition.getConstructorArgumentValues().addIndexedArgumentValue(0, argument);
		more.accept(definition);
		this.registry.registerBeanDefinition(name, definition);
	}

	private void require(String name, Class<?> type) {
		Class<?> existing = this.beanFactory.getType(name, false);
		if (!ClassUtils.isAssignable(type, (existing != null) ? existing : Object.class)) {
			throw new InvalidSettingException(
					this.prefix + "." + name + " defines a " + type.getSimpleName() + ", and there is a bean '" + name
							+ "' already, which is of type " + ((existing != null) ? existing.getName() : "unknown"),
					"Give the " + this.kind + " or the bean another name.");
		}
	}

}
