package io.scopedasync.actuate;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.tomcat.autoconfigure.actuate.web.server.TomcatReactiveManagementContextAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.reactive.TomcatReactiveWebServerAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

/**
 * A real application with Actuator on the loopback, and its callers.
 */
final class Application implements AutoCloseable {

	static final Duration LIMIT = Duration.ofSeconds(30);

	static final String OWN_PORT = "--management.server.port=0";

	static final String OWN_ADDRESS = "--management.server.address=127.0.0.1";

	static final String EXPOSED = "--management.endpoints.web.exposure.include=scopes,health";

	private final HttpClient client = HttpClient.newHttpClient();

	private final ConfigurableApplicationContext context;

	private final String actuator;

	private Application(ConfigurableApplicationContext context) {
		this.context = context;
		String port = context.getEnvironment()
			.getProperty("local.management.port", context.getEnvironment().getProperty("local.server.port", ""));
		this.actuator = "http://127.0.0.1:" + port + "/actuator";
	}

	static Application start(WebApplicationType type, String... arguments) {
		List<String> all = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1"));
		all.addAll(List.of(arguments));
		return new Application(new SpringApplicationBuilder(Beans.class).web(type).run(all.toArray(String[]::new)));
	}

	<T> T bean(Class<T> type) {
		return this.context.getBean(type);
	}

	/** Where the server is. */
	String origin() {
		return this.actuator.substring(0, this.actuator.lastIndexOf('/'));
	}

	HttpResponse<String> get(String path) {
		return get(path, "application/json");
	}

	HttpResponse<String> get(String path, String accept) {
		return send(request(path).header("Accept", accept).GET());
	}

	HttpResponse<String> post(String path, String json) {
		return send(request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(json)));
	}

	HttpResponse<String> delete(String path) {
		return send(request(path).DELETE());
	}

	private HttpRequest.Builder request(String path) {
		return HttpRequest.newBuilder(URI.create(this.actuator + path)).timeout(LIMIT);
	}

	private HttpResponse<String> send(HttpRequest.Builder request) {
		try {
			return this.client.send(request.build(), BodyHandlers.ofString());
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(ex);
		}
	}

	@Override
	public void close() {
		this.context.close();
	}

	/** Both servers are on the class path here, and Netty is the one for WebFlux. */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = { TomcatReactiveWebServerAutoConfiguration.class,
			TomcatReactiveManagementContextAutoConfiguration.class })
	static class Beans {

		@Bean
		Limiter quotesLimit() {
			return Limiter.builder("quotes-limit").permits(1).build();
		}

		@Bean
		KeyedLimiter tenantLimit() {
			return KeyedLimiter.builder("tenant-limit").permits(1).build();
		}

		@Bean
		SanitizingFunction hidden() {
			return (data) -> String.valueOf(data.getValue()).startsWith("hidden") ? data.withValue("not for you")
					: data;
		}

	}

}
