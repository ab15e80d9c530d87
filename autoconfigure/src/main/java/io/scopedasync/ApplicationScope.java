package io.scopedasync;

import java.lang.ref.WeakReference;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * What the application holds: the scope in which every lookup ends, after all that are
 * around. It is not one of the open scopes, which a shutdown waits for and leak detection
 * looks at, and ends after them.
 */
final class ApplicationScope extends OpenScope {

	private static final ScopeSpec SPEC = ScopeSpec.of("application").leakThreshold(ChronoUnit.FOREVER.getDuration());

	/**
	 * Those of this JVM that hold something, for who asks outside any scope and so knows
	 * of no {@link AsyncScopes}. None is kept alive, and none mistaken for another, since
	 * each is asked for its own resources.
	 */
	private static volatile List<WeakReference<ApplicationScope>> all = List.of();

	/**
	 * In order of arrival, for lookups without a lock; some may be given back already.
	 */
	private volatile List<Entry> holding = List.of();

	ApplicationScope(DefaultAsyncScopes scopes) {
		super(scopes, SPEC);
	}

	void open() {
		if (this.scopes.timed) {
			this.since = this.scopes.clock.nanos();
		}
		if (this.scopes.shutdown.hasBegun()) {
			decide(Exit.cancelled("the application is shutting down"));
		}
		run();
	}

	@Override
	void becomeKnown(@Nullable RunningScope parent) {
		// Not among the open ones.
	}

	@Override
	synchronized void holds(Entry entry) {
		List<Entry> holding = new ArrayList<>(this.holding);
		holding.removeIf((other) -> other.held() == null);
		holding.add(entry);
		this.holding = List.copyOf(holding);
		register(this);
	}

	/**
	 * How long the end may take: a release limit for each entry, and one more for the
	 * tasks.
	 */
	long endLimit() {
		long limits = openEntries().size() + 2L;
		return Math.min(ScopeClock.toNanos(this.scopes.releaseTimeout), ScopeClock.FOREVER / limits) * limits;
	}

	/**
	 * As acquisitions of what an application holds, releases may block: each runs on a
	 * thread of its own, so that its limit takes effect.
	 */
	@Override
	Mono<Exit> exit(AsyncResource<?> resource, Object value, Exit exit) {
		return this.scopes.clock.closing(CurrentScope.inThisPlace(Mono.defer(() -> super.exit(resource, value, exit))));
	}

	/** A task that fails must not take from all others what is held here. */
	@Override
	ScopeTasks tasks(TaskPolicy policy) {
		return super.tasks(TaskPolicy.supervising());
	}

	/** Who holds a resource, the latest first. */
	@Nullable Entry held(Object identity) {
		List<Entry> holding = this.holding;
		for (int i = holding.size() - 1; i >= 0; i--) {
			if (holding.get(i).holds(identity)) {
				return holding.get(i);
			}
		}
		return null;
	}

	@Override
	boolean deliver(Exit end) {
		this.holding = List.of();
		forget(this);
		// Who closes it is not who failed: always logged.
		return false;
	}

	/** What an application holds of a resource, for who is in no scope. */
	@SuppressWarnings("unchecked")
	static <T> @Nullable T findAnywhere(AsyncResource<T> resource) {
		List<WeakReference<ApplicationScope>> all = ApplicationScope.all;
		for (int i = all.size() - 1; i >= 0; i--) {
			ApplicationScope scope = all.get(i).get();
			Entry holder = (scope != null) ? scope.held(resource.identity()) : null;
			Object held = (holder != null) ? holder.held() : null;
			if (held != null) {
				return (T) RawResource.view(resource, held);
			}
		}
		return null;
	}

	private static synchronized void register(ApplicationScope scope) {
		if (all.stream().noneMatch((other) -> other.refersTo(scope))) {
			change(scope, true);
		}
	}

	private static synchronized void forget(ApplicationScope scope) {
		change(scope, false);
	}

	private static void change(ApplicationScope scope, boolean add) {
		List<WeakReference<ApplicationScope>> changed = new ArrayList<>(all);
		changed.removeIf((other) -> other.refersTo(null) || other.refersTo(scope));
		if (add) {
			changed.add(new WeakReference<>(scope));
		}
		all = List.copyOf(changed);
	}

}
