package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/**
 * Limiters made of properties.
 */
class LimiterRegistrarTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class));

	@Test
	void eachIsABeanOfItsName() {
		this.runner
			.withPropertyValues("scoped-async.limiters.quotes-limit.permits=10",
					"scoped-async.limiters.other.permits=2", "scoped-async.limiters.tenants.permits=3",
					"scoped-async.limiters.tenants.keyed=true", "scoped-async.limiters[dotted.name].permits=4")
			.withUserConfiguration(Injected.class)
			.run((context) -> {
				assertThat(context.getBeanNamesForType(Limiter.class)).containsExactlyInAnyOrder("quotes-limit",
						"other", "dotted.name");
				assertThat(context.getBean("quotes-limit", Limiter.class).statistics().total()).isEqualTo(10);
				assertThat(context.getBean("quotes-limit", Limiter.class).name()).isEqualTo("quotes-limit");
				assertThat(context.getBean("dotted.name", Limiter.class).statistics().total()).isEqualTo(4);
				assertThat(context.getBean("tenants", KeyedLimiter.class).total()).isEqualTo(3);
				assertThat(context.getBean(Injected.Holder.class).limiter()).isSameAs(context.getBean("quotes-limit"));
			});
	}

	@Test
	void boundsWaitersAndTheirTime() {
		this.runner
			.withPropertyValues("scoped-async.limiters.closed.permits=1", "scoped-async.limiters.closed.max-waiting=0",
					"scoped-async.limiters.timed.permits=1", "scoped-async.limiters.timed.acquire-timeout=20ms")
			.run((context) -> {
				assertThatExceptionOfType(AcquireRejectedException.class).isThrownBy(() -> useTwice(context, "closed"));
				assertThatExceptionOfType(AcquireTimeoutException.class).isThrownBy(() -> useTwice(context, "timed"))
					.withMessageContaining("timed");
			});
	}

	private static void useTwice(org.springframework.beans.factory.BeanFactory beans, String name) {
		AsyncScopes scopes = beans.getBean(AsyncScopes.class);
		Limiter limiter = beans.getBean(name, Limiter.class);
		scopes.use(limiter, (outer) -> scopes.use(limiter, (inner) -> Mono.just("both"))).block(LIMIT);
	}

	@Test
	void takesWhatIsNotSaidFromTheDefaults() {
		this.runner
			.withPropertyValues("scoped-async.defaults.limiter.permits=7",
					"scoped-async.defaults.limiter.acquire-timeout=20ms", "scoped-async.limiters.one.permits=1",
					"scoped-async.limiters.many.max-waiting=0", "scoped-async.limiters.tenants.keyed=true")
			.run((context) -> {
				assertThat(context.getBean("many", Limiter.class).statistics().total()).isEqualTo(7);
				assertThat(context.getBean("tenants", KeyedLimiter.class).total()).isEqualTo(7);
				assertThatExceptionOfType(AcquireTimeoutException.class).isThrownBy(() -> useTwice(context, "one"));
			});
	}

	@Test
	void anEnvironmentVariableOverridesAndDefinesNoTwin() {
		this.runner.withPropertyValues("scoped-async.limiters.quotes-limit.permits=10")
			.withInitializer((context) -> context.getEnvironment()
				.getPropertySources()
				.replace(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
						new SystemEnvironmentPropertySource(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
								Map.of("SCOPEDASYNC_LIMITERS_QUOTESLIMIT_MAXWAITING", "0"))))
			.run((context) -> {
				assertThat(context).hasNotFailed();
				assertThat(context.getBeanNamesForType(Limiter.class)).containsExactly("quotes-limit");
				Limiter limiter = context.getBean(Limiter.class);
				limiter.resize(1);
				assertThatExceptionOfType(AcquireRejectedException.class)
					.isThrownBy(() -> useTwice(context, "quotes-limit"));
			});
	}

	@Test
	void namesThatDifferInHyphensOnlyAreTwoLimiters() {
		this.runner.withPropertyValues("scoped-async.limiters.a-b.permits=1", "scoped-async.limiters.ab-.permits=2")
			.run((context) -> assertThat(context.getBeanNamesForType(Limiter.class)).containsExactly("a-b", "ab-"));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aLimiterOfTheUserWinsAndSaysSo(CapturedOutput output) {
		this.runner.withPropertyValues("scoped-async.limiters.own.permits=10")
			.withUserConfiguration(OwnLimiter.class)
			.run((context) -> {
				assertThat(context.getBean(Limiter.class).statistics().total()).isEqualTo(3);
				assertThat(output)
					.contains("The bean 'own' is used as it is, and scoped-async.limiters.own.* has no effect");
			});
	}

	@Test
	void anotherBeanOfItsNameIsAnError() {
		this.runner.withPropertyValues("scoped-async.limiters.own.permits=10", "scoped-async.limiters.own.keyed=true")
			.withUserConfiguration(OwnLimiter.class)
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.limiters.own defines a KeyedLimiter")
				.hasMessageContaining("is of type io.scopedasync.limiter.Limiter"));
		this.runner.withPropertyValues("scoped-async.limiters.own.permits=10")
			.withUserConfiguration(OwnResource.class)
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("bean 'own' already, which is of type io.scopedasync.AsyncResource")
				.hasMessageContaining("another name"));
	}

	static Stream<Arguments> mistakes() {
		return Stream.of(
				arguments(new String[] { "limiters.x.max-waiting=5" }, "Limiter 'x' has no permits",
						"scoped-async.limiters.x.permits=10"),
				arguments(new String[] { "limiters.x.permits=0" }, "scoped-async.limiters.x.permits is 0", "Write 1"),
				arguments(new String[] { "limiters.x.permits=-1" }, "scoped-async.limiters.x.permits is -1", "Write 1"),
				arguments(new String[] { "limiters.x.max-waiting=1", "defaults.limiter.permits=0" },
						"scoped-async.defaults.limiter.permits is 0", "Write 1"),
				arguments(new String[] { "limiters.x.permits=1", "limiters.x.max-waiting=-1" },
						"scoped-async.limiters.x.max-waiting is -1", "0 to let nobody wait"),
				arguments(new String[] { "limiters.x.permits=1", "limiters.x.acquire-timeout=0s" },
						"scoped-async.limiters.x.acquire-timeout is 0 ms", "more than zero"),
				arguments(
						new String[] { "limiters.x.permits=1", "limiters.x.max-waiting=0",
								"limiters.x.acquire-timeout=2s" },
						"acquire-timeout is 2000 ms, and scoped-async.limiters.x.max-waiting is 0", "Remove one"),
				arguments(
						new String[] { "limiters.x.permits=1", "defaults.limiter.max-waiting=0",
								"defaults.limiter.acquire-timeout=2s" },
						"scoped-async.defaults.limiter.max-waiting is 0", "Remove one"),
				arguments(new String[] { "limiters[a b].permits=1" }, "The limiter name 'a b'", "letters, digits"));
	}

	@ParameterizedTest
	@MethodSource("mistakes")
	void refuses(String[] properties, String problem, String remedy) {
		String[] prefixed = Stream.of(properties).map((property) -> "scoped-async." + property).toArray(String[]::new);
		this.runner.withPropertyValues(prefixed)
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOfSatisfying(InvalidSettingException.class, (error) -> {
					assertThat(error.getProblem()).contains(problem);
					assertThat(error.getRemedy()).contains(remedy).endsWith(".");
				}));
	}

	@Test
	void aMisspeltKeyOfALimiterIsAnError() {
		this.runner.withPropertyValues("scoped-async.limiters.x.permits=1", "scoped-async.limiters.x.max-wating=5")
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("A limiter has no property scoped-async.limiters.x.max-wating")
				.hasMessageEndingWith("A limiter has acquire-timeout, keyed, leak-threshold, max-waiting, permits."));
		this.runner.withPropertyValues("scoped-async.defaults.limiter.permit=1")
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("A limiter has no property scoped-async.defaults.limiter.permit"));
	}

	@Test
	void aMalformedValueIsAnErrorOfBinding() {
		this.runner.withPropertyValues("scoped-async.limiters.x.permits=ten")
			.run((context) -> assertThat(context).getFailure().hasMessageContaining("scoped-async.limiters"));
	}

	@Configuration(proxyBeanMethods = false)
	static class Injected {

		@Bean
		Holder holder(@Qualifier("quotes-limit") Limiter limiter) {
			return new Holder(limiter);
		}

		record Holder(Limiter limiter) {

		}

	}

	@Configuration(proxyBeanMethods = false)
	static class OwnLimiter {

		@Bean
		Limiter own() {
			return Limiter.builder("own").permits(3).build();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class OwnResource {

		@Bean
		AsyncResource<String> own() {
			return AsyncResource.just("own");
		}

	}

}
