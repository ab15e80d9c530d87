package io.scopedasync;

import java.time.temporal.ChronoUnit;

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

	private final Holder holder;

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

	/**
	 * Takes it off the stack of the scope that it was begun in. What holds it from now on
	 * ends it, so it may move to another scope, and keeps none alive.
	 */
	void detach() {
		ScopeExtras extras = extras();
		StackedEntry inParent = extras.inParent;
		if (inParent != null) {
			extras.inParent = null;
			inParent.scope.extras().stack.remove(inParent);
		}
	}

	/** What the body sees of its resource. */
	Object acquired() {
		return RawResource.view(resource(), value());
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
		// There is none.
	}

	@Override
	boolean deliver(Exit end) {
		return this.holder.ended(this, end) || hasListener();
	}

}
