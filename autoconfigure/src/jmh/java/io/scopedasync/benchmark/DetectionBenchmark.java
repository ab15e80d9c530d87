package io.scopedasync.benchmark;

import java.io.PrintWriter;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.TimeUnit;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakTracker;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeClock;
import io.scopedasync.leak.CallSites;
import io.scopedasync.leak.LeakWatcher;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import reactor.core.publisher.Mono;

/**
 * What leak detection and Micrometer add to a scope where nobody waits, and what the leak
 * detection of others adds to what they watch.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DetectionBenchmark {

	private final Limiter limiter = Peers.limiter(10);

	private final AsyncScopes disabled = AsyncScopes.create();

	private final AsyncScopes simple = simple().build();

	private final AsyncScopes metered = AsyncScopes.builder()
		.recorder(new MicrometerScopeRecorder(new SimpleMeterRegistry()))
		.build();

	private final AsyncScopes both = simple().recorder(new MicrometerScopeRecorder(new SimpleMeterRegistry())).build();

	private final ResourceLeakDetector<Object> netty = new ResourceLeakDetector<>(Object.class, 128);

	private final HikariDataSource hikari = hikari(0);

	private final HikariDataSource hikariDetecting = hikari(60_000);

	private static AsyncScopes.Builder simple() {
		CallSites callSites = CallSites.oneIn(64, ScopeClock.system());
		return AsyncScopes.builder()
			.tracked(true)
			.callSites(callSites)
			.watcher(new LeakWatcher(new Leaks(List.of(callSites))));
	}

	private static HikariDataSource hikari(long threshold) {
		HikariConfig config = new HikariConfig();
		config.setDataSource(new Nowhere());
		config.setMaximumPoolSize(2);
		config.setLeakDetectionThreshold(threshold);
		return new HikariDataSource(config);
	}

	@TearDown
	public void stop() {
		this.hikari.close();
		this.hikariDetecting.close();
	}

	private Object call(AsyncScopes scopes, UncontendedBenchmark.Local local) {
		return local.run(scopes.use(this.limiter, (permit) -> Mono.just(Peers.X)));
	}

	@Benchmark
	public Object disabled(UncontendedBenchmark.Local local) {
		return call(this.disabled, local);
	}

	@Benchmark
	public Object simple(UncontendedBenchmark.Local local) {
		return call(this.simple, local);
	}

	@Benchmark
	public Object metered(UncontendedBenchmark.Local local) {
		return call(this.metered, local);
	}

	@Benchmark
	public Object both(UncontendedBenchmark.Local local) {
		return call(this.both, local);
	}

	/** One buffer in 128, as at its level simple. */
	@Benchmark
	public Object netty() {
		Object buffer = new Object();
		ResourceLeakTracker<Object> tracker = this.netty.track(buffer);
		if (tracker != null) {
			tracker.close(buffer);
		}
		return buffer;
	}

	/** Every buffer, as at its level paranoid. */
	@Benchmark
	public Object nettyForced() {
		Object buffer = new Object();
		this.netty.trackForcibly(buffer).close(buffer);
		return buffer;
	}

	@Benchmark
	public Object hikari() throws SQLException {
		try (Connection connection = this.hikari.getConnection()) {
			return connection;
		}
	}

	@Benchmark
	public Object hikariDetecting() throws SQLException {
		try (Connection connection = this.hikariDetecting.getConnection()) {
			return connection;
		}
	}

	/** Connections that answer everything with nothing. */
	private static final class Nowhere implements DataSource {

		@Override
		public Connection getConnection() {
			return (Connection) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] { Connection.class },
					(proxy, method, arguments) -> switch (method.getName()) {
						case "isValid", "getAutoCommit" -> true;
						case "hashCode" -> 1;
						case "equals" -> proxy == arguments[0];
						case "getTransactionIsolation", "getNetworkTimeout", "getHoldability" -> 0;
						case "isClosed", "isReadOnly" -> false;
						default -> null;
					});
		}

		@Override
		public Connection getConnection(String user, String password) {
			return getConnection();
		}

		@Override
		public PrintWriter getLogWriter() {
			return new PrintWriter(System.err);
		}

		@Override
		public void setLogWriter(PrintWriter out) {
			// Nobody reads it.
		}

		@Override
		public void setLoginTimeout(int seconds) {
			// There is no login.
		}

		@Override
		public int getLoginTimeout() {
			return 0;
		}

		@Override
		public java.util.logging.Logger getParentLogger() {
			return java.util.logging.Logger.getGlobal();
		}

		@Override
		public <T> T unwrap(Class<T> type) throws SQLException {
			throw new SQLException("wraps nothing");
		}

		@Override
		public boolean isWrapperFor(Class<?> type) {
			return false;
		}

	}

}
