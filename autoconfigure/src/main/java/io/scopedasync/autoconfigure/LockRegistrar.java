package io.scopedasync.autoconfigure;

import java.util.Map;

import io.scopedasync.AsyncResource;
import io.scopedasync.sync.KeyedLock;
import io.scopedasync.sync.Lock;
import io.scopedasync.sync.ReadWriteLock;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.RuntimeBeanReference;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;

/**
 * Registers a bean for each lock that properties define, under the lock's name, and for a
 * read-write lock one for each of the two ways to hold it. All are checked here, so that
 * a mistake is found at start-up even if nobody asks for the lock. A lock that the user
 * defines under the same name wins.
 */
final class LockRegistrar implements ImportBeanDefinitionRegistrar {

	private static final Bindable<Map<String, ScopedAsyncProperties.Lock>> LOCKS = Bindable.mapOf(String.class,
			ScopedAsyncProperties.Lock.class);

	private final Environment environment;

	private final BeanFactory beanFactory;

	LockRegistrar(Environment environment, BeanFactory beanFactory) {
		this.environment = environment;
		this.beanFactory = beanFactory;
	}

	@Override
	public void registerBeanDefinitions(AnnotationMetadata importingClassMetadata, BeanDefinitionRegistry registry) {
		StrictBinder binder = new StrictBinder(this.environment, "lock", ScopedAsyncProperties.Lock.class);
		ScopedAsyncProperties.Lock defaults = binder
			.bind(LockSettings.DEFAULTS, Bindable.of(ScopedAsyncProperties.Lock.class))
			.orElseGet(ScopedAsyncProperties.Lock::new);
		Map<String, ScopedAsyncProperties.Lock> locks = binder.bind(LockSettings.PREFIX, LOCKS).orElseGet(Map::of);
		PropertyBeans beans = new PropertyBeans(this.beanFactory, registry, LockSettings.PREFIX, "lock",
				LockBeans.class);
		ResourceNames.withoutTwins(locks)
			.forEach((name, lock) -> register(name, LockSettings.of(name, lock, defaults), beans));
	}

	private static void register(String name, LockSettings settings, PropertyBeans beans) {
		if (settings.readWrite()) {
			beans.register(name, ReadWriteLock.class, LockBeans.READ_WRITE_LOCK, name);
			RuntimeBeanReference lock = new RuntimeBeanReference(name);
			beans.register(name + ".read", AsyncResource.class, LockBeans.READ, lock);
			beans.register(name + ".write", AsyncResource.class, LockBeans.WRITE, lock);
		}
		else if (settings.queue().keyed()) {
			beans.register(name, KeyedLock.class, LockBeans.KEYED_LOCK, name);
		}
		else {
			beans.register(name, Lock.class, LockBeans.LOCK, name);
		}
	}

}
