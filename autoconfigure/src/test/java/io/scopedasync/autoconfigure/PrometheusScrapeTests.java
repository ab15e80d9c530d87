package io.scopedasync.autoconfigure;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.limiter.Limiter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * With Actuator and Prometheus on the class path the meters are scraped, and nothing had
 * to be configured but the endpoint's exposure, which is Actuator's.
 */
class PrometheusScrapeTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	@Test
	void metersAppearAtTheEndpoint() throws Exception {
		try (ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class)
			.web(WebApplicationType.REACTIVE)
			.run("--server.port=0", "--server.address=127.0.0.1",
					"--management.endpoints.web.exposure.include=prometheus")) {
			context.getBean(AsyncScopes.class)
				.use(context.getBean(Limiter.class), (permit) -> Mono.just(permit.permits()))
				.block(LIMIT);
			String scrape = scrape(context.getEnvironment().getRequiredProperty("local.server.port", Integer.class));
			assertThat(scrape).contains("scoped_async_scope_seconds_count{exit=\"completed\",name=\"quotes-limit\"} 1")
				.contains("scoped_async_acquire_seconds_count{name=\"quotes-limit\",outcome=\"success\"} 1")
				.contains("scoped_async_acquire_seconds_count{name=\"quotes-limit\",outcome=\"rejected\"} 0")
				.contains("scoped_async_release_seconds_count{name=\"quotes-limit\",outcome=\"success\"} 1")
				.contains("scoped_async_resource_active{name=\"quotes-limit\"} 0.0")
				.contains("scoped_async_resource_pending{name=\"quotes-limit\"} 0.0")
				.contains("scoped_async_resource_max{name=\"quotes-limit\"} 10.0")
				.contains("scoped_async_resource_idle{name=\"quotes-limit\"} 10.0")
				.contains("scoped_async_undelivered_total{name=\"quotes-limit\"} 0.0")
				.contains("scoped_async_leaks_recovered_total 0.0")
				.contains("scoped_async_leaked 0.0")
				.contains("scoped_async_oldest_seconds 0.0");
			assertThat(LeakReason.values()).allSatisfy((reason) -> assertThat(scrape)
				.contains("scoped_async_leaks_total{reason=\"" + reason.tag() + "\"} 0.0"));
		}
	}

	private static String scrape(int port) throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/actuator/prometheus"))
			.timeout(LIMIT)
			.build();
		HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(200);
		return response.body();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

		@Bean
		Limiter quotesLimit() {
			return Limiter.builder("quotes-limit").permits(10).build();
		}

	}

}
