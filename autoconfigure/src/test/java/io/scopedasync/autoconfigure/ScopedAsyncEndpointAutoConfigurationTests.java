package io.scopedasync.autoconfigure;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import io.scopedasync.AsyncScopes;
import io.scopedasync.actuate.InspectorRuntimeHints;
import io.scopedasync.actuate.ScopesEndpoint;
import io.scopedasync.actuate.ScopesEndpointWebExtension;
import io.scopedasync.leak.Leaks;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ScopedAsyncEndpointAutoConfiguration}.
 */
class ScopedAsyncEndpointAutoConfigurationTests {

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncEndpointAutoConfiguration.class));

	private final ApplicationContextRunner exposed = this.runner
		.withPropertyValues("management.endpoints.web.exposure.include=scopes");

	@Test
	void isThereOnceExposed() {
		this.exposed.run((context) -> assertThat(context).hasSingleBean(ScopesEndpoint.class)
			.hasSingleBean(ScopesEndpointWebExtension.class));
	}

	@Test
	void isNotThereByDefault() {
		this.runner.run((context) -> assertThat(context).doesNotHaveBean(ScopesEndpoint.class)
			.doesNotHaveBean(ScopesEndpointWebExtension.class));
	}

	@Test
	void hasNoPageWhereOnlyJmxShowsIt() {
		this.runner.withPropertyValues("spring.jmx.enabled=true", "management.endpoints.jmx.exposure.include=scopes")
			.run((context) -> assertThat(context).hasSingleBean(ScopesEndpoint.class)
				.doesNotHaveBean(ScopesEndpointWebExtension.class));
	}

	@Test
	void isNotThereWithoutAccess() {
		this.exposed.withPropertyValues("management.endpoint.scopes.access=NONE")
			.run((context) -> assertThat(context).doesNotHaveBean(ScopesEndpoint.class));
	}

	@Test
	void backsOffWithoutActuator() {
		this.exposed.withClassLoader(new FilteredClassLoader("org.springframework.boot.actuate"))
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(AsyncScopes.class)
				.doesNotHaveBean(ScopesEndpoint.class));
		this.exposed.withClassLoader(new FilteredClassLoader(Endpoint.class))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ScopesEndpoint.class));
		this.exposed.withClassLoader(new FilteredClassLoader(ConditionalOnAvailableEndpoint.class))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ScopesEndpoint.class));
	}

	@Test
	void backsOffWithoutScopes() {
		this.exposed.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ScopesEndpoint.class));
	}

	@Test
	void leavesTheUsersEndpointAlone() {
		this.exposed.withUserConfiguration(OwnEndpoint.class)
			.run((context) -> assertThat(context).getBean(ScopesEndpoint.class)
				.isSameAs(context.getBean("ownEndpoint")));
	}

	@Test
	void bindsWhoSeesValues() {
		this.exposed
			.withPropertyValues("management.endpoint.scopes.show-values=when-authorized",
					"management.endpoint.scopes.roles=ops,dev")
			.run((context) -> {
				ScopesEndpointProperties properties = context.getBean(ScopesEndpointProperties.class);
				assertThat(properties.getShowValues()).isEqualTo(Show.WHEN_AUTHORIZED);
				assertThat(properties.getRoles()).containsExactlyInAnyOrder("ops", "dev");
			});
	}

	@Test
	void takesThePageAlongIntoANativeImage() {
		RuntimeHints hints = new RuntimeHints();
		new InspectorRuntimeHints().registerHints(hints, getClass().getClassLoader());
		assertThat(RuntimeHintsPredicates.resource().forResource("io/scopedasync/actuate/inspector.html"))
			.accepts(hints);
	}

	@Configuration(proxyBeanMethods = false)
	static class OwnEndpoint {

		@Bean
		ScopesEndpoint ownEndpoint(AsyncScopes scopes, Leaks leaks) {
			return new ScopesEndpoint(scopes, leaks, null, List.of(), List.of(), Show.NEVER);
		}

	}

}
