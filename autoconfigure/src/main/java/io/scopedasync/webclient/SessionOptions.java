package io.scopedasync.webclient;

import java.time.Duration;

import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import org.jspecify.annotations.Nullable;
import reactor.netty.http.client.HttpClient;

import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.web.reactive.function.client.WebClient;

/**
 * What a {@link SessionBuilder} collects and a {@link SessionResource} works with.
 */
final class SessionOptions implements Cloneable {

	final String name;

	WebClient.Builder webClient = WebClient.builder();

	SessionTransport transport = (connections,
			session) -> new ReactorClientHttpConnector(session.apply(HttpClient.create(connections).compress(true)));

	ScopeClock clock = ScopeClock.system();

	ScopeWatcher watcher = ScopeWatcher.NONE;

	@Nullable SessionLogin login;

	boolean cookies = true;

	int minSize = 0;

	int maxSize = SessionBuilder.DEFAULT_MAX_SIZE;

	int maxWaiting = 1000;

	int connections = 8;

	Duration acquireTimeout = Duration.ofSeconds(10);

	Duration connectTimeout = Duration.ofSeconds(10);

	Duration responseTimeout = Duration.ofSeconds(30);

	Duration totalTimeout = Duration.ofMinutes(5);

	Duration loginTimeout = Duration.ofSeconds(5);

	Duration drainTimeout = Duration.ofMillis(200);

	Duration idleTime = Duration.ofMinutes(1);

	@Nullable Duration lifeTime;

	@Nullable Duration leakThreshold;

	@Nullable String deadlineHeader;

	SessionOptions(String name) {
		this.name = name;
	}

	SessionOptions copy() {
		try {
			SessionOptions copy = (SessionOptions) clone();
			copy.webClient = this.webClient.clone();
			return copy;
		}
		catch (CloneNotSupportedException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
