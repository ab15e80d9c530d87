package io.scopedasync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

import io.scopedasync.ScopeRecorder.Outcome;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.Fuseable;
import reactor.core.publisher.Mono;

/**
 * One resource in one scope, from the acquisition to the end of the release. Every
 * transition that two threads may want is a CAS on {@link #state}, so that whatever
 * arrives is released exactly once, by whoever wins.
 */
abstract class Entry extends Waiter {

	/** Not begun. */
	static final int IDLE = 0;

	/** Being acquired. */
	static final int PENDING = 1;

	/** Held; {@link #value} is what was acquired. */
	static final int ARRIVED = 2;

	/** The acquisition failed; {@link #value} is the error. */
	static final int FAILED = 3;

	/** Held by a scope around this one, which releases it. */
	static final int JOINED = 4;

	/** Being released. */
	static final int RELEASING = 5;

	/**
	 * The release ended; {@link #value} is an error, an exit that replaces the scope's,
	 * or null.
	 */
	static final int RELEASED = 6;

	/**
	 * Given up: an acquisition taken back or past the limit (what still arrives is
	 * released), or a release past it.
	 */
	static final int ABANDONED = 7;

	/** Nothing is left to do. */
	static final int GONE = 8;

	/** The release has ended and is about to say how. */
	static final int ENDING = 10;

	/** Not a resource but a scope inside this one, {@link #value}. */
	static final int CHILD = 9;

	/**
	 * Held until a {@link Waiter} of a scope inside this one borrowed it, and not now.
	 */
	static final int LENT = 11;

	static final VarHandle STATE;

	static {
		try {
			STATE = MethodHandles.lookup().findVarHandle(Entry.class, "state", int.class);
		}
		catch (ReflectiveOperationException ex) {
			throw new ExceptionInInitializerError(ex);
		}
	}

	volatile int state;

	final @Nullable AsyncResource<?> resource;

	@Nullable Object value;

	/**
	 * When the acquisition, and later the release, began, on the scopes' clock; 0 if
	 * nobody asks.
	 */
	long since;

	/**
	 * Whether it was granted as it was asked for: nobody needs a clock to measure that.
	 */
	private boolean atOnce;

	/** Whether the release was not in time and a close by force was begun. */
	boolean aborted;

	/** Whether the recorder knows how the acquisition ended. */
	boolean recorded;

	Entry(@Nullable AsyncResource<?> resource) {
		this.resource = resource;
	}

	abstract RunningScope scope();

	@Override
	final @Nullable RunningScope asking() {
		return scope();
	}

	/** What its scope's record knows of it; guarded by that. */
	abstract OpenRecord.@Nullable Held noted();

	abstract void note(OpenRecord.Held held);

	final boolean move(int from, int to) {
		return STATE.compareAndSet(this, from, to);
	}

	/**
	 * For the transitions that only the scope's driver makes; the next event publishes
	 * them.
	 */
	final void set(int to) {
		STATE.setRelease(this, to);
	}

	/** What is asked for without a publisher, however it is seen; null if nothing is. */
	final @Nullable DirectResource<?> direct() {
		AsyncResource<?> resource = this.resource;
		AsyncResource<?> inside = (resource instanceof WrappedResource) ? WrappedResource.unwrap(resource) : resource;
		return (inside instanceof DirectResource<?> direct) ? direct : null;
	}

	/**
	 * Whether it comes from a member of ours, whose hand-over may meet a cancel: what
	 * that was made of was in time.
	 */
	final boolean isHandedOver() {
		AsyncResource<?> resource = resource();
		return resource.cancellable() && WrappedResource.unwrap(resource) instanceof RawResource;
	}

	/** What the scope keeps of what has arrived. */
	private Object kept(Object value) {
		// An acquisition has seen to that itself.
		return (this.resource instanceof WrappedResource && direct() != null) ? WrappedResource.keep(resource(), value)
				: value;
	}

	final AsyncResource<?> resource() {
		AsyncResource<?> resource = this.resource;
		if (resource == null) {
			throw new IllegalStateException("no resource");
		}
		return resource;
	}

	/**
	 * Whether it is held, here or by a scope around this one, as such or inside what is.
	 */
	final boolean holds(Object identity) {
		return find(identity) != null;
	}

	/** What is held of a resource, null if nothing is. */
	final @Nullable Object find(Object identity) {
		int now = this.state;
		if (now != ARRIVED && now != JOINED) {
			return null;
		}
		Object held = held();
		return (held != null) ? RawResource.find(resource(), held, identity) : null;
	}

	/**
	 * What is held, null if it no longer is. The state is looked at last: a release may
	 * begin at any moment, and then puts its result where the value was.
	 */
	final @Nullable Object held() {
		Object value = this.value;
		VarHandle.acquireFence();
		int now = this.state;
		return (now == ARRIVED || now == JOINED) ? value : null;
	}

	/** Whether there is something to see: being acquired, held or being released. */
	final boolean isOpen() {
		int now = this.state;
		return now == PENDING || now == ARRIVED || now == JOINED || now == RELEASING;
	}

	/** Whether its release has begun and was not looked at since. */
	final boolean isBeingReleased() {
		int now = this.state;
		return now == RELEASING || now == ENDING || now == RELEASED;
	}

	final Object value() {
		Object value = this.value;
		if (value == null) {
			throw new IllegalStateException("nothing acquired");
		}
		return value;
	}

	// Acquisition.

	/**
	 * Begins the acquisition: in the scope's driver or, for what the body enters, on the
	 * body's thread.
	 */
	final void acquire() {
		AsyncResource<?> resource = resource();
		try {
			noteBeginning();
			if (isShared(resource) && joins(resource)) {
				return;
			}
			if (this.state == IDLE) {
				set(PENDING);
			}
			DirectResource<?> direct = direct();
			if (direct != null) {
				Object value = direct.attempt(this);
				if (value != null) {
					this.atOnce = true;
					arrivedAtOnce(value);
				}
			}
			else {
				subscribe(resource);
			}
		}
		catch (Throwable ex) {
			Throwable error = Exceptions.unwrap(ex);
			if (this.state == PENDING) {
				failed(error);
			}
			else {
				this.value = error;
				set(FAILED);
			}
		}
	}

	/**
	 * Whether who holds it already is to be looked for. What the application holds is
	 * there for all, but for who is counted or asks for a new one.
	 */
	private boolean isShared(AsyncResource<?> resource) {
		if (resource.nesting() != AsyncResource.Nesting.SEPARATE) {
			return true;
		}
		DefaultAsyncScopes scopes = scope().scopes;
		DirectResource<?> direct = direct();
		return scopes.application != null && (direct == null || !direct.isCounted()) && !RawResource.isFresh(resource)
				&& scopes.heldByApplication(resource.identity()) != null;
	}

	private boolean joins(AsyncResource<?> resource) {
		boolean refuses = resource.nesting() == AsyncResource.Nesting.REFUSE;
		// Seen in another way it would wait for itself all the same.
		Object identity = ((refuses || direct() != null) ? WrappedResource.unwrap(resource) : resource).identity();
		Entry holder = scope().holder(identity);
		if (holder == null) {
			return false;
		}
		if (refuses) {
			String as = holder.resource().name();
			throw new IllegalStateException("'" + resource.name() + "' is held already"
					+ (as.equals(resource.name()) ? "" : ", as '" + as + "',") + " by scope '"
					+ holder.scope().spec.name
					+ "' around this one: asking again would wait for itself. Ask for it once.");
		}
		Object held = holder.find(identity);
		if (held == null) {
			return false;
		}
		this.value = kept(held);
		set(JOINED);
		return true;
	}

	private void subscribe(AsyncResource<?> resource) throws Exception {
		Mono<?> acquire = RawResource.acquire(resource);
		if (acquire == null) {
			throw new IllegalStateException(
					"acquire() of '" + resource.name() + "' returned null: return a Mono of exactly one value.");
		}
		if (acquire instanceof Fuseable.ScalarCallable<?> ready) {
			Object value = ready.call();
			if (value == null) {
				throw ScopeExtras.emptyAcquisition(resource.name());
			}
			arrived(value);
			return;
		}
		scope().shared = true;
		Acquisition acquisition = new Acquisition(this, resource.cancellable());
		this.value = acquisition;
		Mono.fromDirect(acquire).subscribe(acquisition);
	}

	/** A scope's own entry began with the scope. */
	void noteBeginning() {
	}

	/**
	 * Nobody else knows of the entry yet, so there is nobody to race with.
	 */
	void arrivedAtOnce(Object value) {
		this.value = kept(value);
		set(ARRIVED);
	}

	/** What is under way, if it was begun and has not ended. */
	final @Nullable Acquisition acquisition() {
		return (this.value instanceof Acquisition acquisition) ? acquisition : null;
	}

	/** Whether the acquisition can only be waited for. */
	final boolean isMasked(@Nullable Acquisition acquisition) {
		return direct() == null && (acquisition == null || !acquisition.cancellable);
	}

	/**
	 * Ends a pending acquisition that gives back by itself.
	 * @return false if it can only be waited for
	 */
	final boolean withdraw(@Nullable Acquisition acquisition) {
		DirectResource<?> direct = direct();
		if (direct != null) {
			return direct.withdraw(this) && move(PENDING, ABANDONED);
		}
		return acquisition != null && acquisition.cancellable && move(PENDING, ABANDONED);
	}

	/** Takes the wait for a direct resource out of its queue, to be refused. */
	final boolean withdrawDirectly() {
		DirectResource<?> direct = direct();
		return direct != null && direct.withdraw(this);
	}

	@Override
	final void granted(Object value) {
		// Still pending: a function that sees it in another way is the caller's code.
		this.value = value;
	}

	@Override
	final void goOn() {
		if (this.state == PENDING) {
			arrived(value());
		}
		resume();
	}

	@Override
	final void arrived(Object value) {
		Object kept = kept(value);
		this.value = kept;
		if (!move(PENDING, ARRIVED)) {
			scope().releaseLate(this, kept);
		}
		else {
			Parts.detach(kept);
		}
	}

	@Override
	final void failed(Throwable error) {
		this.value = error;
		if (!move(PENDING, FAILED)) {
			scope().undelivered(error);
		}
	}

	@Override
	void resume() {
		scope().drive();
	}

	/** The scope took the acquisition back, or stopped waiting for it. */
	void abandoned() {
	}

	@Override
	public final @Nullable Loan borrow(AsyncResource<?> resource) {
		Entry holder = scope().holder(resource.identity());
		if (holder == null || holder == this || !holder.move(ARRIVED, LENT)) {
			return null;
		}
		return new Loan() {
			@Override
			public boolean end() {
				return holder.move(LENT, ARRIVED);
			}

			@Override
			public boolean isInVain() {
				RunningScope last = holder.scope();
				for (RunningScope scope = scope().parent(); scope != null; scope = scope.parent()) {
					if (scope.end instanceof Exit.Cancelled || scope.hasPassedLimit()) {
						return true;
					}
					if (scope == last) {
						break;
					}
				}
				return false;
			}
		};
	}

	// Release.

	/** Begins the release; by whoever moved the entry to {@link #RELEASING}. */
	@SuppressWarnings("unchecked")
	final void release(Exit exit) {
		AsyncResource<?> resource = resource();
		recordAcquired(Outcome.SUCCESS);
		try {
			if (resource instanceof DirectResource<?> direct) {
				((DirectResource<Object>) direct).giveBack(value());
				this.value = null;
				set(RELEASED);
				return;
			}
			Object value = value();
			Release release = new Release(scope(), this);
			noteReleaseBegan(release.began);
			Object result = release.begin(() -> scope().exit(resource, value, exit),
					"release of '" + RawResource.name(resource) + "'");
			if (result != release) {
				this.value = result;
				set(RELEASED);
			}
		}
		catch (Throwable ex) {
			this.value = Exceptions.unwrap(ex);
			move(RELEASING, RELEASED);
		}
	}

	/**
	 * Closes by force what could not be closed in time.
	 * @return whether that goes on now, with a time of its own
	 */
	final boolean abort() {
		this.aborted = true;
		Object acquired = this.value;
		VarHandle.acquireFence();
		if (acquired == null || this.state != RELEASING) {
			// It ends at this very moment, and its result may stand there already.
			return true;
		}
		try {
			Release abort = new Release(scope(), this);
			return abort.begin(() -> Resources.unchanged(RawResource.abort(resource(), acquired)), "abort") == abort;
		}
		catch (Throwable ex) {
			scope().undelivered(Exceptions.unwrap(ex));
			return false;
		}
	}

	/** The release has ended. */
	void released() {
		scope().drive();
	}

	// What is recorded.

	final void recordAcquired(Outcome outcome) {
		RunningScope scope = scope();
		DefaultAsyncScopes scopes = scope.scopes;
		if (!scopes.recorded || this.recorded) {
			return;
		}
		this.recorded = true;
		if (!RawResource.isRecorded(resource())) {
			return;
		}
		if (scopes.recorder != ScopeRecorder.NOOP) {
			scopes.recorder.acquired(RawResource.name(resource()), outcome,
					this.atOnce ? 0 : scopes.clock.nanos() - this.since);
		}
		ScopeObserver.Observed observed = scope.observed();
		if (observed != null) {
			observed.acquired(RawResource.name(resource()), outcome);
		}
	}

	private void noteReleaseBegan(long began) {
		RunningScope scope = scope();
		if (scope.scopes.timed) {
			// A scope needs its own beginning to its end.
			if (scope == this) {
				scope.extras().releaseBegan = began;
			}
			else {
				this.since = began;
			}
		}
	}

	/**
	 * What was granted directly takes no time to give back: the clock is left alone.
	 */
	final void recordReleased(Outcome outcome) {
		RunningScope scope = scope();
		if (!scope.scopes.recorded || this.resource instanceof Resources.Handler) {
			return;
		}
		AsyncResource<?> resource = resource();
		if (!RawResource.isRecorded(resource)) {
			return;
		}
		ScopeRecorder recorder = scope.scopes.recorder;
		if (recorder != ScopeRecorder.NOOP) {
			long nanos = 0;
			if (!(resource instanceof DirectResource)) {
				nanos = scope.scopes.clock.nanos() - ((scope == this) ? scope.extras().releaseBegan : this.since);
			}
			recorder.released(RawResource.name(resource), outcome, nanos);
		}
		ScopeObserver.Observed observed = scope.observed();
		if (observed != null) {
			observed.released(RawResource.name(resource), outcome);
		}
	}

}
