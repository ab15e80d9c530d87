package io.scopedasync.autoconfigure;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;

import io.scopedasync.AsyncScopes;
import io.scopedasync.NoScopeException;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.webclient.SelfSignedServer;
import io.scopedasync.webclient.SessionLogin;
import io.scopedasync.webclient.SessionResource;
import io.scopedasync.webclient.SessionTimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.resources.LoopResources;

import org.springframework.aot.generate.ClassNameGenerator;
import org.springframework.aot.generate.DefaultGenerationContext;
import org.springframework.aot.generate.GeneratedFiles;
import org.springframework.aot.generate.InMemoryGeneratedFiles;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.http.client.autoconfigure.HttpClientAutoConfiguration;
import org.springframework.boot.http.client.autoconfigure.reactive.ClientHttpConnectorBuilderCustomizer;
import org.springframework.boot.http.client.autoconfigure.reactive.ReactiveHttpClientAutoConfiguration;
import org.springframework.boot.http.client.reactive.ReactorClientHttpConnectorBuilder;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ContextConsumer;
import org.springframework.boot.test.util.TestPropertyValues;
import org.springframework.boot.webclient.WebClientCustomizer;
import org.springframework.boot.webclient.autoconfigure.WebClientAutoConfiguration;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.javapoet.ClassName;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.reactive.function.client.WebClientRequestException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ScopedAsyncSessionAutoConfiguration}.
 */
class ScopedAsyncSessionAutoConfigurationTests {

	private static final Duration BOUND = Duration.ofSeconds(30);

	/** Its own, because a context that is closed ends the shared ones. */
	private final LoopResources threads = LoopResources.create("upstream", 1, true);

	private final DisposableServer upstream = HttpServer.create()
		.runOn(this.threads)
		.host("127.0.0.1")
		.port(0)
		.route((routes) -> routes
			.get("/base/echo", (request, response) -> response.sendString(Mono.just(echo(request))))
			.get("/base/silent", (request, response) -> Mono.never())
			.get("/base/redirect", (request, response) -> response.sendRedirect("/base/echo")))
		.bindNow(BOUND);

	private final String url = "http://127.0.0.1:" + this.upstream.port() + "/base";

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(HttpClientAutoConfiguration.class,
				ReactiveHttpClientAutoConfiguration.class, WebClientAutoConfiguration.class, SslAutoConfiguration.class,
				ScopedAsyncAutoConfiguration.class, ScopedAsyncSessionAutoConfiguration.class))
		.withPropertyValues("scoped-async.sessions.quotes.base-url=" + this.url,
				"spring.reactor.netty.shutdown-quiet-period=0s");

	@AfterEach
	void close() {
		this.upstream.disposeNow(BOUND);
		this.threads.disposeLater(Duration.ZERO, BOUND).block(BOUND);
	}

	@Test
	void injectsAClientThatUsesTheSessionOfTheScope() {
		this.runner.withUserConfiguration(QuoteConfiguration.class).run((context) -> {
			QuoteService service = context.getBean(QuoteService.class);
			assertThat(service.quote().block(BOUND)).startsWith("GET");
			assertThat(context.getBean("quotes", SessionResource.class).statistics().idle()).isEqualTo(1);
			assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> service.unscoped().block(BOUND))
				.withMessageContaining("@ScopedAsync(\"quotes\")");
		});
	}

	@Test
	void doesNotOfferItsClientsToWhoInjectsSomeClient() {
		this.runner.withUserConfiguration(AnyClientConfiguration.class)
			.run((context) -> assertThat(context.getBean(AnyClient.class).client()).isNull());
	}

	@Test
	void appliesBaseUrlHeadersAndCustomizers() {
		this.runner
			.withPropertyValues("scoped-async.sessions.quotes.default-headers.X-Own=1",
					"scoped-async.defaults.session.default-headers.X-Own=2",
					"scoped-async.defaults.session.default-headers.X-Shared=3")
			.withBean(WebClientCustomizer.class, () -> (builder) -> builder.defaultHeader("X-Customizer", "4"))
			.run(answers((answer) -> assertThat(answer).contains("X-Own=1", "X-Shared=3", "X-Customizer=4")));
	}

	@Test
	void appliesTheSettingsOfTheApplicationsHttpClients() {
		this.runner.withPropertyValues("spring.http.clients.read-timeout=200ms")
			.run((context) -> assertThatExceptionOfType(SessionTimeoutException.class).isThrownBy(
					() -> get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class), "/silent"))
				.withMessageContaining("200 ms"));
		this.runner
			.withPropertyValues("spring.http.clients.read-timeout=1h",
					"scoped-async.sessions.quotes.response-timeout=200ms")
			.run((context) -> assertThatExceptionOfType(SessionTimeoutException.class).isThrownBy(
					() -> get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class), "/silent"))
				.withMessageContaining("200 ms"));
	}

	@Test
	void appliesRedirectsAndCustomizersOfTheConnector() {
		this.runner.withUserConfiguration(ConnectorConfiguration.class).run((context) -> {
			String answer = get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class),
					"/redirect");
			assertThat(answer).contains("X-Connector=5");
		});
	}

	@Test
	void trustsWhatTheApplicationsHttpClientsTrust(@TempDir Path directory) throws Exception {
		try (SelfSignedServer server = SelfSignedServer.start(directory)) {
			ApplicationContextRunner tls = this.runner
				.withPropertyValues("scoped-async.sessions.quotes.base-url=" + server.url());
			tls.run((context) -> assertThatExceptionOfType(WebClientRequestException.class).isThrownBy(
					() -> get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class), "/")));
			tls.withPropertyValues("spring.http.clients.ssl.bundle=mine",
					"spring.ssl.bundle.jks.mine.truststore.location=file:" + server.keyStore(),
					"spring.ssl.bundle.jks.mine.truststore.password=" + server.password())
				.run((context) -> assertThat(
						get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class), "/"))
					.isEqualTo("secret"));
		}
	}

	@Test
	void worksWhereAllClientsAreToKeepCookies() {
		this.runner.withPropertyValues("spring.http.clients.cookie-handling=disable")
			.run(answers((answer) -> assertThat(answer).isNotEmpty()));
	}

	@Test
	void worksWithoutTheAutoConfigurationOfClients() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
					ScopedAsyncSessionAutoConfiguration.class))
			.withPropertyValues("scoped-async.sessions.quotes.base-url=" + this.url)
			.run(answers((answer) -> assertThat(answer).isNotEmpty()));
	}

	@Test
	void logsInWithTheBeanOfTheSessionsName() {
		this.runner.withUserConfiguration(LoginConfiguration.class)
			.withPropertyValues("scoped-async.sessions.other.base-url=" + this.url)
			.run((context) -> {
				AsyncScopes scopes = context.getBean(AsyncScopes.class);
				get(scopes, context.getBean("quotes", SessionResource.class), "/echo");
				get(scopes, context.getBean("other", SessionResource.class), "/echo");
				assertThat(context.getBean(CountingLogin.class).logins).isEqualTo(1);
			});
	}

	@Test
	void refusesALoginWithoutASession() {
		this.runner.withBean("lost", SessionLogin.class, CountingLogin::new)
			.run((context) -> assertThat(context).getFailure()
				.hasMessageContaining("'lost'")
				.hasMessageContaining("@Qualifier(\"quotes\")"));
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = {
			"quotes.base-url=localhost:80|scoped-async.sessions.quotes.base-url is 'localhost:80'|such as https://",
			"quotes.base-url=/path|scoped-async.sessions.quotes.base-url is '/path'|such as https://",
			"quotes.max-size=0|scoped-async.sessions.quotes.max-size is 0|1 at least",
			"quotes.min-size=-1|scoped-async.sessions.quotes.min-size is -1|0 at least",
			"quotes.min-size=11|scoped-async.sessions.quotes.min-size is 11|10 unless set",
			"quotes.connections=0|scoped-async.sessions.quotes.connections is 0|1 at least",
			"quotes.max-waiting=-1|scoped-async.sessions.quotes.max-waiting is -1|0 at least",
			"quotes.acquire-timeout=0s|scoped-async.sessions.quotes.acquire-timeout is 0 ms|such as 2s",
			"quotes.total-timeout=-1s|scoped-async.sessions.quotes.total-timeout is -1000 ms|such as 2s",
			"[-bad].max-size=1|The session name '-bad'|Begin with a letter",
			"quotes.max-sise=1|scoped-async.sessions.quotes|max-sise" })
	void refusesPropertiesThatNoSessionHas(String property, String problem, String remedy) {
		this.runner.withPropertyValues("scoped-async.sessions." + property)
			.run((context) -> assertThat(context).getFailure()
				.satisfies((failure) -> assertThat(allMessages(failure)).contains(problem.strip())
					.contains(remedy.strip())));
	}

	@Test
	void refusesAPartThatIsLongerThanTheWhole() {
		this.runner
			.withPropertyValues("scoped-async.sessions.quotes.response-timeout=10s",
					"scoped-async.sessions.quotes.total-timeout=5s")
			.run((context) -> assertThat(context).getFailure()
				.hasMessageContaining("scoped-async.sessions.quotes.response-timeout is 10000 ms")
				.hasMessageContaining("5000 ms"));
	}

	@Test
	void refusesAnotherKindOfBeanOfThatName() {
		this.runner.withBean("quotes", String.class, () -> "mine")
			.run((context) -> assertThat(context).getFailure()
				.hasMessageContaining("'quotes'")
				.hasMessageContaining("java.lang.String"));
	}

	@Test
	void usesTheUsersOwnSession() {
		SessionResource mine = SessionResource.builder("quotes").build();
		this.runner.withBean("quotes", SessionResource.class, () -> mine)
			.run((context) -> assertThat(context.getBean(SessionResource.class)).isSameAs(mine));
	}

	@Test
	void closesItsSessionsWithTheContext() {
		SessionResource[] session = new SessionResource[1];
		this.runner.run((context) -> session[0] = context.getBean(SessionResource.class));
		session[0].close().block(BOUND);
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> session[0].acquire().block(BOUND));
	}

	@Test
	void canBeWrittenOutAheadOfTime() {
		AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
		TestPropertyValues.of("scoped-async.sessions.quotes.base-url=" + this.url).applyTo(context);
		context.register(ScopedAsyncAutoConfiguration.class, ScopedAsyncSessionAutoConfiguration.class);
		InMemoryGeneratedFiles files = new InMemoryGeneratedFiles();
		DefaultGenerationContext generation = new DefaultGenerationContext(
				new ClassNameGenerator(ClassName.get("io.scopedasync.autoconfigure", "Application")), files);
		new ApplicationContextAotGenerator().processAheadOfTime(context, generation);
		generation.writeGeneratedContent();
		assertThat(files.getGeneratedFiles(GeneratedFiles.Kind.SOURCE).keySet())
			.anySatisfy((name) -> assertThat(files.getGeneratedFileContent(GeneratedFiles.Kind.SOURCE, name))
				.contains("registerBeanDefinition(\"quotes\"")
				.contains("registerBeanDefinition(\"quotes.webClient\""))
			.anySatisfy((name) -> assertThat(files.getGeneratedFileContent(GeneratedFiles.Kind.SOURCE, name))
				.contains("setDefaultCandidate(false)")
				.contains("AutowireCandidateQualifier"));
	}

	@Test
	void canBeSwitchedOff() {
		this.runner.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).doesNotHaveBean(SessionResource.class).doesNotHaveBean("quotes"));
	}

	@ParameterizedTest
	@CsvSource({ "reactor.netty.http.client", "org.springframework.web.reactive.function.client",
			"org.springframework.boot.http.client" })
	void backsOffWithoutALibrary(String missing) {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
					ScopedAsyncSessionAutoConfiguration.class))
			.withClassLoader(new FilteredClassLoader(missing))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean("sessionLogins"));
	}

	private static ContextConsumer<AssertableApplicationContext> answers(Consumer<String> assertion) {
		return (context) -> assertion
			.accept(get(context.getBean(AsyncScopes.class), context.getBean(SessionResource.class), "/echo"));
	}

	private static String get(AsyncScopes scopes, SessionResource session, String path) {
		return scopes.use(session, (lent) -> session.client().get().uri(path).retrieve().bodyToMono(String.class))
			.block(BOUND);
	}

	private static String echo(HttpServerRequest request) {
		StringBuilder echo = new StringBuilder(request.method().name());
		request.requestHeaders()
			.forEach((header) -> echo.append(' ').append(header.getKey()).append('=').append(header.getValue()));
		return echo.toString();
	}

	private static String allMessages(Throwable failure) {
		StringBuilder messages = new StringBuilder();
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			messages.append(cause).append('\n');
		}
		return messages.toString();
	}

	record AnyClient(@Nullable WebClient client) {
	}

	@Configuration(proxyBeanMethods = false)
	static class AnyClientConfiguration {

		@Bean
		AnyClient anyClient(ObjectProvider<WebClient> client) {
			return new AnyClient(client.getIfAvailable());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class QuoteConfiguration {

		@Bean
		QuoteService quoteService(@Qualifier("quotes") WebClient quotes) {
			return new QuoteService(quotes);
		}

	}

	static class QuoteService {

		private final WebClient quotes;

		QuoteService(WebClient quotes) {
			this.quotes = quotes;
		}

		@ScopedAsync("quotes")
		Mono<String> quote() {
			return unscoped();
		}

		Mono<String> unscoped() {
			return this.quotes.get().uri("/echo").retrieve().bodyToMono(String.class);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class ConnectorConfiguration {

		@Bean
		ClientHttpConnectorBuilderCustomizer<ReactorClientHttpConnectorBuilder> customizer() {
			return (builder) -> builder
				.withHttpClientCustomizer((client) -> client.headers((headers) -> headers.set("X-Connector", "5")));
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class LoginConfiguration {

		@Bean
		@Qualifier("quotes")
		CountingLogin quotesLogin() {
			return new CountingLogin();
		}

	}

	static class CountingLogin implements SessionLogin {

		private int logins;

		@Override
		public Mono<Void> login(WebClient client) {
			return client.get().uri("/echo").retrieve().toBodilessEntity().doOnNext((answer) -> this.logins++).then();
		}

	}

}
