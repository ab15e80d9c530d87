package io.scopedasync;

import java.util.concurrent.Callable;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Fuseable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

/**
 * A release under way: never cancelled, and in a scope of its own, so that no limit or
 * cancel of those around it reaches what it opens. Its end goes to the entry while
 * somebody waits for it, else to those who hear of late ends.
 */
final class Release implements CoreSubscriber<Exit>, CurrentScope.Place {

	private final RunningScope scope;

	/** Null where nobody waits: something arrived late and is given back. */
	private final @Nullable Entry entry;

	/** On the scopes' clock. */
	final long began;

	private CurrentScope.@Nullable Place before;

	private @Nullable Subscription subscription;

	private @Nullable Object result;

	/** Whether it goes on after it was begun, with a limit that its scope looks at. */
	private volatile boolean goesOn;

	/** Made for those who ask; guarded by this. */
	private @Nullable Holding inside;

	Release(RunningScope scope, @Nullable Entry entry) {
		this.scope = scope;
		this.entry = entry;
		this.began = scope.scopes.clock.nanos();
	}

	/**
	 * Runs the code of a resource that gives something back, and subscribes to what it
	 * returns.
	 * @return the result if there is nothing to wait for, otherwise this
	 */
	@Nullable Object begin(Callable<? extends @Nullable Mono<Exit>> code, String what) throws Exception {
		CurrentScope current = CurrentScope.slot();
		this.before = current.bind(this);
		try {
			Mono<Exit> release = code.call();
			if (release == null) {
				throw new IllegalStateException(what + " returned null: return a Mono, Mono.empty() if it is done.");
			}
			if (release instanceof Fuseable.ScalarCallable<?> ready) {
				Object result = ready.call();
				end();
				return result;
			}
			this.scope.shared = true;
			if (Schedulers.isInNonBlockingThread()) {
				// What begins here is in its context. Others may go on here meanwhile, to
				// whom something is given back.
				leave();
			}
			Mono.fromDirect(release).subscribe(this);
			this.goesOn = true;
			return this;
		}
		catch (Throwable ex) {
			end();
			throw ex;
		}
		finally {
			current.bind(this.before);
		}
	}

	/** What follows is none of the release, also where that ended at once. */
	private void leave() {
		CurrentScope current = CurrentScope.slot();
		if (current.isIn(this)) {
			current.bind(this.before);
		}
	}

	@Override
	public synchronized RunningScope here() {
		Holding inside = this.inside;
		if (inside == null) {
			long left = this.began + ScopeClock.toNanos(this.scope.releaseTimeout()) - this.scope.scopes.clock.nanos();
			inside = Holding.inRelease(this.scope, left);
			this.inside = inside;
		}
		return inside;
	}

	/** Nothing is opened in it any more. */
	private void end() {
		Holding inside;
		synchronized (this) {
			inside = this.inside;
		}
		if (inside != null) {
			inside.interrupt(Exit.completed());
		}
	}

	@Override
	public Context currentContext() {
		return here().context();
	}

	@Override
	public void onSubscribe(Subscription subscription) {
		if (Operators.validate(this.subscription, subscription)) {
			this.subscription = subscription;
			subscription.request(Long.MAX_VALUE);
		}
	}

	@Override
	public void onNext(Exit exit) {
		this.result = exit;
	}

	@Override
	public void onError(Throwable error) {
		if (this.entry != null && this.goesOn && isCut()) {
			// An overrun, which the scope is about to give up and to close by force.
			end();
			if (!(error instanceof ScopeClosedException)) {
				this.scope.undelivered(error);
			}
			return;
		}
		this.result = error;
		onComplete();
	}

	/** Whether the limit has passed and has ended what was opened in it. */
	private synchronized boolean isCut() {
		return this.inside != null && this.inside.hasPassedLimit();
	}

	@Override
	public void onComplete() {
		leave();
		end();
		Entry entry = this.entry;
		if (entry != null && entry.move(Entry.RELEASING, Entry.ENDING)) {
			// Claimed before it is written: a close by force may end at the same moment.
			entry.value = this.result;
			entry.set(Entry.RELEASED);
			entry.released();
			return;
		}
		if (this.result instanceof Throwable error) {
			this.scope.undelivered(error);
		}
	}

}
