package io.scopedasync.autoconfigure;

import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import io.scopedasync.annotation.ScopedAsync;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.reactive.function.client.WebClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * What the user reads when an application does not start.
 */
@ExtendWith(OutputCaptureExtension.class)
class FailureAnalyzerTests {

	@Test
	void explainsAMethod(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(Application.class, "--scoped-async.limiters.quotes-limit.permits=10"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("@ScopedAsync method Service.lines(String) of bean 'quoteService' returns "
					+ "java.util.stream.Stream<java.lang.String>")
			.contains("Method: java.util.stream.Stream<java.lang.String> "
					+ "io.scopedasync.autoconfigure.FailureAnalyzerTests$Service.lines(java.lang.String)")
			.contains("Return what comes out of it");
	}

	@Test
	void explainsAName(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(Misspelt.class, "--scoped-async.limiters.quote-limit.permits=10"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("names the resource 'quotes-limit', and there is none of that name.")
			.contains("Did you mean 'quote-limit'?");
	}

	@Test
	void explainsAProperty(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(Empty.class, "--scoped-async.limiters.quotes-limit.permits=0"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("scoped-async.limiters.quotes-limit.permits is 0, so nobody would ever enter.")
			.contains("Write 1 at least.");
	}

	@Test
	void explainsAValueThatIsNoNumber(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(Empty.class, "--scoped-async.limiters.quotes-limit.permits=ten"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("scoped-async.limiters.quotes-limit.permits")
			.contains("\"ten\"");
	}

	@Test
	void explainsAClientWithoutTheNameOfItsSession(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(AnyClient.class, "--scoped-async.sessions.quotes.base-url=http://localhost"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.containsPattern("AnyClient.* required a WebClient without saying of which session.")
			.contains("Write @Qualifier(\"quotes\"). For a client of no session, inject a WebClient.Builder");
	}

	@Test
	void explainsAClientWithAMisspeltName(CapturedOutput output) {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> start(MisspeltClient.class, "--scoped-async.sessions.quotes.base-url=http://localhost"));
		assertThat(output).contains("APPLICATION FAILED TO START")
			.contains("with the qualifier 'qoutes', and there is no session of that name.")
			.contains(
					"Write @Qualifier(\"quotes\"), or define the session with scoped-async.sessions.qoutes.base-url.");
	}

	private static void start(Class<?> application, String... arguments) {
		SpringApplication spring = new SpringApplication(application);
		spring.setWebApplicationType(WebApplicationType.NONE);
		spring.run(arguments).close();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class })
	static class Empty {

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class })
	static class Application {

		@Bean
		Service quoteService() {
			return new Service();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class })
	static class Misspelt {

		@ScopedAsync("quotes-limit")
		void method() {
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class,
			ScopedAsyncSessionAutoConfiguration.class })
	static class AnyClient {

		@Bean
		Client client(WebClient client) {
			return new Client(client);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class,
			ScopedAsyncSessionAutoConfiguration.class })
	static class MisspeltClient {

		@Bean
		Client client(@Qualifier("qoutes") WebClient client) {
			return new Client(client);
		}

	}

	record Client(WebClient client) {

	}

	static class Service {

		@ScopedAsync("quotes-limit")
		Stream<String> lines(String name) {
			return Stream.empty();
		}

	}

}
