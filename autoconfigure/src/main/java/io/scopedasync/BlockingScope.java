package io.scopedasync;

import java.util.concurrent.locks.LockSupport;

import org.jspecify.annotations.Nullable;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

import io.scopedasync.AsyncScopes.BlockingBody;

/**
 * The front of a body that blocks: acquires, waits, runs, releases and hears on the
 * calling thread, which drives its scope but while it runs the body. Others only note
 * what happens, and wake it.
 */
final class BlockingScope<R> extends RunningScope {

	private final BlockingBody<Object, ? extends R> body;

	private final Thread thread = Thread.currentThread();

	private final OwnThread waiting = new OwnThread();

	private boolean bodyMayRun;

	private boolean over;

	/** Whether the thread was interrupted while it waited. */
	private boolean interrupted;

	/** Whether an interrupt would reach the body; guarded by {@link #bodyLock}. */
	private boolean inBody;

	private boolean interruptedByLimit;

	private final Object bodyLock = new Object();

	private @Nullable R result;

	@SuppressWarnings("unchecked")
	private BlockingScope(DefaultAsyncScopes scopes, ScopeSpec spec, BlockingBody<?, ? extends R> body) {
		super(scopes, spec);
		this.body = (BlockingBody<Object, ? extends R>) body;
	}

	static <R> R run(DefaultAsyncScopes scopes, ScopeSpec spec, BlockingBody<?, ? extends R> body) throws Exception {
		if (Schedulers.isInNonBlockingThread()) {
			throw new IllegalStateException(
					"Scope '" + spec.name + "' would block thread '" + Thread.currentThread().getName()
							+ "', which must not block: nothing was acquired. Return a Mono, Flux or "
							+ "CompletableFuture, or call it on Schedulers.boundedElastic() or a virtual thread.");
		}
		return new BlockingScope<R>(scopes, spec, body).call();
	}

	private R call() throws Exception {
		RunningScope parent = CurrentScope.ofThread();
		// An interrupt that the body around this scope has taken already is none any
		// more.
		boolean taken = !this.thread.isInterrupted() && isInterruptedBy(parent);
		// Returns once the body may run, or the scope has settled.
		start(parent);
		Throwable thrown = null;
		if (this.bodyMayRun) {
			thrown = runBody();
			boolean interrupted = this.interrupted || (Thread.interrupted() && !isInterruptedByLimit());
			this.interrupted = interrupted;
			Exit exit = (interrupted || thrown instanceof InterruptedException)
					? Exit.cancelled("its thread was interrupted")
					: (thrown != null) ? Exit.failed(thrown) : Exit.completed();
			boolean endedByItself = ended(exit);
			if (!endedByItself) {
				bodyReturned();
			}
			if (interrupted) {
				// It came at the body's end, and there may be tasks to wait for.
				interrupt(Exit.cancelled("its thread was interrupted"));
			}
			awaitEnd();
			if (!endedByItself && thrown != null && !(thrown instanceof InterruptedException)) {
				afterItsEnd(thrown);
			}
		}
		// This scope cleared the interrupt that was its own; one around it may have meant
		// the same thread at the same moment.
		if (this.interrupted || (!taken && isInterruptedBy(parent))) {
			Thread.currentThread().interrupt();
		}
		return outcome(thrown);
	}

	private @Nullable Throwable runBody() {
		synchronized (this.bodyLock) {
			this.inBody = this.end == null;
			if (!this.inBody) {
				return null;
			}
		}
		CurrentScope current = CurrentScope.slot();
		CurrentScope.Place before = current.bind(this);
		try (ContextCarrier.Restored observing = observing()) {
			this.result = this.body.apply(bodyArgument());
			return null;
		}
		catch (Throwable ex) {
			return ex;
		}
		finally {
			current.bind(before);
			synchronized (this.bodyLock) {
				this.inBody = false;
			}
		}
	}

	/** The body threw when the scope had to end anyway. */
	private void afterItsEnd(Throwable thrown) {
		Exit told = told();
		if (told instanceof Exit.Failed failed) {
			if (!Errors.attach(failed.error(), thrown)) {
				undelivered(thrown);
			}
		}
		else if (told instanceof Exit.Completed) {
			undelivered(thrown);
		}
	}

	@Override
	boolean hasInterrupted(Thread thread) {
		return (thread == this.thread && isInterruptedByLimit()) || super.hasInterrupted(thread);
	}

	private boolean isInterruptedBy(@Nullable RunningScope around) {
		return around != null && around.hasInterrupted(this.thread);
	}

	private boolean isInterruptedByLimit() {
		synchronized (this.bodyLock) {
			return this.interruptedByLimit;
		}
	}

	/** Waits for tasks, then releases, here. */
	private void awaitEnd() {
		while (!this.over) {
			drive();
			if (!this.over && !Trampoline.drainBeforeParking()) {
				park();
			}
		}
	}

	@Override
	void awaitEvent(int seen) {
		while (this.phase != RUNNING && isUpToDate(seen)) {
			// Steps of scopes inside this one must not wait for it to wake up. What goes
			// on here may park itself, which uses up the wake-up for an event.
			if (!Trampoline.drainBeforeParking() && !this.waiting.goOn()) {
				park();
			}
		}
	}

	/** Until something happens; for no reason also. */
	private void park() {
		LockSupport.park(this);
		this.waiting.goOn();
		if (Thread.interrupted()) {
			this.interrupted = true;
			if (this.phase < UNWINDING) {
				// Also while it waits for its tasks.
				interrupt(Exit.cancelled("its thread was interrupted"));
			}
		}
	}

	@Override
	void wakeDriver() {
		if (this.phase != RUNNING) {
			this.waiting.wakeUp();
		}
	}

	/** Others drive it during the body, and leave its end to its thread. */
	@Override
	void beforeWaiting() {
		if (this.bodyOver) {
			this.waiting.wakeUp();
		}
	}

	@Override
	boolean mayUnwindHere() {
		return this.waiting.isCurrent();
	}

	@Override
	OwnThread home() {
		return this.waiting;
	}

	@SuppressWarnings("NullAway") // null is what the body returned
	private R outcome(@Nullable Throwable thrown) throws Exception {
		Exit end = told();
		if (end instanceof Exit.Failed failed) {
			BlockingScope.<RuntimeException>sneakyThrow(failed.error());
		}
		if (end instanceof Exit.Cancelled cancelled) {
			BlockingScope
				.<RuntimeException>sneakyThrow((thrown != null) ? Unheard.addTo(thrown, this) : cancelled(cancelled));
		}
		return this.result;
	}

	@SuppressWarnings("unchecked")
	private static <E extends Throwable> void sneakyThrow(Throwable error) throws E {
		throw (E) error;
	}

	@Override
	Context callerContext() {
		return Context.empty();
	}

	@Override
	void startBody() {
		this.waiting.leave();
		this.bodyMayRun = true;
	}

	@Override
	boolean mayBodyWait() {
		return mayWait(this.thread);
	}

	@Override
	boolean cancelBody() {
		synchronized (this.bodyLock) {
			if (this.inBody) {
				this.interruptedByLimit = true;
				this.thread.interrupt();
			}
		}
		// It is once the thread has left it.
		return false;
	}

	@Override
	void forgetResult() {
		this.result = null;
	}

	@Override
	boolean deliver(Exit end) {
		this.waiting.leave();
		this.over = true;
		return true;
	}

}
