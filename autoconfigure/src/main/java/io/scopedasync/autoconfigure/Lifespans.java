package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;

import io.scopedasync.AsyncResource;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;

import org.springframework.core.metrics.ApplicationStartup;
import org.springframework.core.metrics.StartupStep;

/**
 * One start of the lifespans, and its end: each is entered into the scope of the
 * application as soon as all that it needs is there. That scope owns what arrives and
 * undoes all of it, so what is decided here is only when to begin, and whether it is to
 * end.
 */
final class Lifespans {

	private static final Logger logger = LoggerFactory.getLogger(Lifespans.class);

	private final Scope application;

	private final ScopeClock clock;

	private final Scheduler scheduler;

	private final ApplicationStartup startup;

	private final Map<String, Step> steps = new LinkedHashMap<>();

	private final AtomicInteger missing;

	/** Whether the start is over, one way or the other: the first says how. */
	private final AtomicBoolean decided = new AtomicBoolean();

	private volatile @Nullable LifespanException failure;

	/** In order of arrival. */
	private final List<String> acquired = new CopyOnWriteArrayList<>();

	private final Sinks.Empty<Void> started = Sinks.empty();

	private volatile long began;

	private volatile long ending;

	/**
	 * Prepares a start.
	 * @param application the scope of the application, which holds nothing of these
	 * @param clock drives the start timeouts
	 * @param members what to acquire; what they need is among them, without cycles
	 * @param scheduler where acquisitions begin, one beside the other
	 * @param startup is told how long each took
	 */
	Lifespans(Scope application, ScopeClock clock, List<Member> members, Scheduler scheduler,
			ApplicationStartup startup) {
		this.application = application;
		this.clock = clock;
		this.scheduler = scheduler;
		this.startup = startup;
		this.missing = new AtomicInteger(members.size());
		members.forEach((member) -> this.steps.put(member.name(), new Step(member)));
		this.steps.values().forEach((step) -> step.member.needs().forEach((name) -> step(name).next.add(step)));
	}

	private Step step(String name) {
		Step step = this.steps.get(name);
		if (step == null) {
			throw new IllegalArgumentException("'" + name + "' is needed, and is none of " + this.steps.keySet());
		}
		return step;
	}

	/**
	 * Begins, once.
	 * @return completes when all are there; a {@link LifespanException} once one has
	 * failed and everything is undone
	 */
	Mono<Void> start() {
		this.began = this.clock.nanos();
		this.ending = this.began;
		this.application.onExit((exit) -> Mono.fromRunnable(this::released));
		List.copyOf(this.steps.values()).stream().filter((step) -> step.member.needs().isEmpty()).forEach(Step::begin);
		return this.started.asMono();
	}

	/**
	 * Gives up a start under way; otherwise does nothing.
	 */
	void abort() {
		fail(new LifespanException("The start was interrupted before all lifespans were there",
				"Look for who stopped the application.", null));
	}

	/**
	 * Releases what was acquired, in reverse, if that has not been done.
	 * @return completes when it is done or given up; what failed was logged
	 */
	Mono<Void> stop() {
		return this.application.close().onErrorComplete();
	}

	private void complete() {
		this.application.onExit((exit) -> Mono.fromRunnable(() -> this.ending = this.clock.nanos()));
		logger.info("{} acquired in {} ms", count(), millisSince(this.began));
		this.started.tryEmitEmpty();
	}

	private void fail(LifespanException error) {
		if (this.decided.compareAndSet(false, true)) {
			this.failure = error;
			this.ending = this.clock.nanos();
			this.application.cancel(error.getProblem())
				.onErrorComplete()
				.subscribe(null, null, () -> this.started.tryEmitError(error));
		}
		else {
			failedToo(error.getCause());
		}
	}

	/** While the others are undone; that those are refused is no news. */
	private void failedToo(@Nullable Throwable error) {
		LifespanException first = this.failure;
		if (first != null && error != null && !(error instanceof ScopeClosedException)) {
			first.addSuppressed(error);
		}
	}

	private void released() {
		if (!this.acquired.isEmpty()) {
			logger.info("{} released in {} ms", count(), millisSince(this.ending));
		}
	}

	private String count() {
		return (this.acquired.size() == 1) ? "1 lifespan" : this.acquired.size() + " lifespans";
	}

	private long millisSince(long nanos) {
		return Duration.ofNanos(this.clock.nanos() - nanos).toMillis();
	}

	/**
	 * Something to be held for as long as the application runs.
	 *
	 * @param name the bean's name
	 * @param resource the resource, of that name
	 * @param startTimeout how long it may take
	 * @param needs names of those that are to be there before
	 */
	record Member(String name, AsyncResource<?> resource, Duration startTimeout, Set<String> needs) {

	}

	private final class Step {

		private final Member member;

		private final List<Step> next = new ArrayList<>();

		private final AtomicInteger waitsFor;

		private final AtomicBoolean over = new AtomicBoolean();

		private final Disposable.Swap timer = Disposables.swap();

		private volatile long began;

		private volatile @Nullable StartupStep recorded;

		Step(Member member) {
			this.member = member;
			this.waitsFor = new AtomicInteger(member.needs().size());
		}

		private void begin() {
			try {
				acquire();
			}
			catch (RuntimeException ex) {
				failed(ex);
			}
		}

		private void acquire() {
			Lifespans all = Lifespans.this;
			this.began = all.clock.nanos();
			this.recorded = all.startup.start("scoped-async.lifespan.acquire").tag("beanName", this.member.name());
			this.timer.update(all.clock.schedule(this::expired, this.member.startTimeout()));
			// The value is not kept here: whoever asks is given it by the scope.
			all.application.enter(this.member.resource())
				.subscribeOn(all.scheduler)
				.subscribe((value) -> arrived(), this::failed);
		}

		private boolean end() {
			if (!this.over.compareAndSet(false, true)) {
				return false;
			}
			this.timer.dispose();
			StartupStep recorded = this.recorded;
			if (recorded != null) {
				recorded.end();
			}
			return true;
		}

		private void arrived() {
			if (!end()) {
				return;
			}
			Lifespans all = Lifespans.this;
			all.acquired.add(this.member.name());
			logger.info("Lifespan '{}' acquired in {} ms", this.member.name(), millisSince(this.began));
			if (all.missing.decrementAndGet() == 0 && all.decided.compareAndSet(false, true)) {
				complete();
			}
			for (Step step : this.next) {
				if (step.waitsFor.decrementAndGet() == 0 && !all.decided.get()) {
					step.begin();
				}
			}
		}

		private void failed(Throwable error) {
			if (end()) {
				// What Boot prints of a failed start has no stack.
				logger.error("Lifespan '{}' could not be acquired", this.member.name(), error);
				fail(new LifespanException(
						"The lifespan '" + this.member.name() + "' could not be acquired: it failed after "
								+ millisSince(this.began) + " ms",
						"See the cause. The application does not start without it; remove @Lifespan from the bean if it "
								+ "can, and let scopes acquire it when they need it.",
						error));
			}
			else {
				failedToo(error);
			}
		}

		private void expired() {
			if (end()) {
				fail(new LifespanException(
						"The lifespan '" + this.member.name() + "' was not acquired within its start timeout of "
								+ Durations.text(this.member.startTimeout()),
						"Look what its acquire() waits for. If it takes that long by nature, give it more time with "
								+ "@Lifespan(startTimeout = \"2m\") or scoped-async.lifespan.start-timeout.",
						null));
			}
		}

	}

}
