package io.scopedasync;

import java.time.Duration;
import java.util.Objects;

/** What {@link DefaultAsyncScopes} are made of. */
final class ScopesBuilder implements AsyncScopes.Builder {

	ScopeClock clock = ScopeClock.system();

	Duration releaseTimeout = Duration.ofSeconds(10);

	Duration shutdownTimeout = Duration.ofSeconds(15);

	ScopeRecorder recorder = ScopeRecorder.NOOP;

	ContextCarrier carrier = ContextCarrier.NONE;

	ScopeObserver observer = ScopeObserver.NONE;

	boolean tracked;

	CallSiteSampler callSites = CallSiteSampler.NONE;

	ScopeWatcher watcher = ScopeWatcher.NONE;

	boolean cancelOutliving;

	@Override
	public ScopesBuilder clock(ScopeClock clock) {
		this.clock = Objects.requireNonNull(clock, "clock");
		return this;
	}

	@Override
	public ScopesBuilder releaseTimeout(Duration limit) {
		this.releaseTimeout = notNegative("releaseTimeout", limit);
		return this;
	}

	@Override
	public ScopesBuilder shutdownTimeout(Duration limit) {
		this.shutdownTimeout = notNegative("shutdownTimeout", limit);
		return this;
	}

	@Override
	public ScopesBuilder recorder(ScopeRecorder recorder) {
		this.recorder = Objects.requireNonNull(recorder, "recorder");
		return this;
	}

	@Override
	public ScopesBuilder contextCarrier(ContextCarrier carrier) {
		this.carrier = Objects.requireNonNull(carrier, "carrier");
		return this;
	}

	@Override
	public ScopesBuilder observer(ScopeObserver observer) {
		this.observer = Objects.requireNonNull(observer, "observer");
		return this;
	}

	@Override
	public ScopesBuilder tracked(boolean tracked) {
		this.tracked = tracked;
		return this;
	}

	@Override
	public ScopesBuilder callSites(CallSiteSampler sampler) {
		this.callSites = Objects.requireNonNull(sampler, "sampler");
		return this;
	}

	@Override
	public ScopesBuilder watcher(ScopeWatcher watcher) {
		this.watcher = Objects.requireNonNull(watcher, "watcher");
		return this;
	}

	@Override
	public ScopesBuilder cancelOutliving(boolean cancel) {
		this.cancelOutliving = cancel;
		return this;
	}

	@Override
	public AsyncScopes build() {
		return new DefaultAsyncScopes(this);
	}

	private static Duration notNegative(String name, Duration limit) {
		if (limit.isNegative()) {
			throw new IllegalArgumentException(name + " is " + limit + ": give a duration of zero or more.");
		}
		return ScopeClock.limited(limit);
	}

}
