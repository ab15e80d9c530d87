package io.scopedasync.r2dbc;

import java.io.File;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import io.r2dbc.postgresql.PostgresqlConnectionConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionFactory;
import io.r2dbc.spi.ConnectionFactory;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * A real PostgreSQL of the test's own: a free port of the loopback address, a temporary
 * folder, and gone with the test.
 */
final class PostgresServer implements AutoCloseable {

	private static final Path VERSIONS = Path.of("/usr/lib/postgresql");

	private static final boolean ROOT = "root".equals(System.getProperty("user.name"));

	private final Path binaries;

	private final Path folder;

	private final int port;

	private @Nullable Process process;

	private PostgresServer(Path binaries) throws IOException, InterruptedException {
		this.binaries = binaries;
		this.folder = Files.createTempDirectory("postgres");
		if (ROOT) {
			run("chown", "postgres", this.folder.toString());
		}
		run(unprivileged(binaries.resolve("initdb").toString(), "-D", data(), "-U", "test", "-A", "trust", "-N",
				"--no-locale", "-E", "UTF8"));
		this.port = freePort();
	}

	/** Skips the test where there is none. */
	static PostgresServer start() {
		Path binaries = binaries();
		assumeTrue(binaries != null, "needs PostgreSQL: apt-get install postgresql");
		try {
			PostgresServer server = new PostgresServer(Objects.requireNonNull(binaries));
			try {
				server.up();
			}
			catch (IOException | ConditionTimeoutException ex) {
				server.close();
				throw ex;
			}
			return server;
		}
		catch (Exception ex) {
			throw new IllegalStateException("PostgreSQL could not be started", ex);
		}
	}

	private static @Nullable Path binaries() {
		if (!Files.isDirectory(VERSIONS)) {
			return null;
		}
		try (Stream<Path> versions = Files.list(VERSIONS)) {
			return versions.map((version) -> version.resolve("bin"))
				.filter((bin) -> Files.isExecutable(bin.resolve("initdb"))
						&& Files.isExecutable(bin.resolve("postgres")))
				.max(Comparator.naturalOrder())
				.orElse(null);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Not one of those that the system gives away by itself, which somebody else might
	 * get before the server or while it is down.
	 */
	private static int freePort() throws IOException {
		Random random = new Random();
		while (true) {
			int port = 10_000 + random.nextInt(20_000);
			try (ServerSocket free = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
				return free.getLocalPort();
			}
			catch (BindException ex) {
				// Taken: another one.
			}
		}
	}

	private String data() {
		return this.folder.resolve("data").toString();
	}

	/** The server refuses to run as root. */
	private static String[] unprivileged(String... command) {
		List<String> all = new ArrayList<>();
		if (ROOT) {
			all.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
		}
		all.addAll(List.of(command));
		return all.toArray(String[]::new);
	}

	private void run(String... command) throws IOException, InterruptedException {
		File log = Files.createTempFile("postgres", ".log").toFile();
		Process run = new ProcessBuilder(command).directory(this.folder.toFile())
			.redirectErrorStream(true)
			.redirectOutput(log)
			.start();
		if (!run.waitFor(180, TimeUnit.SECONDS) || run.exitValue() != 0) {
			throw new IllegalStateException(List.of(command) + " failed: " + Files.readString(log.toPath()));
		}
		Files.delete(log.toPath());
	}

	/**
	 * Starts it, also again on the same port. A commit is written before it is answered,
	 * so that it survives {@link #down()}, if not the machine's end.
	 */
	void up() throws IOException {
		this.process = new ProcessBuilder(unprivileged(this.binaries.resolve("postgres").toString(), "-D", data(), "-p",
				String.valueOf(this.port), "-k", this.folder.toString(), "-c", "listen_addresses=127.0.0.1", "-c",
				"fsync=off", "-c", "autovacuum=off"))
			.directory(this.folder.toFile())
			.redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.DISCARD)
			.start();
		Awaitility.await()
			.atMost(Duration.ofSeconds(90))
			.ignoreExceptions()
			.until(() -> Mono.from(connections().create())
				.flatMap((connection) -> Mono.from(connection.close()).thenReturn(true))
				.block(Duration.ofSeconds(15)));
	}

	/** Stops it as a crash does: nobody is told, nothing is finished. */
	void down() throws IOException, InterruptedException {
		Process running = this.process;
		this.process = null;
		if (running == null || !running.isAlive()) {
			return;
		}
		run(unprivileged(this.binaries.resolve("pg_ctl").toString(), "stop", "-D", data(), "-m", "immediate", "-W"));
		if (!running.waitFor(30, TimeUnit.SECONDS)) {
			running.destroyForcibly();
		}
	}

	ConnectionFactory connections() {
		return new PostgresqlConnectionFactory(PostgresqlConnectionConfiguration.builder()
			.host("127.0.0.1")
			.port(this.port)
			.username("test")
			.database("postgres")
			.connectTimeout(Duration.ofSeconds(15))
			.build());
	}

	@Override
	public void close() throws Exception {
		down();
		try (Stream<Path> files = Files.walk(this.folder)) {
			for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
				Files.delete(file);
			}
		}
	}

}
