package io.scopedasync.autoconfigure;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import org.springframework.beans.factory.DisposableBean;

/**
 * Acquires the lifespans before the application takes work, and releases them when it
 * stops, also if it may start again.
 */
final class LifespansLifecycle extends AsyncLifecycle implements DisposableBean {

	/**
	 * Started after the pools and before all that takes work. At the other end the scopes
	 * release them, and this waits until they have.
	 */
	static final int PHASE = ScopesLifecycle.PHASE - 1;

	private final Supplier<List<Lifespans.Member>> lookup;

	private final Function<List<Lifespans.Member>, Lifespans> starts;

	private volatile @Nullable Lifespans lifespans;

	/**
	 * Creates the lifecycle.
	 * @param lookup finds the lifespans, at each start, when all beans are there
	 * @param starts prepares a start of them
	 */
	LifespansLifecycle(Supplier<List<Lifespans.Member>> lookup, Function<List<Lifespans.Member>, Lifespans> starts) {
		super(PHASE);
		this.lookup = lookup;
		this.starts = starts;
	}

	/**
	 * Waits on the thread that starts the application, which is what it is for.
	 */
	@Override
	void begin() {
		List<Lifespans.Member> members = this.lookup.get();
		if (!members.isEmpty()) {
			Lifespans lifespans = this.starts.apply(members);
			await(lifespans);
			this.lifespans = lifespans;
		}
	}

	/**
	 * Without a limit, and then with one: who closes the context meanwhile interrupts a
	 * starting thread of the first kind, and waits for one of the second to end.
	 */
	private static void await(Lifespans lifespans) {
		CountDownLatch over = new CountDownLatch(1);
		AtomicReference<Throwable> failure = new AtomicReference<>();
		lifespans.start().subscribe(null, (error) -> {
			failure.set(error);
			over.countDown();
		}, over::countDown);
		boolean interrupted = false;
		for (boolean done = false; !done;) {
			try {
				if (!interrupted) {
					over.await();
				}
				done = over.await(1, TimeUnit.SECONDS);
			}
			catch (InterruptedException ex) {
				interrupted = true;
				lifespans.abort();
			}
		}
		if (interrupted) {
			Thread.currentThread().interrupt();
		}
		if (failure.get() instanceof LifespanException error) {
			throw error;
		}
	}

	@Override
	Mono<Void> end() {
		Lifespans lifespans = this.lifespans;
		this.lifespans = null;
		// Cancels tasks, which may block: not on the thread that stops all others.
		return (lifespans != null) ? Mono.defer(lifespans::stop).subscribeOn(Schedulers.boundedElastic())
				: Mono.empty();
	}

	/** For a context that destroys its beans without having stopped them. */
	@Override
	public void destroy() {
		stop();
	}

	/** As web servers, which serve on in a context that is paused. */
	@Override
	public boolean isPauseable() {
		return false;
	}

}
