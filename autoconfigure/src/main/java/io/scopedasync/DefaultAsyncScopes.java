package io.scopedasync;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The door: picks the front for a body. What a scope does is {@link ScopeMachine}.
 */
final class DefaultAsyncScopes implements AsyncScopes {

	static final ScopeSpec EMPTY = ScopeSpec.of("scope");

	static final ScopeSpec WITHIN = ScopeSpec.of("within");

	static final ScopeSpec MOVE_ON = ScopeSpec.of("move-on").quietly();

	/**
	 * How often a shutdown looks whether the last scope has gone: no scope pays for
	 * telling it.
	 */
	private static final Duration SHUTDOWN_LOOK = Duration.ofMillis(20);

	final ScopeClock clock;

	final Duration releaseTimeout;

	final ReleaseLimits releaseLimits;

	final ScopeRecorder recorder;

	final ContextCarrier carrier;

	final ScopeObserver observer;

	/** Whether anybody asks how acquisitions and releases end. */
	final boolean recorded;

	/** Whether each scope is known from its first moment on. */
	final boolean tracked;

	final CallSiteSampler callSites;

	final ScopeWatcher watcher;

	final boolean cancelOutliving;

	/** Whether anybody asks for the time. */
	final boolean timed;

	final OpenScopes open = new OpenScopes();

	private final DeadlockSearch deadlocks = new DeadlockSearch();

	private final Duration shutdownTimeout;

	private final AtomicBoolean closing = new AtomicBoolean();

	/**
	 * Set before the looks at the open scopes that count: a scope that begins before the
	 * shutdown and becomes known after such a look sees it.
	 */
	private volatile boolean graceIsOver;

	private final Sinks.Empty<Void> closed = Sinks.empty();

	/** Null unless somebody asked for it. */
	volatile @Nullable ApplicationScope application;

	private DefaultAsyncScopes(Builder builder) {
		this.clock = builder.clock;
		this.releaseTimeout = builder.releaseTimeout;
		this.releaseLimits = new ReleaseLimits(builder.clock, ScopeClock.nanos(builder.releaseTimeout));
		this.shutdownTimeout = builder.shutdownTimeout;
		this.recorder = builder.recorder;
		this.carrier = builder.carrier;
		this.observer = builder.observer;
		this.recorded = builder.recorder != ScopeRecorder.NOOP || builder.observer != ScopeObserver.NONE;
		this.tracked = builder.tracked;
		this.callSites = builder.callSites;
		this.watcher = builder.watcher;
		this.cancelOutliving = builder.cancelOutliving;
		this.timed = builder.tracked || builder.recorder != ScopeRecorder.NOOP;
	}

	private static ScopeSpec spec(AsyncResource<?> resource) {
		return (resource instanceof DirectResource<?> direct) ? direct.spec : ScopeSpec.ofOne(resource);
	}

	@Override
	public <T, R> Mono<R> use(AsyncResource<T> resource, Function<? super T, ? extends Mono<? extends R>> body) {
		return ScopeMono.create(this, spec(resource), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <T, R> Flux<R> useMany(AsyncResource<T> resource,
			Function<? super T, ? extends Publisher<? extends R>> body) {
		return ScopeFlux.create(this, spec(resource), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <T, R> CompletableFuture<R> useFuture(AsyncResource<T> resource,
			Function<? super T, ? extends CompletionStage<? extends R>> body) {
		return ScopeFuture.start(this, spec(resource), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <T, R> R useBlocking(AsyncResource<T> resource, BlockingBody<? super T, ? extends R> body) throws Exception {
		return BlockingScope.run(this, spec(resource), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <R> Mono<R> with(ScopeSpec spec, Function<? super Scope, ? extends Mono<? extends R>> body) {
		return ScopeMono.create(this, Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <R> Flux<R> withMany(ScopeSpec spec, Function<? super Scope, ? extends Publisher<? extends R>> body) {
		return ScopeFlux.create(this, Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <R> CompletableFuture<R> withFuture(ScopeSpec spec,
			Function<? super Scope, ? extends CompletionStage<? extends R>> body) {
		return ScopeFuture.start(this, Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <R> R withBlocking(ScopeSpec spec, BlockingBody<? super Scope, ? extends R> body) throws Exception {
		return BlockingScope.run(this, Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(body, "body"));
	}

	@Override
	public <R> Mono<R> group(ScopeSpec spec, TaskPolicy policy,
			Function<? super TaskGroup, ? extends Mono<? extends R>> body) {
		Objects.requireNonNull(policy, "policy");
		Objects.requireNonNull(body, "body");
		return with(spec, (scope) -> body.apply(((RunningScope) scope).tasks(policy)));
	}

	@Override
	public <R> Mono<R> within(Instant deadline, Function<? super Deadline, ? extends Mono<? extends R>> body) {
		Objects.requireNonNull(deadline, "deadline");
		Objects.requireNonNull(body, "body");
		return Mono.defer(() -> within(Duration.between(this.clock.instant(), deadline), body));
	}

	@Override
	public Scope open(ScopeSpec spec) {
		if (spec.resources.length != 0) {
			throw new IllegalArgumentException("Scope '" + spec.name + "' can't be opened by hand with "
					+ spec.resources().stream().map(AsyncResource::name).toList()
					+ ": open it without, and enter them, which may take its time.");
		}
		OpenScope scope = new OpenScope(this, spec);
		scope.open(CurrentScope.ofThread());
		return scope;
	}

	@Override
	public <T> SwappableResource<T> swappable(AsyncResource<T> first) {
		return SharedResource.swappable(first, this);
	}

	@Override
	public List<Scope> openScopes() {
		return openScopes((scope) -> true);
	}

	@Override
	public List<Scope> holders(AsyncResource<?> resource) {
		Object identity = resource.identity();
		List<Scope> holders = new ArrayList<>(openScopes((scope) -> scope.involves(identity)));
		ApplicationScope application = this.application;
		if (application != null && application.involves(identity)) {
			holders.add(0, application);
		}
		return List.copyOf(holders);
	}

	@Override
	public List<Scope> takeLost() {
		Map<OpenRecord, OpenScope> found = new LinkedHashMap<>();
		Set<OpenRecord> lost = new HashSet<>(this.open.takeLost());
		Deque<OpenRecord> chain = new ArrayDeque<>();
		for (OpenRecord record : lost) {
			// Those around it first, so that they end after it.
			for (OpenRecord next = record; next != null && lost.contains(next) && !found.containsKey(next);) {
				chain.push(next);
				next = next.parent;
			}
			for (OpenRecord next : chain) {
				found.put(next, OpenScope.inPlaceOf(next, found.get(next.parent)));
			}
			chain.clear();
		}
		return List.copyOf(found.values());
	}

	@Override
	public synchronized Scope application() {
		ApplicationScope application = this.application;
		// One that ends with all others is the last.
		if (application == null || (application.isEnding() && !isClosed())) {
			application = new ApplicationScope(this);
			application.open();
			this.application = application;
		}
		return application;
	}

	@Nullable Entry heldByApplication(Object identity) {
		ApplicationScope application = this.application;
		return (application != null) ? application.held(identity) : null;
	}

	@Override
	public void breakDeadlocks(Consumer<? super Deadlock> found) {
		this.deadlocks.run(this.open.snapshot(), Objects.requireNonNull(found, "found"));
	}

	@Override
	public ScopeClock clock() {
		return this.clock;
	}

	@Override
	public Duration releaseTimeout() {
		return this.releaseTimeout;
	}

	private List<Scope> openScopes(Predicate<RunningScope> filter) {
		return this.open.snapshot()
			.stream()
			.filter(filter)
			.sorted(Comparator.comparingLong((scope) -> scope.since))
			.map(Scope.class::cast)
			.toList();
	}

	// Shutdown.

	boolean isClosed() {
		return this.closing.get();
	}

	/** Whether a scope may not begin, in the one around it. */
	boolean refuses(@Nullable RunningScope parent) {
		return this.closing.get() && !isLast(parent);
	}

	/** Whether a shutdown no longer waits for whoever becomes known only now. */
	boolean graceIsOver(@Nullable RunningScope parent) {
		return this.graceIsOver && !isLast(parent);
	}

	/** What the application held is being released: waited for, whatever it takes. */
	private static boolean isLast(@Nullable RunningScope scope) {
		for (RunningScope around = scope; around != null; around = around.parent()) {
			if (around instanceof ApplicationScope) {
				return around.phase == ScopeState.UNWINDING;
			}
		}
		return false;
	}

	RuntimeException refusal(String scope) {
		return new ScopeClosedException(scope,
				"Scope '" + scope + "' was refused: the application is shutting down and opens no new scopes.");
	}

	@Override
	public Mono<Void> close(Consumer<? super List<Scope>> leftOpen) {
		if (this.closing.compareAndSet(false, true)) {
			this.open.snapshot().forEach(RunningScope::scopesAreClosing);
			waitForTheRest(this.shutdownTimeout, () -> force(leftOpen));
		}
		return this.closed.asMono();
	}

	private void force(Consumer<? super List<Scope>> leftOpen) {
		this.graceIsOver = true;
		List<Scope> rest = new ArrayList<>(openScopes());
		rest.addAll(takeLost());
		try {
			leftOpen.accept(rest);
		}
		catch (RuntimeException ex) {
			ScopeMachine.logger.warn("Whoever is told of scopes left open at shutdown failed", ex);
		}
		for (Scope scope : rest) {
			((RunningScope) scope).interrupt(Exit.cancelled("the application is shutting down"));
		}
		// Their releases are bounded one by one; this bounds them all.
		waitForTheRest(this.releaseTimeout, this::endApplication);
	}

	private void waitForTheRest(Duration limit, Runnable then) {
		lookAgain(this.clock.nanos() + ScopeClock.nanos(limit), then);
	}

	private void lookAgain(long deadline, Runnable then) {
		long left = deadline - this.clock.nanos();
		if (this.open.isEmpty() && isEmptyForGood()) {
			endApplication();
		}
		else if (left <= 0) {
			then.run();
		}
		else {
			this.clock.scheduleNanos(() -> lookAgain(deadline, then), Math.min(left, SHUTDOWN_LOOK.toNanos()));
		}
	}

	/** Last, since all others may have used what it holds. */
	private void endApplication() {
		ApplicationScope application;
		synchronized (this) {
			application = this.application;
		}
		if (application == null) {
			this.closed.tryEmitEmpty();
			return;
		}
		Mono<Void> settled = application.settled();
		// Not closed, which waits for its tasks: they had their time.
		application.interrupt(Exit.completed());
		settled.onErrorComplete().subscribe(null, null, this.closed::tryEmitEmpty);
	}

	private boolean isEmptyForGood() {
		this.graceIsOver = true;
		return this.open.isEmpty();
	}

	static final class Builder implements AsyncScopes.Builder {

		private ScopeClock clock = ScopeClock.system();

		private Duration releaseTimeout = Duration.ofSeconds(10);

		private Duration shutdownTimeout = Duration.ofSeconds(15);

		private ScopeRecorder recorder = ScopeRecorder.NOOP;

		private ContextCarrier carrier = ContextCarrier.NONE;

		private ScopeObserver observer = ScopeObserver.NONE;

		private boolean tracked;

		private CallSiteSampler callSites = CallSiteSampler.NONE;

		private ScopeWatcher watcher = ScopeWatcher.NONE;

		private boolean cancelOutliving;

		@Override
		public Builder clock(ScopeClock clock) {
			this.clock = Objects.requireNonNull(clock, "clock");
			return this;
		}

		@Override
		public Builder releaseTimeout(Duration limit) {
			this.releaseTimeout = notNegative("releaseTimeout", limit);
			return this;
		}

		@Override
		public Builder shutdownTimeout(Duration limit) {
			this.shutdownTimeout = notNegative("shutdownTimeout", limit);
			return this;
		}

		@Override
		public Builder recorder(ScopeRecorder recorder) {
			this.recorder = Objects.requireNonNull(recorder, "recorder");
			return this;
		}

		@Override
		public Builder contextCarrier(ContextCarrier carrier) {
			this.carrier = Objects.requireNonNull(carrier, "carrier");
			return this;
		}

		@Override
		public Builder observer(ScopeObserver observer) {
			this.observer = Objects.requireNonNull(observer, "observer");
			return this;
		}

		@Override
		public Builder tracked(boolean tracked) {
			this.tracked = tracked;
			return this;
		}

		@Override
		public Builder callSites(CallSiteSampler sampler) {
			this.callSites = Objects.requireNonNull(sampler, "sampler");
			return this;
		}

		@Override
		public Builder watcher(ScopeWatcher watcher) {
			this.watcher = Objects.requireNonNull(watcher, "watcher");
			return this;
		}

		@Override
		public Builder cancelOutliving(boolean cancel) {
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
			return limit;
		}

	}

}
