package io.scopedasync.autoconfigure;

import java.lang.ref.Reference;
import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.publisher.Mono;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.webclient.SessionResource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ScopedAsyncLifecycleAutoConfiguration}.
 */
@ExtendWith(OutputCaptureExtension.class)
class ScopedAsyncLifecycleAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
				ScopedAsyncLeakDetectionAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class));

	@Test
	void closesTheScopesWithTheContext(CapturedOutput output) {
		this.runner.run((context) -> assertThat(context.getBean(ScopesLifecycle.class).isRunning()).isTrue());
		assertThat(output).contains("All scopes closed: nothing was left open");
	}

	@Test
	void endsWhatIsOpenAfterTheShutdownTimeout(CapturedOutput output) {
		Scope[] open = new Scope[1];
		this.runner.withPropertyValues("scoped-async.shutdown-timeout=200ms")
			.run((context) -> open[0] = context.getBean(AsyncScopes.class).open("import"));
		// Or else it could be lost before.
		Reference.reachabilityFence(open);
		assertThat(output).contains("Leak (at-close): 1 scope was still open").contains("- 'import' open for");
	}

	@Test
	void reportsAtCloseAlsoWhereDetectionIsDisabled(CapturedOutput output) {
		this.runner
			.withPropertyValues("scoped-async.shutdown-timeout=200ms", "scoped-async.leak-detection.level=disabled")
			.run((context) -> {
				AsyncScopes scopes = context.getBean(AsyncScopes.class);
				scopes.with((scope) -> Mono.never()).subscribe();
			});
		assertThat(output).contains("Leak (at-close): 1 scope was still open");
	}

	@Test
	void aPauseOrAStopKeepsTheScopesOpen() {
		this.runner.run((context) -> {
			context.getSourceApplicationContext().pause();
			context.getSourceApplicationContext().restart();
			context.getSourceApplicationContext().stop();
			context.getSourceApplicationContext().start();
			context.getBean(AsyncScopes.class).open("import").close().block(LIMIT);
		});
	}

	@Test
	void warnsOfAShutdownTimeoutThatThePhaseCutsShort(CapturedOutput output) {
		this.runner.withPropertyValues("scoped-async.shutdown-timeout=60s")
			.run((context) -> assertThat(output).contains("scoped-async.shutdown-timeout (PT1M)"));
		assertThat(output).contains("Raise the phase's timeout");
	}

	@Test
	void closesSessionsWithTheContext() {
		SessionResource quotes = SessionResource.builder("quotes").build();
		this.runner.withBean(SessionResource.class, () -> quotes)
			.run((context) -> assertThat(
					context.getBean("scopedAsyncSessionsLifecycle", PoolsLifecycle.class).isRunning())
				.isTrue());
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> quotes.acquire().block(LIMIT))
			.withMessageContaining("'quotes'");
	}

	@Test
	void fillsSessionsAtTheStartThatAskForIt() {
		this.runner.withConfiguration(AutoConfigurations.of(ScopedAsyncSessionAutoConfiguration.class))
			.withPropertyValues("scoped-async.sessions.quotes.base-url=http://127.0.0.1:1",
					"scoped-async.sessions.quotes.min-size=2")
			.run((context) -> assertThat(context.getBean(SessionResource.class).statistics().idle()).isEqualTo(2));
	}

	@Test
	void closesScopesWithoutWhatSessionsNeed(CapturedOutput output) {
		this.runner.withClassLoader(new FilteredClassLoader("org.springframework.web.reactive"))
			.run((context) -> assertThat(context).hasSingleBean(ScopesLifecycle.class)
				.doesNotHaveBean("scopedAsyncSessionsLifecycle"));
		assertThat(output).contains("All scopes closed: nothing was left open");
	}

	@Test
	void backsOffWithoutScopes() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncLifecycleAutoConfiguration.class))
			.run((context) -> assertThat(context).doesNotHaveBean(ScopesLifecycle.class));
	}

}
