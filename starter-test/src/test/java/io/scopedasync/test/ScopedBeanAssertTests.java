package io.scopedasync.test;

import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.webclient.SessionResource;

import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static io.scopedasync.test.ScopedAsyncAssertions.assertThatScoped;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Whether the advice is on, in a context that has nothing but a slice.
 */
class ScopedBeanAssertTests {

	private final ApplicationContextRunner slice = new ApplicationContextRunner().withUserConfiguration(Slice.class)
		.withPropertyValues("scoped-async.limiters.limit.permits=1",
				"scoped-async.sessions.quotes.base-url=http://localhost:9");

	@Test
	void aSliceBringsTheAdviceAndWhatPropertiesDefine() {
		this.slice.withBean(Quotes.class, Quotes::new).run((context) -> {
			assertThatScoped(context.getBean(Quotes.class)).isAdvised("quote");
			assertThat(context).hasSingleBean(AsyncScopes.class)
				.hasSingleBean(Limiter.class)
				.hasSingleBean(SessionResource.class);
		});
	}

	@Test
	void anInterfaceCanBeAnnotated() {
		this.slice.withBean(Remote.class, RemoteOverThere::new)
			.run((context) -> assertThatScoped(context.getBean(Remote.class)).isAdvised("call"));
	}

	@Test
	void anObjectThatIsNoBean() {
		fails(new Quotes(), "quote").contains("Quotes.quote run in no scope", "not behind a proxy",
				"instead of calling its constructor", "@AutoConfigureScopedAsync");
	}

	@Test
	void aMethodWithoutTheAnnotation() {
		this.slice.withBean(Quotes.class, Quotes::new)
			.run((context) -> fails(context.getBean(Quotes.class), "plain").contains("Quotes.plain run in no scope",
					"Annotate the method"));
	}

	@Test
	void aMethodThatIsNotThere() {
		fails(new Quotes(), "nothing").contains("has no method 'nothing'");
	}

	@Test
	void adviceThatIsSwitchedOff() {
		this.slice.withBean(Quotes.class, Quotes::new)
			.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> fails(context.getBean(Quotes.class), "quote").contains("scoped-async.enabled"));
	}

	private static Message fails(Object bean, String method) {
		return (parts) -> assertThatExceptionOfType(AssertionError.class)
			.isThrownBy(() -> assertThatScoped(bean).isAdvised(method))
			.satisfies((error) -> assertThat(error.getMessage()).contains(parts));
	}

	@FunctionalInterface
	private interface Message {

		void contains(String... parts);

	}

	@AutoConfigureScopedAsync
	static class Slice {

	}

	static class Quotes {

		@ScopedAsync("limit")
		Mono<String> quote() {
			return Mono.just("42");
		}

		Mono<String> plain() {
			return Mono.just("42");
		}

	}

	interface Remote {

		@ScopedAsync("limit")
		Mono<String> call();

	}

	/** Leaves nothing but the interface to put a proxy before. */
	static final class RemoteOverThere implements Remote {

		@Override
		public Mono<String> call() {
			return Mono.just("42");
		}

	}

}
