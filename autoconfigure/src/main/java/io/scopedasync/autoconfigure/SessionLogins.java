package io.scopedasync.autoconfigure;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

import io.scopedasync.webclient.SessionLogin;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;

/**
 * Which login belongs to which session: the one that the session's name qualifies. A
 * login that belongs to none would be a session that is never logged in, and is an error.
 */
final class SessionLogins implements SmartInitializingSingleton {

	private final ListableBeanFactory beanFactory;

	private final Set<String> sessions;

	SessionLogins(ListableBeanFactory beanFactory, Set<String> sessions) {
		this.beanFactory = beanFactory;
		this.sessions = sessions;
	}

	@Nullable SessionLogin of(String session) {
		List<String> logins = Arrays.stream(names()).filter((login) -> belongs(login, session::equals)).toList();
		if (logins.size() > 1) {
			throw new InvalidSettingException("Session '" + session + "' has several logins: " + logins,
					"Qualify only one of these beans with @Qualifier(\"" + session + "\").");
		}
		return logins.isEmpty() ? null : this.beanFactory.getBean(logins.get(0), SessionLogin.class);
	}

	@Override
	public void afterSingletonsInstantiated() {
		for (String login : names()) {
			if (!belongs(login, this.sessions::contains)) {
				throw new InvalidSettingException(
						"The bean '" + login + "' is a SessionLogin and belongs to none of the sessions "
								+ this.sessions,
						"Qualify it with the name of its session, such as @Qualifier(\""
								+ this.sessions.stream().findFirst().orElse("my-session") + "\").");
			}
		}
	}

	private String[] names() {
		return this.beanFactory.getBeanNamesForType(SessionLogin.class);
	}

	private boolean belongs(String login, Predicate<String> session) {
		return BeanFactoryAnnotationUtils.isQualifierMatch(session, login, this.beanFactory);
	}

}
