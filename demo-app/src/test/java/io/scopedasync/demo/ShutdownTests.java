package io.scopedasync.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The gateway as a process of its own, stopped from outside while it is busy.
 */
class ShutdownTests {

	private static final Duration PATIENCE = Duration.ofMinutes(3);

	private static final Pattern PORT = Pattern.compile("Netty started on port (\\d+) ");

	private static final int SIGTERM = 128 + 15;

	private final HttpClient http = HttpClient.newHttpClient();

	@TempDir
	private Path directory;

	private Path log;

	private Process gateway;

	@BeforeEach
	void prepare() {
		this.log = this.directory.resolve("gateway.log");
	}

	private void start(String... limits) throws IOException {
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m", "-cp",
						System.getProperty("java.class.path"), DemoApplication.class.getName(), "--server.port=0"));
		command.addAll(List.of(limits));
		this.gateway = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(this.log.toFile()).start();
	}

	@AfterEach
	void kill() {
		this.gateway.destroyForcibly();
	}

	@Test
	void terminatedDuringAShortFloodItFinishesWhatItHasBegun() throws Exception {
		// However slow the machine is, no limit passes before the flood is over.
		start("--spring.lifecycle.timeout-per-shutdown-phase=60s", "--scoped-async.shutdown-timeout=30s",
				"--scoped-async.release-timeout=30s", "--scoped-async.limiters.quotes-limit.acquire-timeout=60s",
				"--scoped-async.sessions.quotes.response-timeout=60s");
		CompletableFuture<HttpResponse<String>> answer = flood(400);
		terminate();
		assertThat(answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).statusCode()).isEqualTo(200);
	}

	@Test
	void terminatedDuringALongFloodItCancelsWhatDoesNotFinishInTime() throws Exception {
		start("--spring.lifecycle.timeout-per-shutdown-phase=3s", "--scoped-async.shutdown-timeout=1s",
				"--scoped-async.release-timeout=2s", "--server.netty.max-initial-line-length=64KB");
		// Half a minute of work, however late it is seen to have begun.
		CompletableFuture<HttpResponse<String>> answer = flood(3000);
		terminate();
		assertThat(answer).failsWithin(PATIENCE);
	}

	private CompletableFuture<HttpResponse<String>> flood(int calls) {
		int port = port();
		String symbols = IntStream.range(0, calls).mapToObj((i) -> "S" + i).collect(Collectors.joining(","));
		CompletableFuture<HttpResponse<String>> answer = this.http
			.sendAsync(request(port, "/quotes?symbols=" + symbols), BodyHandlers.ofString());
		Awaitility.await()
			.atMost(PATIENCE)
			.until(() -> this.http.send(request(port, "/state"), BodyHandlers.ofString())
				.body()
				.contains("\"quotes-limit\":{\"total\":10,\"borrowed\":10"));
		return answer;
	}

	private void terminate() throws Exception {
		this.gateway.destroy();
		assertThat(this.gateway.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).as(this::output).isTrue();
		assertThat(this.gateway.exitValue()).as(this::output).isEqualTo(SIGTERM);
		assertThat(output()).contains("Clean shutdown: open scopes = 0, permits borrowed = 0");
	}

	private int port() {
		return Awaitility.await().atMost(PATIENCE).until(this::announcedPort, Optional::isPresent).orElseThrow();
	}

	private Optional<Integer> announcedPort() {
		Matcher matcher = PORT.matcher(output());
		return matcher.find() ? Optional.of(Integer.valueOf(matcher.group(1))) : Optional.empty();
	}

	private String output() {
		try {
			return Files.readString(this.log);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static HttpRequest request(int port, String uri) {
		return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + uri)).timeout(PATIENCE).build();
	}

}
