package io.scopedasync.demo;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.webclient.SessionResource;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * What the page shows: all of it is asked of the library, nothing is counted twice.
 */
@RestController
class StateController {

	private static final int SHOWN = 8;

	private final AsyncScopes scopes;

	private final List<Limiter> limiters;

	private final List<SessionResource> sessions;

	private final Leaks leaks;

	private final ObjectProvider<Upstream> upstream;

	private final Duration threshold;

	StateController(AsyncScopes scopes, List<Limiter> limiters, List<SessionResource> sessions, Leaks leaks,
			ObjectProvider<Upstream> upstream, @Value("${scoped-async.leak-detection.threshold}") Duration threshold) {
		this.scopes = scopes;
		this.limiters = limiters;
		this.sessions = sessions;
		this.leaks = leaks;
		this.upstream = upstream;
		this.threshold = threshold;
	}

	@GetMapping("/state")
	State state() {
		List<Scope> open = this.scopes.openScopes();
		Upstream embedded = this.upstream.getIfAvailable();
		return new State(this.limiters.stream().collect(Collectors.toMap(Limiter::name, Limiter::statistics)),
				this.sessions.stream().collect(Collectors.toMap(SessionResource::name, SessionResource::statistics)),
				open.size(), open.stream().limit(SHOWN).map(this::describe).toList(),
				new LeakCounts(this.leaks.open(), this.leaks.count(LeakReason.OVERDUE), this.leaks.recovered()),
				(embedded != null) ? embedded.statistics() : null);
	}

	private OpenScope describe(Scope scope) {
		Duration age = scope.age();
		return new OpenScope(scope.name(), scope.state(), age.toMillis(), scope.resources(),
				age.compareTo(this.threshold) > 0);
	}

	/**
	 * The gateway at this moment.
	 *
	 * @param limiters each limiter's permits
	 * @param sessions each pool's sessions
	 * @param openScopes how many scopes are open
	 * @param oldest the oldest of them
	 * @param leaks what leak detection has found
	 * @param upstream what the embedded upstream has seen, null if another one is used
	 */
	record State(Map<String, Limiter.Statistics> limiters, Map<String, SessionResource.Statistics> sessions,
			int openScopes, List<OpenScope> oldest, LeakCounts leaks, Upstream.@Nullable Statistics upstream) {
	}

	/**
	 * A scope that is open.
	 *
	 * @param name the method or resource it was opened for
	 * @param state where it is in its life
	 * @param ageMillis how long it has been open
	 * @param resources what it holds or waits for
	 * @param overdue whether it has been open for longer than leak detection lets pass
	 */
	record OpenScope(String name, Scope.State state, long ageMillis, List<String> resources, boolean overdue) {
	}

	/**
	 * What leak detection has found since the start.
	 *
	 * @param open reported and open still
	 * @param overdue reported as overdue
	 * @param recovered ended after all
	 */
	record LeakCounts(long open, long overdue, long recovered) {
	}

}
