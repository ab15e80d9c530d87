package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

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

	private final Sinks.Empty<Void> closed = Sinks.empty();

	Shutdown(DefaultAsyncScopes scopes, Duration grace) {
		this.scopes = scopes;
		this.grace = grace;
	}

	boolean hasBegun() {
		return this.begun.get();
	}

	/** Whether a scope may not begin, in the one around it. */
	boolean refuses(@Nullable RunningScope parent) {
		return this.begun.get() && !isLast(parent);
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

	/** See {@link AsyncScopes#close(Consumer)}. */
	Mono<Void> begin(Consumer<? super List<Scope>> leftOpen) {
		if (this.begun.compareAndSet(false, true)) {
			this.scopes.open.snapshot().forEach(RunningScope::scopesAreClosing);
			waitForTheRest(this.grace, () -> force(leftOpen));
		}
		return this.closed.asMono();
	}

	private void force(Consumer<? super List<Scope>> leftOpen) {
		this.graceIsOver = true;
		List<Scope> rest = new ArrayList<>(this.scopes.openScopes());
		rest.addAll(this.scopes.takeLost());
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
		waitForTheRest(this.scopes.releaseTimeout, this::endApplication);
	}

	private void waitForTheRest(Duration limit, Runnable then) {
		lookAgain(this.scopes.clock.nanos() + ScopeClock.toNanos(limit), then);
	}

	private void lookAgain(long deadline, Runnable then) {
		long left = deadline - this.scopes.clock.nanos();
		if (this.scopes.open.isEmpty() && isEmptyForGood()) {
			endApplication();
		}
		else if (left <= 0) {
			then.run();
		}
		else {
			this.scopes.clock.scheduleNanos(() -> lookAgain(deadline, then), Math.min(left, SHUTDOWN_LOOK.toNanos()));
		}
	}

	/** Last, since all others may have used what it holds. */
	private void endApplication() {
		ApplicationScope application;
		synchronized (this.scopes) {
			application = this.scopes.application;
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
		return this.scopes.open.isEmpty();
	}

}
