package io.scopedasync;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;

/**
 * Who uses what is shared: counts the users of one acquisition, keeps those that wait for
 * it in a queue, and ends it after the last of them. What is acquired is held by a scope
 * of its own.
 */
final class Sharing<T> extends DirectResource<Sharing<T>.Shared> {

	private static final Logger logger = LoggerFactory.getLogger(SwappableResource.class);

	/** How long a close waits. */
	private static final Duration CLOSE_LIMIT = Duration.ofSeconds(15);

	/** As good as for ever. */
	private static final long ENDLESS = Long.MAX_VALUE / 2;

	/** Its end ends what is shared, which is never given up before. */
	private final @Nullable RunningScope owner;

	/** Null for those of whoever is first. */
	private final @Nullable DefaultAsyncScopes scopes;

	private final long idle;

	/** Told, outside locks, when there is nothing to remember any more. */
	private final Runnable unused;

	// Guarded by this.

	/** What is acquired next, and by which swap it came. */
	private AsyncResource<T> resource;

	private long number;

	private long swaps;

	private final WaitQueue waiting = new WaitQueue();

	/** What users have or are about to get; while it is released, what they wait for. */
	private @Nullable Shared current;

	/** All that have not ended. */
	private final Set<Shared> open = new LinkedHashSet<>();

	private boolean closed;

	Sharing(String name, AsyncResource<T> resource, Duration idle, @Nullable RunningScope owner,
			@Nullable DefaultAsyncScopes scopes, Runnable unused) {
		super(name);
		this.resource = resource;
		this.idle = notNegative(name, idle);
		this.owner = owner;
		this.scopes = scopes;
		this.unused = unused;
	}

	static long notNegative(String name, Duration idle) {
		if (idle.isNegative()) {
			throw new IllegalArgumentException("'" + name + "' can't be kept for " + idle
					+ " after its last user: give a duration of zero or more.");
		}
		return ScopeClock.toNanos(idle);
	}

	synchronized boolean isUnused() {
		return this.current == null && this.waiting.size() == 0;
	}

	// Users.

	@Override
	protected @Nullable Shared attempt(Waiter waiter) {
		Shared next = null;
		synchronized (this) {
			if (this.closed) {
				throw closed();
			}
			Shared now = this.current;
			if (now != null && now.state == State.HELD) {
				now.users++;
				now.stopTimer();
				return now;
			}
			if (now == null) {
				next = next(scopesFor(waiter));
			}
			this.waiting.add(waiter, 1, 0);
		}
		if (next != null) {
			next.begin();
		}
		return null;
	}

	private DefaultAsyncScopes scopesFor(Waiter waiter) {
		RunningScope asking = (this.owner != null) ? this.owner : waiter.asking();
		DefaultAsyncScopes scopes = (this.scopes == null && asking != null) ? asking.scopes : this.scopes;
		if (scopes == null) {
			throw new NoScopeException(name(), "'" + name()
					+ "' is shared by scopes and was acquired outside any: use AsyncScopes.use or Scope.enter.");
		}
		return scopes;
	}

	/** Under the lock. */
	private Shared next(DefaultAsyncScopes scopes) {
		Shared next = new Shared(scopes, this.resource, this.number, null);
		this.current = next;
		return next;
	}

	@Override
	protected boolean withdraw(Waiter waiter) {
		Shared unwanted = null;
		synchronized (this) {
			if (!this.waiting.remove(waiter)) {
				return false;
			}
			if (this.waiting.size() == 0 && this.owner == null) {
				unwanted = this.current;
			}
		}
		if (unwanted != null) {
			unwanted.giveUp("nobody waits for it any more");
		}
		return true;
	}

	@Override
	protected void giveBack(Shared shared) {
		shared.leaveUnheard();
	}

	/** Who joins a user shares as well. */
	@Override
	boolean isCounted() {
		return false;
	}

	private RuntimeException closed() {
		return new ScopeClosedException(name(), "'" + name() + "' was closed and takes no more users.");
	}

	// Swaps.

	Mono<Void> swap(AsyncResource<T> resource, DefaultAsyncScopes scopes) {
		return Mono.create((sink) -> {
			Shared newcomer = null;
			synchronized (this) {
				if (!this.closed) {
					newcomer = new Shared(scopes, resource, ++this.swaps, sink);
				}
			}
			if (newcomer == null) {
				sink.error(closed());
				return;
			}
			sink.onCancel(newcomer::cancelSwap);
			newcomer.begin();
		});
	}

	Mono<Void> close() {
		List<Waiter> refused;
		List<Shared> open;
		synchronized (this) {
			this.closed = true;
			refused = takeWaiting();
			open = List.copyOf(this.open);
		}
		Mono<Void> ends = Mono.whenDelayError(open.stream().map((shared) -> shared.holding.settled()).toList());
		Waiter.refuseAll(refused, this::closed);
		open.forEach((shared) -> {
			shared.giveUp("'" + name() + "' was closed");
			shared.endIfUnused();
		});
		return open.isEmpty() ? ends : Mono.firstWithSignal(ends, giveUp(open.get(0).holding.scopes.clock));
	}

	/** Completes when the time of the close is over. */
	private Mono<Void> giveUp(ScopeClock clock) {
		Sinks.Empty<Void> over = Sinks.empty();
		clock.closeLater(() -> {
			synchronized (this) {
				if (this.open.isEmpty()) {
					return;
				}
			}
			logger.warn("'{}' was told to close {} ms ago and goes on without waiting: it is still used or being "
					+ "released. It is released after its last user.", name(), CLOSE_LIMIT.toMillis());
			over.tryEmitEmpty();
		}, ScopeClock.toNanos(CLOSE_LIMIT));
		return over.asMono();
	}

	/** Under the lock. */
	private List<Waiter> takeWaiting() {
		List<Waiter> taken = new ArrayList<>();
		for (Waiter waiter = this.waiting.peek(); waiter != null; waiter = this.waiting.peek()) {
			this.waiting.remove(waiter);
			taken.add(waiter);
		}
		return taken;
	}

	private enum State {

		ACQUIRING, HELD, ENDING, ENDED

	}

	/** One acquisition and its users; guarded by the sharing. */
	final class Shared implements Holding.Holder {

		private final Holding holding;

		private final AsyncResource<T> made;

		private final long number;

		/** Who waits for the swap, until told. */
		private @Nullable MonoSink<Void> swap;

		private State state = State.ACQUIRING;

		private int users;

		private @Nullable Disposable timer;

		Shared(DefaultAsyncScopes scopes, AsyncResource<T> made, long number, @Nullable MonoSink<Void> swap) {
			this.holding = Holding.shared(scopes, this, name(), made);
			this.made = made;
			this.number = number;
			this.swap = swap;
			Sharing.this.open.add(this);
		}

		void begin() {
			this.holding.begin(Sharing.this.owner);
		}

		Object value() {
			return this.holding.acquired();
		}

		@Nullable Object find(Object identity) {
			return this.holding.findOwn(identity);
		}

		@Nullable Function<Context, Context> context() {
			return RawResource.context(this.holding.resource(), this.holding.value());
		}

		/** Gives back; if that ends it, completes when it has ended. */
		Mono<Void> leave() {
			synchronized (Sharing.this) {
				this.users--;
				if (!isToEnd()) {
					return Mono.empty();
				}
			}
			return this.holding.close();
		}

		/** Gives back where nobody waits for the end, or hears of an error. */
		void leaveUnheard() {
			synchronized (Sharing.this) {
				this.users--;
			}
			endIfUnused();
		}

		private void endIfUnused() {
			synchronized (Sharing.this) {
				if (!isToEnd()) {
					return;
				}
			}
			this.holding.interrupt(Exit.completed());
		}

		/** Whether the caller is to end it, outside the lock. */
		private boolean isToEnd() {
			if (this.users > 0 || this.state != State.HELD || isKept()) {
				return false;
			}
			stopTimer();
			this.state = State.ENDING;
			return true;
		}

		/** Whether it is kept for users to come, until they don't. */
		private boolean isKept() {
			if (this != Sharing.this.current || Sharing.this.closed) {
				return false;
			}
			DefaultAsyncScopes scopes = this.holding.scopes;
			if (Sharing.this.owner != null) {
				return true;
			}
			if (Sharing.this.idle == 0 || scopes.shutdown.hasBegun()) {
				return false;
			}
			if (Sharing.this.idle < ENDLESS && this.timer == null) {
				this.timer = scopes.clock.scheduleNanos(this::idleTooLong, Sharing.this.idle);
			}
			return true;
		}

		private void stopTimer() {
			Disposable timer = this.timer;
			this.timer = null;
			if (timer != null) {
				timer.dispose();
			}
		}

		private void idleTooLong() {
			synchronized (Sharing.this) {
				if (this.timer == null || this.state != State.HELD) {
					return;
				}
				this.timer = null;
				this.state = State.ENDING;
			}
			this.holding.interrupt(Exit.completed());
		}

		private void giveUp(String reason) {
			synchronized (Sharing.this) {
				if (this.state != State.ACQUIRING) {
					return;
				}
				this.state = State.ENDING;
			}
			this.holding.interrupt(Exit.cancelled(reason));
		}

		private void cancelSwap() {
			takeSwap();
			giveUp("its swap was cancelled");
		}

		private @Nullable MonoSink<Void> takeSwap() {
			synchronized (Sharing.this) {
				MonoSink<Void> swap = this.swap;
				this.swap = null;
				return swap;
			}
		}

		@Override
		public void arrived(Holding holding) {
			List<Waiter> served = List.of();
			Shared old = null;
			synchronized (Sharing.this) {
				if (this.state != State.ACQUIRING) {
					return;
				}
				this.state = State.HELD;
				if (this.number >= Sharing.this.number) {
					old = (Sharing.this.current != this) ? Sharing.this.current : null;
					Sharing.this.current = this;
					Sharing.this.number = this.number;
					Sharing.this.resource = this.made;
					served = takeWaiting();
					this.users += served.size();
				}
			}
			Waiter.grantAll(served, (place) -> this);
			if (old != null) {
				old.giveUp("another one took its place");
				old.endIfUnused();
			}
			MonoSink<Void> swap = takeSwap();
			if (swap != null) {
				swap.success();
			}
			endIfUnused();
		}

		@Override
		public boolean ended(Holding holding, Exit exit) {
			List<Waiter> refused = List.of();
			Shared next = null;
			synchronized (Sharing.this) {
				State before = this.state;
				this.state = State.ENDED;
				stopTimer();
				Sharing.this.open.remove(this);
				if (Sharing.this.current == this) {
					Sharing.this.current = null;
					if (before == State.ACQUIRING) {
						refused = takeWaiting();
					}
					else if (Sharing.this.waiting.size() > 0) {
						next = next(holding.scopes);
					}
				}
			}
			MonoSink<Void> swap = takeSwap();
			boolean told = !refused.isEmpty() || swap != null;
			if (told) {
				Throwable error = (exit instanceof Exit.Failed failed) ? failed.error() : closed();
				Waiter.refuseAll(refused, () -> error);
				if (swap != null) {
					swap.error(error);
				}
			}
			if (next != null) {
				next.begin();
			}
			else if (isUnused()) {
				Sharing.this.unused.run();
			}
			return told;
		}

		@Override
		public void closing(Holding holding) {
			endIfUnused();
		}

	}

}
