package io.scopedasync;

import java.time.temporal.ChronoUnit;
import java.util.Objects;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * A scope without a body that holds something for others: a part of a composition, what
 * several scopes share, what was taken out to be released early. Masking, waiting, limits
 * and late arrivals are those of every scope.
 */
final class Holding extends RunningScope {

	/** For whom it is held: told what happens, in the driver. */
	interface Holder {

		/** Nobody asks. */
		Holder NOBODY = new Holder() {
		};

		/** Everything is acquired. */
		default void arrived(Holding holding) {
		}

		/** Somebody ends it from outside. */
		default void interrupted(Holding holding, Exit exit) {
		}

		/**
		 * Everything is released.
		 * @return whether somebody was told of it
		 */
		default boolean ended(Holding holding, Exit exit) {
			return true;
		}

		/** The {@link AsyncScopes} are closing. */
		default void closing(Holding holding) {
		}

	}

	private static final DefaultAsyncScopes IN_NO_SCOPE = (DefaultAsyncScopes) AsyncScopes.create();

	private final Holder holder;

	/** What the body sees of the last of its resources, once all have arrived. */
	private @Nullable Object acquired;

	/** What it was to end with before a release replaced that. */
	private @Nullable Exit replaced;

	/** What went wrong in its releases after a cancel. */
	private @Nullable Throwable failed;

	/** Whether it is a scope of its own for those who look from outside. */
	private final boolean seen;

	private Holding(DefaultAsyncScopes scopes, ScopeSpec spec, Holder holder, boolean seen) {
		super(scopes, spec);
		this.holder = holder;
		this.seen = seen;
		this.shared = true;
	}

	/**
	 * A part of what a scope does: nobody sees it, everything about it goes by the name
	 * of that scope.
	 */
	static Holding part(RunningScope around, Holder holder, AsyncResource<?>... resources) {
		return new Holding(around.scopes, ScopeSpec.of(around.spec.name).entering(resources), holder, false);
	}

	/** The same in no scope, for a pool. */
	static Holding part(String name, Holder holder, AsyncResource<?>... resources) {
		return new Holding(IN_NO_SCOPE, ScopeSpec.of(name).entering(resources), holder, false);
	}

	/**
	 * What is around the scopes that a release opens: it knows what is still held, and
	 * has the rest of the release's time for its only limit.
	 */
	static Holding inRelease(RunningScope around, long nanosLeft) {
		Holding inside = new Holding(around.scopes, ScopeSpec.of(around.spec.name).shielded(), Holder.NOBODY, false);
		inside.depth = around.depth;
		inside.worksFor(around);
		inside.extras().context = CallerHooks.hiddenFromResource(inside.context());
		inside.releasedIn(around);
		inside.deadline().setTo(nanosLeft);
		inside.run();
		return inside;
	}

	@Override
	boolean isInRelease() {
		return this.spec.cancels == ScopeSpec.Cancels.HELD_BACK;
	}

	@Override
	void adopted() {
		if (isInRelease()) {
			// Without anything inside there is nothing to end.
			deadline().look();
		}
	}

	/** A scope among the open ones, which may stay open without end. */
	static Holding shared(DefaultAsyncScopes scopes, Holder holder, String name, AsyncResource<?> resource) {
		return new Holding(scopes,
				ScopeSpec.of("shared " + name).entering(resource).leakThreshold(ChronoUnit.FOREVER.getDuration()),
				holder, true);
	}

	/**
	 * Begins to acquire.
	 * @param around the scope that waits for its end; null if none does
	 */
	void begin(@Nullable RunningScope around) {
		begin(around, null);
	}

	/**
	 * Takes over what a scope holds, unless that is ending, and begins.
	 * @return whether it took it
	 */
	boolean begin(@Nullable RunningScope around, @Nullable Entry taken) {
		if (this.scopes.timed) {
			this.since = this.scopes.clock.nanos();
		}
		if (around != null && !this.seen) {
			worksFor(around);
		}
		else if (this.scopes.tracked) {
			this.trace = new Trace(Thread.currentThread().getName(), null);
			becomeKnown(around);
		}
		boolean took = false;
		if (around != null) {
			around.adopt(this);
			StackedEntry inParent = extras().inParent;
			if (inParent != null && inParent.state != CHILD) {
				decide(Exit.cancelled("the scope around it, '" + around.spec.name + "', ended"));
			}
			else if (taken != null) {
				// While nobody else can drive this: an end that comes now finds it here.
				took = takeOver(taken);
			}
		}
		run();
		return took;
	}

	private void worksFor(RunningScope around) {
		ScopeExtras theirs = around.extras();
		ScopeExtras extras = extras();
		extras.carried = theirs.carried;
		extras.observed = theirs.observed;
		extras.context = around.context().put(Scope.class, this);
	}

	/** What the body sees of the last of its resources, whatever has become of it. */
	Object acquired() {
		return Objects.requireNonNull(this.acquired, "nothing acquired");
	}

	/** How it ended, or was to end if a release declared that handled. */
	Exit cause() {
		Exit replaced = this.replaced;
		return (end() instanceof Exit.Completed && replaced != null) ? replaced : end();
	}

	/** Its releases find what is held around them. */
	void releasedIn(@Nullable RunningScope around) {
		if (around != null && extras().inParent == null) {
			extras().inParent = new StackedEntry(around, null);
		}
	}

	@Override
	boolean isSeen() {
		return this.seen;
	}

	@Override
	boolean isByHand() {
		return true;
	}

	/** A part of what a blocking caller acquires goes on with that. */
	@Override
	@Nullable OwnThread home() {
		RunningScope around = this.seen ? null : parent();
		return (around != null) ? around.home() : null;
	}

	/** A part has the limits of its own releases. */
	@Override
	boolean isBounded() {
		return !this.seen;
	}

	@Override
	Context callerContext() {
		return Context.empty();
	}

	@Override
	void startBody() {
		if (this.resource != null) {
			StackedEntry last = extras().entering;
			Entry entry = (last != null) ? last : this;
			this.acquired = RawResource.view(entry.resource(), entry.value());
		}
		this.holder.arrived(this);
	}

	@Override
	boolean cancelBody() {
		this.holder.interrupted(this, end());
		return true;
	}

	@Override
	void scopesAreClosing() {
		this.holder.closing(this);
	}

	@Override
	void forgetResult() {
		if (this.replaced == null) {
			this.replaced = this.end;
		}
	}

	/** What belongs together is heard together. */
	@Override
	void releaseFailed(Throwable error) {
		if (!(end() instanceof Exit.Cancelled)) {
			super.releaseFailed(error);
		}
		else if (this.failed == null) {
			this.failed = error;
		}
		else if (!Errors.attach(this.failed, error)) {
			undelivered(error);
		}
	}

	@Override
	boolean deliver(Exit end) {
		if (this.failed != null) {
			undelivered(this.failed);
		}
		return this.holder.ended(this, end) || hasListener();
	}

}
