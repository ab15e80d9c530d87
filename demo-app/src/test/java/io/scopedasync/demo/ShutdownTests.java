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

	private static final Duration PATIENCE = Duration.ofSeconds(60);

	private static final Pattern PORT = Pattern.compile("Netty started on port (\\d+)");

	private static final int SIGTERM = 128 + 15;

	private final HttpClient http = HttpClient.newHttpClient();

	@TempDir
	private Path directory;

	private Path log;

	private Process gateway;

	@BeforeEach
	void start() throws IOException {
		this.log = this.directory.resolve("gateway.log");
		this.gateway = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"-Xmx256m", "-cp", System.getProperty("java.class.path"), DemoApplication.class.getName(),
				"--server.port=0", "--spring.lifecycle.timeout-per-shutdown-phase=2s",
				"--scoped-async.shutdown-timeout=1s", "--scoped-async.release-timeout=1s")
			.redirectErrorStream(true)
			.redirectOutput(this.log.toFile())
			.start();
	}

	@AfterEach
	void kill() {
		this.gateway.destroyForcibly();
	}

	@Test
	void terminatedDuringAShortFloodItFinishesWhatItHasBegun() throws Exception {
		CompletableFuture<HttpResponse<String>> answer = flood(50);
		terminate();
		assertThat(answer.get(1, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
	}

	@Test
	void terminatedDuringALongFloodItCancelsWhatDoesNotFinishInTime() throws Exception {
		CompletableFuture<HttpResponse<String>> answer = flood(600);
		terminate();
		assertThat(answer).failsWithin(Duration.ofSeconds(1));
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
