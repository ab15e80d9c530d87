package io.scopedasync.autoconfigure;

import java.util.Map;

import io.scopedasync.webclient.SessionResource;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.RuntimeBeanReference;
import org.springframework.beans.factory.support.AutowireCandidateQualifier;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Registers two beans for each session that properties define: the resource under the
 * session's name, and a client that only this name as a qualifier gets. All are checked
 * here, so that a mistake is found at start-up even if nobody asks for the session. A
 * {@link SessionResource} that the user defines under the same name wins.
 */
final class SessionRegistrar implements ImportBeanDefinitionRegistrar {

	private static final Bindable<Map<String, SessionProperties.Session>> SESSIONS = Bindable.mapOf(String.class,
			SessionProperties.Session.class);

	private final Environment environment;

	private final BeanFactory beanFactory;

	SessionRegistrar(Environment environment, BeanFactory beanFactory) {
		this.environment = environment;
		this.beanFactory = beanFactory;
	}

	@Override
	public void registerBeanDefinitions(AnnotationMetadata importingClassMetadata, BeanDefinitionRegistry registry) {
		StrictBinder binder = new StrictBinder(this.environment, "session", SessionProperties.Session.class);
		SessionProperties.Session defaults = binder
			.bind(SessionSettings.DEFAULTS, Bindable.of(SessionProperties.Session.class))
			.orElseGet(SessionProperties.Session::new);
		Map<String, SessionProperties.Session> sessions = binder.bind(SessionSettings.PREFIX, SESSIONS)
			.orElseGet(Map::of);
		PropertyBeans beans = new PropertyBeans(this.beanFactory, registry, SessionSettings.PREFIX, "session",
				SessionBeans.class);
		ResourceNames.withoutTwins(sessions).forEach((name, session) -> {
			SessionSettings.of(name, session, defaults);
			// To be closed by those whose application has no lifecycle of pools.
			beans.register(name, SessionResource.class, SessionBeans.SESSION, name,
					(definition) -> definition.setDestroyMethodName("close"));
			registerClient(name, registry);
		});
	}

	private static void registerClient(String name, BeanDefinitionRegistry registry) {
		RootBeanDefinition definition = new RootBeanDefinition(SessionBeans.class);
		definition.setTargetType(WebClient.class);
		definition.setFactoryMethodName(SessionBeans.CLIENT);
		definition.getConstructorArgumentValues().addIndexedArgumentValue(0, new RuntimeBeanReference(name));
		definition.addQualifier(new AutowireCandidateQualifier(Qualifier.class, name));
		// Who injects some WebClient without a name means another one.
		definition.setDefaultCandidate(false);
		registry.registerBeanDefinition(name + ".webClient", definition);
	}

}
