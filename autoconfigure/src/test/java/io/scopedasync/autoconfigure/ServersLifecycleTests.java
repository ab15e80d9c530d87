package io.scopedasync.autoconfigure;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.handler.codec.LineBasedFrameDecoder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import reactor.core.publisher.Mono;
import reactor.netty.tcp.TcpServer;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.micrometer.ResourceMeterBinder;
import io.scopedasync.server.Server;
import io.scopedasync.server.ServerResource;
import io.scopedasync.webclient.SessionResource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

/**
 * Tests for {@link ServersLifecycle}, in an application that holds a server while it
 * runs.
 */
@Timeout(120)
@ExtendWith(OutputCaptureExtension.class)
class ServersLifecycleTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	@Test
	@Case(163)
	void serversStopBeforeTheSessionsTheyUseAndTakeNobodyInMeanwhile(CapturedOutput output) throws Exception {
		ConfigurableApplicationContext context = new SpringApplicationBuilder(App.class).web(WebApplicationType.NONE)
			.run("--scoped-async.release-timeout=30s");
		Server server = context.getBean(App.class).running();
		ServerResource echo = context.getBean(ServerResource.class);
		SessionResource quotes = context.getBean(SessionResource.class);
		MeterRegistry registry = context.getBean(MeterRegistry.class);
		context.getBean(ResourceMeterBinder.class).bindTo(registry);
		try (Socket caller = connect(server)) {
			assertThat(ask(caller, "early")).isEqualTo("early through quotes");
			assertThat(registry.get("scoped.async.resource.active").tag("name", "echo").gauge().value()).isOne();
			CompletableFuture<Void> closed = CompletableFuture.runAsync(context::close);
			await().atMost(LIMIT)
				.untilAsserted(() -> assertThatExceptionOfType(ConnectException.class)
					.isThrownBy(() -> connect(server).close()));
			assertThat(ask(caller, "late")).isEqualTo("late through quotes");
			assertThat(closed).isNotDone();
			caller.close();
			closed.get(30, TimeUnit.SECONDS);
		}
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> quotes.acquire().block(LIMIT));
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> echo.acquire().block(LIMIT));
		assertThat(output).contains("All scopes closed: nothing was left open");
	}

	@Test
	void nothingIsThereWithoutReactorNetty() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
					ScopedAsyncLifecycleAutoConfiguration.class))
			.withClassLoader(new FilteredClassLoader("reactor.netty"))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ServersLifecycle.class));
	}

	@Test
	void serverThatWouldOutlastAReleaseFailsTheStart() {
		new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class))
			.withPropertyValues("scoped-async.release-timeout=3s")
			.withUserConfiguration(App.class)
			.run((context) -> assertThat(context).getFailure()
				.hasStackTraceContaining("Server 'echo' may take 22000 ms to stop")
				.hasStackTraceContaining("scoped-async.release-timeout"));
	}

	private static Socket connect(Server server) throws IOException {
		Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
		socket.setSoTimeout(30_000);
		return socket;
	}

	private static String ask(Socket socket, String line) throws IOException {
		socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
		return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8)).readLine();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class,
			ScopedAsyncLifecycleAutoConfiguration.class, ScopedAsyncMetricsAutoConfiguration.class })
	static class App {

		private final AtomicReference<Server> running = new AtomicReference<>();

		@Bean
		SimpleMeterRegistry meters() {
			return new SimpleMeterRegistry();
		}

		@Bean
		SessionResource quotes() {
			return SessionResource.builder("quotes").build();
		}

		@Bean
		ServerResource echo(AsyncScopes scopes, SessionResource quotes) {
			TcpServer server = TcpServer.create()
				.host("127.0.0.1")
				.port(0)
				.doOnConnection((connection) -> connection.addHandlerLast(new LineBasedFrameDecoder(1024)));
			return ServerResource
				.tcp("echo", scopes, server,
						(in, out) -> out.sendString(in.receive()
							.asString()
							.concatMap((line) -> scopes.use(quotes,
									(session) -> Mono.just(line + " through " + quotes.name() + "\n")))))
				.grace(Duration.ofSeconds(20))
				.build();
		}

		@Bean
		ApplicationRunner serving(AsyncScopes scopes, ServerResource echo) {
			return (arguments) -> scopes.use(echo, (server) -> {
				this.running.set(server);
				return server.serveForever();
			}).subscribe();
		}

		Server running() {
			return await().atMost(LIMIT).until(this.running::get, (server) -> server != null);
		}

	}

}
