package io.scopedasync.interceptor;

import java.time.Duration;

import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncResource;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpStatus;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.reactive.function.client.support.WebClientAdapter;
import org.springframework.web.service.annotation.GetExchange;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Clients that Spring makes of an interface: a proxy without a target.
 */
class HttpExchangeTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
		.withUserConfiguration(Clients.class);

	@Test
	void eachExchangeIsAScope() {
		this.runner.withBean("client", QuoteClient.class, () -> client(QuoteClient.class)).run((context) -> {
			assertThat(context).hasNotFailed();
			QuoteClient client = context.getBean(QuoteClient.class);
			Journal journal = context.getBean(Journal.class);
			assertThat(client.quote().block(LIMIT)).isEqualTo("/quote");
			assertThat(client.other().block(LIMIT)).isEqualTo("/other");
			assertThat(client.blocking()).isEqualTo("/blocking");
			assertThat(journal.entries()).containsExactly("acquire b", "release b completed", "acquire a",
					"release a completed", "acquire a", "release a completed");
		});
	}

	@Test
	void anAnnotatedMethodOfASuperInterfaceIsCovered() {
		this.runner.withBean("client", DerivedClient.class, () -> client(DerivedClient.class)).run((context) -> {
			assertThat(context).hasNotFailed();
			context.getBean(DerivedClient.class).annotated().block(LIMIT);
			assertThat(context.getBean(Journal.class).entries()).first().isEqualTo("acquire b");
		});
	}

	@Test
	void aMethodOfASuperInterfaceThatOnlyTheClientsTypeCoversIsRefused() {
		this.runner.withBean("client", AnnotatedDerivedClient.class, () -> client(AnnotatedDerivedClient.class))
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(InvalidScopedMethodException.class)
				.hasMessageContaining("BaseClient.plain() of bean 'client' is inherited by the annotated interface")
				.hasMessageContaining("Declare the method again"));
	}

	private static <T> T client(Class<T> type) {
		WebClient webClient = WebClient.builder()
			.exchangeFunction((request) -> Mono
				.fromSupplier(() -> ClientResponse.create(HttpStatus.OK).body(request.url().getPath()).build()))
			.build();
		return HttpServiceProxyFactory.builderFor(WebClientAdapter.create(webClient)).build().createClient(type);
	}

	@ScopedAsync("a")
	interface QuoteClient {

		@GetExchange("/quote")
		@ScopedAsync("b")
		Mono<String> quote();

		@GetExchange("/other")
		Mono<String> other();

		@GetExchange("/blocking")
		String blocking();

	}

	interface BaseClient {

		@GetExchange("/plain")
		Mono<String> plain();

		@GetExchange("/annotated")
		@ScopedAsync("b")
		Mono<String> annotated();

	}

	interface DerivedClient extends BaseClient {

	}

	@ScopedAsync("a")
	interface AnnotatedDerivedClient extends BaseClient {

	}

	@Configuration(proxyBeanMethods = false)
	static class Clients {

		@Bean
		Journal journal() {
			return new Journal();
		}

		@Bean
		AsyncResource<String> a(Journal journal) {
			return journal.resource("a");
		}

		@Bean
		AsyncResource<String> b(Journal journal) {
			return journal.resource("b");
		}

	}

}
