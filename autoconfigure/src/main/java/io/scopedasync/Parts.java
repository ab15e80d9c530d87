package io.scopedasync;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * What one scope holds of a {@link ComposedResource}: a {@link Holding} per part. While
 * they are acquired they are inside that scope, which waits for them should it end; then
 * they are held together and ended together, wherever that is.
 */
final class Parts implements Subscription, Holding.Holder {

	private enum State {

		ACQUIRING, HELD, STOPPED, RELEASING

	}

	private final ComposedResource<?> resource;

	/** In order of acquisition. */
	private final List<Holding> parts = new ArrayList<>();

	/**
	 * Null once it is told: what is held must not keep alive the scope that holds it.
	 */
	private @Nullable CoreSubscriber<? super Parts> actual;

	/** What the body sees, once held. */
	private @Nullable Object value;

	// Guarded by this.

	private State state = State.ACQUIRING;

	private boolean begun;

	private boolean cancelled;

	private int arrived;

	private int ended;

	private @Nullable Holding winner;

	private @Nullable Throwable error;

	Parts(ComposedResource<?> resource, CoreSubscriber<? super Parts> actual) {
		this.resource = resource;
		this.actual = actual;
	}

	// Acquisition.

	void begin(@Nullable RunningScope around) {
		for (List<AsyncResource<?>> branch : this.resource.branches) {
			AsyncResource<?>[] resources = branch.toArray(AsyncResource<?>[]::new);
			Holding part = (around != null) ? Holding.part(around, this, resources)
					: Holding.part(this.resource.name(), this, resources);
			synchronized (this) {
				if (this.state != State.ACQUIRING || this.winner != null) {
					break;
				}
				this.parts.add(part);
			}
			part.begin(around);
		}
		synchronized (this) {
			this.begun = true;
		}
		goOn();
	}

	@Override
	public void arrived(Holding part) {
		synchronized (this) {
			this.arrived++;
			if (this.resource.isRace() && this.winner == null) {
				this.winner = part;
			}
		}
		goOn();
	}

	@Override
	public boolean ended(Holding part, Exit exit) {
		Throwable error = null;
		Throwable other = null;
		synchronized (this) {
			if (this.state == State.ACQUIRING) {
				error = errorOf(part, part.cause());
				if (this.error == null) {
					this.error = error;
				}
				else {
					other = error;
				}
				if (!this.resource.isRace()) {
					this.state = State.STOPPED;
				}
			}
			else if ((this.state == State.STOPPED || (this.state == State.HELD && !held().contains(part)))
					&& exit instanceof Exit.Failed failed) {
				// While it was to stop.
				other = failed.error();
			}
			if (other != null && this.state != State.HELD && this.error != null && Errors.attach(this.error, other)) {
				other = null;
			}
			this.ended++;
		}
		if (other != null) {
			part.undelivered(other);
		}
		if (error != null && !this.resource.isRace()) {
			interruptAll(Exit.failed(error));
		}
		goOn();
		return true;
	}

	/** Why there is nothing to hold. */
	private static Throwable errorOf(Holding part, Exit exit) {
		if (exit instanceof Exit.Failed failed) {
			return failed.error();
		}
		return part.cancelled(
				(exit instanceof Exit.Cancelled cancelled) ? cancelled : new Exit.Cancelled("closed while acquiring"));
	}

	@Override
	public void interrupted(Holding part, Exit exit) {
		synchronized (this) {
			if (this.state == State.STOPPED || this.state == State.RELEASING
					|| (this.state == State.HELD && !held().contains(part))) {
				return;
			}
			if (this.state == State.ACQUIRING) {
				this.state = State.STOPPED;
				this.error = errorOf(part, exit);
			}
		}
		interruptAll(exit);
	}

	@Override
	public void request(long n) {
		// There is one value, and nobody asks for none.
	}

	@Override
	public void cancel() {
		synchronized (this) {
			this.cancelled = true;
			if (this.state != State.ACQUIRING) {
				return;
			}
			this.state = State.STOPPED;
		}
		interruptAll(Exit.cancelled("not wanted any more"));
	}

	/** Tells how the acquisition ended, if it has. */
	private void goOn() {
		boolean held = false;
		boolean failed = false;
		synchronized (this) {
			if (!this.begun) {
				return;
			}
			if (this.state == State.ACQUIRING
					&& (this.resource.isRace() ? this.winner != null : this.arrived == this.parts.size())) {
				this.state = State.HELD;
				held = true;
			}
			else if (this.state != State.HELD && this.ended == this.parts.size()) {
				this.state = State.STOPPED;
				failed = true;
			}
		}
		if (held) {
			hold();
		}
		else if (failed) {
			fail();
		}
	}

	private void hold() {
		for (Holding part : snapshot()) {
			if (this.winner != null && part != this.winner) {
				part.interrupt(Exit.cancelled("another one was there first"));
			}
		}
		try {
			this.value = this.resource.combine(snapshotHeld().stream().map(Holding::acquired).toList());
		}
		catch (Throwable ex) {
			synchronized (this) {
				this.state = State.STOPPED;
				this.error = ex;
			}
			interruptAll(Exit.failed(ex));
			goOn();
			return;
		}
		CoreSubscriber<? super Parts> actual = this.actual;
		this.actual = null;
		if (actual != null) {
			actual.onNext(this);
			actual.onComplete();
		}
	}

	private void fail() {
		CoreSubscriber<? super Parts> actual;
		Throwable error;
		synchronized (this) {
			actual = this.cancelled ? null : this.actual;
			error = this.error;
			this.actual = null;
		}
		if (error == null) {
			return;
		}
		if (actual != null) {
			actual.onError(error);
		}
		else {
			snapshot().get(0).undelivered(error);
		}
	}

	private void interruptAll(Exit exit) {
		List<Holding> parts = snapshot();
		for (int i = parts.size() - 1; i >= 0; i--) {
			parts.get(i).interrupt(exit);
		}
	}

	private synchronized List<Holding> snapshot() {
		return List.copyOf(this.parts);
	}

	// Held.

	synchronized List<Holding> snapshotHeld() {
		return List.copyOf(held());
	}

	private List<Holding> held() {
		return (this.winner != null) ? List.of(this.winner) : this.parts;
	}

	Object value() {
		Object value = this.value;
		if (value == null) {
			throw new IllegalStateException("nothing acquired");
		}
		return value;
	}

	private void detach() {
		snapshotHeld().forEach(Holding::detach);
	}

	/** What has arrived has a holder now, which ends the parts that are in it. */
	static void detach(Object arrived) {
		Parts parts = in(arrived);
		if (parts != null) {
			parts.detach();
		}
	}

	/** The parts in what an entry holds, null if it has none. */
	static @Nullable Parts in(@Nullable Object raw) {
		Object inside = raw;
		while (inside instanceof MappedResource.Mapped mapped) {
			inside = mapped.raw();
		}
		return (inside instanceof Parts parts) ? parts : null;
	}

	@Nullable Object find(Object identity) {
		for (Holding part : snapshotHeld()) {
			Object found = part.findOwn(identity);
			if (found != null) {
				return found;
			}
		}
		return null;
	}

	/** What they bring into the context, in order of acquisition. */
	@Nullable Function<Context, Context> context() {
		Function<Context, Context> all = null;
		for (Holding part : snapshotHeld()) {
			for (Entry entry : part.openEntries()) {
				Object held = entry.held();
				Function<Context, Context> one = (held != null) ? RawResource.context(entry.resource(), held) : null;
				all = (all == null) ? one : (one == null) ? all : all.andThen(one);
			}
		}
		return all;
	}

	Mono<Exit> exit(Exit exit) {
		return Mono.deferContextual((context) -> {
			RunningScope around = CurrentScope.innermost(context);
			List<Mono<Void>> ends = new ArrayList<>();
			synchronized (this) {
				this.state = State.RELEASING;
			}
			List<Holding> parts = snapshotHeld();
			List<Throwable> before = attachedTo(exit);
			for (Holding part : parts) {
				part.releasedIn(around);
				ends.add(part.settled().onErrorComplete());
			}
			for (int i = parts.size() - 1; i >= 0; i--) {
				parts.get(i).interrupt(exit);
			}
			return Mono.when(ends).then(Mono.fromSupplier(() -> together(parts, exit, before)));
		});
	}

	private static List<Throwable> attachedTo(Exit exit) {
		return (exit instanceof Exit.Failed failed) ? Errors.attachedTo(failed.error()) : List.of();
	}

	/**
	 * All were told the same exit. One that declares it handled is enough; of errors the
	 * last acquired one's is first, as on a stack. What others have attached meanwhile to
	 * an error that is handled is not.
	 */
	private static @Nullable Exit together(List<Holding> parts, Exit exit, List<Throwable> before) {
		Exit replaced = null;
		List<Throwable> errors = new ArrayList<>();
		for (int i = parts.size() - 1; i >= 0; i--) {
			Exit end = parts.get(i).end();
			if (end != exit) {
				replaced = end;
				if (end instanceof Exit.Failed failed) {
					errors.add(failed.error());
				}
			}
		}
		if (replaced == null) {
			return null;
		}
		for (Throwable attached : attachedTo(exit)) {
			if (!before.contains(attached)) {
				errors.add(attached);
			}
		}
		Throwable error = HandledErrors.together(errors, parts.get(0)::undelivered);
		return (error != null) ? Exit.failed(error) : replaced;
	}

}
