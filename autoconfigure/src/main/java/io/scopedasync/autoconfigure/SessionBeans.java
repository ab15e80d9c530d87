package io.scopedasync.autoconfigure;

import java.time.Duration;

import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import io.scopedasync.webclient.SessionBuilder;
import io.scopedasync.webclient.SessionResource;
import io.scopedasync.webclient.SessionTransport;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import reactor.netty.http.client.HttpClient;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.http.client.HttpClientSettings;
import org.springframework.boot.http.client.reactive.ClientHttpConnectorBuilder;
import org.springframework.boot.http.client.reactive.ReactorClientHttpConnectorBuilder;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * Factory methods of the sessions that properties define, and of their clients: named in
 * bean definitions instead of given as functions, so that definitions can be written out
 * ahead of time.
 */
final class SessionBeans {

	static final String SESSION = "session";

	static final String CLIENT = "client";

	private static final Log logger = LogFactory.getLog(SessionBeans.class);

	private SessionBeans() {
	}

	static SessionResource session(String name, SessionProperties properties, SessionLogins logins,
			ObjectProvider<WebClient.Builder> webClient, ObjectProvider<ClientHttpConnectorBuilder<?>> connector,
			ObjectProvider<HttpClientSettings> httpClient, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		SessionProperties.Session own = properties.getSessions().get(name);
		SessionSettings settings = SessionSettings.of(name, (own != null) ? own : new SessionProperties.Session(),
				properties.getDefaults().getSession());
		WebClient.Builder client = webClient.getIfAvailable(WebClient::builder);
		settings.applyTo(client);
		HttpClientSettings http = httpClient.getIfAvailable(HttpClientSettings::defaults);
		SessionBuilder builder = SessionResource.builder(name)
			.webClient(client)
			.transport(transport(name, connector.getIfAvailable(ClientHttpConnectorBuilder::reactor), http))
			.login(logins.of(name));
		clock.ifAvailable(builder::clock);
		watcher.ifAvailable(builder::watcher);
		// A session's own settings, which come next, go before those of all clients.
		Duration connectTimeout = http.connectTimeout();
		if (connectTimeout != null) {
			builder.connectTimeout(connectTimeout);
		}
		Duration readTimeout = http.readTimeout();
		if (readTimeout != null) {
			builder.responseTimeout(readTimeout);
		}
		settings.applyTo(builder);
		return builder.build();
	}

	static WebClient client(SessionResource session) {
		return session.client();
	}

	private static SessionTransport transport(String name, ClientHttpConnectorBuilder<?> connector,
			HttpClientSettings settings) {
		// Each session keeps cookies of its own, and Reactor Netty can't keep any.
		HttpClientSettings withoutCookies = settings.withCookieHandling(null);
		ReactorClientHttpConnectorBuilder reactor = reactor(name, connector);
		return (connections, session) -> reactor.withHttpClientFactory(() -> HttpClient.create(connections))
			.withHttpClientCustomizer(session)
			.build(withoutCookies);
	}

	private static ReactorClientHttpConnectorBuilder reactor(String name, ClientHttpConnectorBuilder<?> connector) {
		if (connector instanceof ReactorClientHttpConnectorBuilder reactor) {
			return reactor;
		}
		logger.warn("Session '" + name + "' works on Reactor Netty; the " + connector.getClass().getSimpleName()
				+ " that the application has configured, and what customizes it, is for its other clients");
		return ClientHttpConnectorBuilder.reactor();
	}

}
