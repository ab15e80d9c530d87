package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The end of {@link AsyncScopes}: refuses new scopes, waits for the open ones, ends the
 * rest, and last what the application holds.
 */
final class Shutdown {

	/**
	 * How often a shutdown looks whether the last scope has gone: no scope pays for
	 * telling it.
	 */
	private static final Duration SHUTDOWN_LOOK = Duration.ofMillis(20);

	private final DefaultAsyncScopes scopes;

	private final Duration grace;

	private final AtomicBoolean begun = new AtomicBoolean();

	/**
	 * Set before the looks at the open scopes that count: a scope that begins before the
	 * shutdown and becomes known after such a look sees it.
	 */
	private volatile boolean graceIsOver;

	/** What is to be told to scopes and others, in order: it may run code that blocks. */
	private final Queue<Runnable> steps = new ConcurrentLinkedQueue<>();

	/** Steps that have not ended, those included that are being taken. */
	private final AtomicInteger unfinished = new AtomicInteger();

	private final AtomicBoolean ending = new AtomicBoolean();

	private final Sinks.Empty<Void> closed = Sinks.empty();

	Shutdown(DefaultAsyncScopes scopes, Duration grace) {
		this.scopes = scopes;
		this.grace = grace;
	}

	boolean hasBegun() {
		return this.begun.get();
	}

	/**
	 * Whether a scope may not begin, in the one around it. A scope that was let in before
	 * gets what it needs to come to its end, the scopes that it opens included.
	 */
	boolean refuses(@Nullable RunningScope parent) {
		return this.begun.get() && !(isWaitedFor(parent) && (!this.graceIsOver || isCleaningUp(parent)));
	}

	/** Whether a scope that becomes known only now comes too late to be waited for. */
	boolean isTooLate(@Nullable RunningScope parent) {
		return this.graceIsOver && !isCleaningUp(parent);
	}

	/**
	 * Whether the shutdown waits for a scope, so that one inside it can begin. What the
	 * application holds is waited for while it is released only.
	 */
	private boolean isWaitedFor(@Nullable RunningScope scope) {
		if (scope instanceof ApplicationScope) {
			return scope.phase == ScopeState.UNWINDING;
		}
		return scope != null && scope.scopes == this.scopes && scope.phase < ScopeState.SETTLED;
	}

	/** Whether a scope, or one around it, is releasing what it holds. */
	private static boolean isCleaningUp(@Nullable RunningScope scope) {
		return isWithin(scope, (around) -> around.phase == ScopeState.UNWINDING || around.isInRelease());
	}

	private static boolean isWithin(@Nullable RunningScope scope, Predicate<RunningScope> what) {
		for (RunningScope around = scope; around != null; around = around.parent()) {
			if (what.test(around)) {
				return true;
			}
		}
		return false;
	}

	RuntimeException refusal(String scope) {
		return new ScopeClosedException(scope,
				"Scope '" + scope + "' was refused: the application is shutting down and opens no new scopes.");
	}

	/** See {@link AsyncScopes#close(Consumer)}. */
	Mono<Void> begin(Consumer<? super List<Scope>> leftOpen) {
		if (this.begun.compareAndSet(false, true)) {
			for (RunningScope scope : this.scopes.open.snapshot()) {
				add(scope::scopesAreClosing);
			}
			this.scopes.clock.close(() -> waitForTheRest(this.grace, () -> force(leftOpen)));
		}
		return this.closed.asMono();
	}

	private void force(Consumer<? super List<Scope>> leftOpen) {
		this.graceIsOver = true;
		List<Scope> rest = new ArrayList<>(this.scopes.openScopes());
		rest.addAll(this.scopes.takeLost());
		add(() -> endByForce(rest, leftOpen));
		// Their releases are bounded one by one; this bounds them all.
		waitForTheRest(this.scopes.releaseTimeout, this::endApplication);
	}

	/** What is told of them is how they are before their end. */
	private void endByForce(List<Scope> rest, Consumer<? super List<Scope>> leftOpen) {
		try {
			leftOpen.accept(rest);
		}
		finally {
			for (Scope scope : rest) {
				// A release has its own limit, and what it opens has none but that.
				if (!isWithin((RunningScope) scope, RunningScope::isInRelease)) {
					add(() -> ((RunningScope) scope).interrupt(Exit.cancelled("the application is shutting down")));
				}
			}
		}
	}

	private void waitForTheRest(Duration limit, Runnable then) {
		lookAgain(this.scopes.clock.nanos() + ScopeClock.toNanos(limit), -1, then);
	}

	private void lookAgain(long deadline, int unfinishedBefore, Runnable then) {
		int unfinished = this.unfinished.get();
		if (!this.steps.isEmpty() && (unfinishedBefore < 0 || unfinished == unfinishedBefore)) {
			// None has ended since the last look: one blocks the thread that takes them.
			this.scopes.clock.close(this::takeSteps);
		}
		long left = deadline - this.scopes.clock.nanos();
		if (this.unfinished.get() == 0 && this.scopes.open.isEmpty() && isEmptyForGood()) {
			endApplication();
		}
		else if (left <= 0) {
			then.run();
		}
		else {
			this.scopes.clock.closeLater(() -> lookAgain(deadline, unfinished, then),
					Math.min(left, SHUTDOWN_LOOK.toNanos()));
		}
	}

	private void add(Runnable step) {
		this.unfinished.incrementAndGet();
		this.steps.add(step);
	}

	private void takeSteps() {
		for (Runnable step = this.steps.poll(); step != null; step = this.steps.poll()) {
			try {
				step.run();
			}
			catch (Throwable ex) {
				ScopeMachine.logger.warn("A step of the shutdown failed", ex);
			}
			this.unfinished.decrementAndGet();
		}
	}

	/** Last, since all others may have used what it holds. */
	private void endApplication() {
		if (!this.ending.compareAndSet(false, true)) {
			return;
		}
		ApplicationScope application;
		synchronized (this.scopes) {
			application = this.scopes.application;
		}
		if (application == null) {
			this.closed.tryEmitEmpty();
			return;
		}
		application.settled().onErrorComplete().subscribe(null, null, this.closed::tryEmitEmpty);
		// Not closed, which waits for its tasks: they had their time.
		this.scopes.clock.close(() -> application.interrupt(Exit.completed()));
		this.scopes.clock.closeLater(() -> giveUp(application), application.endLimit());
	}

	/** Releases are bounded one by one; this is for code that blocks outside of them. */
	private void giveUp(ApplicationScope application) {
		if (this.closed.tryEmitEmpty().isSuccess()) {
			ScopeMachine.logger.error(
					"What the application holds was not released within {} ms, still holding {}: "
							+ "closing goes on without it. Look for code in these resources that blocks or never ends.",
					Duration.ofNanos(application.endLimit()).toMillis(), application.resources());
		}
	}

	private boolean isEmptyForGood() {
		this.graceIsOver = true;
		return this.scopes.open.isEmpty();
	}

}
