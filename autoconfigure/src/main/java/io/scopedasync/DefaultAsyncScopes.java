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

	final Shutdown shutdown;

	/** That of the application, for threads of ours on which its code runs. */
	final @Nullable ClassLoader classLoader = Thread.currentThread().getContextClassLoader();

	/** Null unless somebody asked for it. */
	volatile @Nullable ApplicationScope application;

	DefaultAsyncScopes(ScopesBuilder builder) {
		this.clock = builder.clock;
		this.releaseTimeout = builder.releaseTimeout;
		this.releaseLimits = new ReleaseLimits(builder.clock, ScopeClock.toNanos(builder.releaseTimeout));
		this.shutdown = new Shutdown(this, builder.shutdownTimeout);
		this.recorder = Guarded.recorder(builder.recorder);
		this.carrier = builder.carrier;
		this.observer = Guarded.observer(builder.observer);
		this.recorded = builder.recorder != ScopeRecorder.NOOP || builder.observer != ScopeObserver.NONE;
		this.tracked = builder.tracked;
		this.callSites = Guarded.sampler(builder.callSites);
		this.watcher = Guarded.watcher(builder.watcher);
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
		return with(WITHIN.until(deadline), (scope) -> body.apply(scope.deadline()));
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
		if (application == null || (application.isEnding() && !this.shutdown.hasBegun())) {
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

	@Override
	public Mono<Void> close(Consumer<? super List<Scope>> leftOpen) {
		return this.shutdown.begin(leftOpen);
	}

}
