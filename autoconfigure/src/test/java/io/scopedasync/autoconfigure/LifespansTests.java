package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;

import org.springframework.boot.context.metrics.buffering.BufferingApplicationStartup;
import org.springframework.boot.context.metrics.buffering.StartupTimeline.TimelineEvent;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.metrics.ApplicationStartup;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Lifespans}: what is acquired when, and undone how.
 */
@Timeout(60)
@ExtendWith(OutputCaptureExtension.class)
class LifespansTests {

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(ScopeClock.of(this.time))
		.releaseTimeout(Duration.ofSeconds(2))
		.build();

	private final List<String> events = new CopyOnWriteArrayList<>();

	/** How the start ended, and how the stop did. */
	private final List<Object> ends = new ArrayList<>();

	private final Map<String, Manual> resources = new LinkedHashMap<>();

	private final List<Lifespans.Member> members = new ArrayList<>();

	private ApplicationStartup startup = ApplicationStartup.DEFAULT;

	@AfterEach
	void dispose() {
		this.time.dispose();
	}

	private void member(String name, String... needs) {
		Manual resource = new Manual(name);
		this.resources.put(name, resource);
		this.members.add(new Lifespans.Member(name, resource, Duration.ofSeconds(30), Set.of(needs)));
	}

	private Lifespans start() {
		Lifespans lifespans = new Lifespans(this.scopes.application(), ScopeClock.of(this.time), this.members,
				Schedulers.immediate(), this.startup);
		lifespans.start().subscribe(null, this.ends::add, () -> this.ends.add("started"));
		return lifespans;
	}

	private void arrives(String... names) {
		for (String name : names) {
			this.resources.get(name).arrival.tryEmitValue(name);
		}
	}

	private void fails(String name, Throwable error) {
		this.resources.get(name).arrival.tryEmitError(error);
	}

	private LifespanException failure() {
		assertThat(this.ends).singleElement().isInstanceOf(LifespanException.class);
		return (LifespanException) this.ends.get(0);
	}

	@Test
	void theIndependentAreAcquiredAtTheSameTimeAndTheDependentInOrder() {
		member("connection");
		member("cache");
		member("login", "connection");
		member("orders", "cache", "login");
		start();
		assertThat(this.events).containsExactly("acquire connection", "acquire cache");
		arrives("connection");
		assertThat(this.events).endsWith("acquire login");
		arrives("login");
		assertThat(this.events).endsWith("acquire login").hasSize(3);
		arrives("cache");
		assertThat(this.events).endsWith("acquire orders");
		assertThat(this.ends).isEmpty();
		arrives("orders");
		assertThat(this.ends).containsExactly("started");
	}

	@Test
	void areReleasedInReverseOrder() {
		member("connection");
		member("login", "connection");
		member("orders", "login");
		Lifespans lifespans = start();
		arrives("connection", "login", "orders");
		this.events.clear();
		lifespans.stop().subscribe(null, null, () -> this.ends.add("stopped"));
		assertThat(this.events).containsExactly("release orders completed", "release login completed",
				"release connection completed");
		assertThat(this.ends).containsExactly("started", "stopped");
	}

	@Test
	void eachReleaseIsBoundedAndTheOthersGoOn() {
		member("connection");
		member("login", "connection");
		Lifespans lifespans = start();
		arrives("connection", "login");
		this.resources.get("login").release = Mono.never();
		lifespans.stop().subscribe(null, null, () -> this.ends.add("stopped"));
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.events).doesNotContain("release connection completed");
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		assertThat(this.ends).containsExactly("started", "stopped");
		assertThat(this.events).anyMatch((event) -> event.startsWith("release connection"));
	}

	@Test
	@Case(162)
	void aFailingOneUndoesTheOthersAndIsNamed() {
		member("connection");
		member("login", "connection");
		member("cache");
		member("orders", "login");
		start();
		arrives("connection", "cache");
		this.time.advanceTimeBy(Duration.ofMillis(120));
		IllegalStateException error = new IllegalStateException("expected");
		fails("login", error);
		assertThat(failure()).hasMessageContaining("The lifespan 'login' could not be acquired: it failed after 120 ms")
			.hasCause(error);
		String undone = "cancelled: The lifespan 'login' could not be acquired: it failed after 120 ms";
		assertThat(this.events).containsExactly("acquire connection", "acquire cache", "acquire login",
				"release cache " + undone, "release connection " + undone);
	}

	@Test
	void anEmptyOneIsAFailure() {
		member("connection");
		start();
		this.resources.get("connection").arrival.tryEmitEmpty();
		assertThat(failure()).hasMessageContaining("'connection'")
			.hasRootCauseMessage("The acquisition of "
					+ "'connection' ended without a value: acquire() must bring exactly one. For something optional acquire "
					+ "an Optional.");
	}

	@Test
	void oneThatIsNotThereInTimeIsAFailure() {
		member("cache");
		member("connection");
		start();
		arrives("cache");
		this.time.advanceTimeBy(Duration.ofSeconds(29));
		assertThat(this.ends).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(1));
		// It can't be cancelled, so it is waited for, for so long.
		assertThat(this.ends).isEmpty();
		this.time.advanceTimeBy(Duration.ofSeconds(2));
		assertThat(failure())
			.hasMessageContaining("The lifespan 'connection' was not acquired within its start timeout of 30000 ms");
		assertThat(this.events).last().asString().startsWith("release cache cancelled");
		arrives("connection");
		assertThat(this.events).last().asString().startsWith("release connection cancelled");
	}

	@Test
	void theTimeOfEachBeginsWithIt() {
		member("connection");
		member("login", "connection");
		start();
		this.time.advanceTimeBy(Duration.ofSeconds(29));
		arrives("connection");
		this.time.advanceTimeBy(Duration.ofSeconds(29));
		arrives("login");
		this.time.advanceTimeBy(Duration.ofMinutes(1));
		assertThat(this.ends).containsExactly("started");
	}

	@Test
	void oneUnderWayIsCancelledIfItCanBe() {
		member("connection");
		member("cache");
		this.resources.get("cache").cancellable = true;
		start();
		fails("connection", new TimeoutException("expected"));
		assertThat(failure()).hasMessageContaining("'connection'");
		assertThat(this.events).endsWith("cancel cache");
	}

	@Test
	void oneUnderWayThatCannotBeCancelledIsAwaitedAndReleased() {
		member("connection");
		member("cache");
		start();
		fails("connection", new TimeoutException("expected"));
		assertThat(this.ends).isEmpty();
		arrives("cache");
		failure();
		assertThat(this.events).last().asString().startsWith("release cache cancelled");
	}

	@Test
	void nothingBeginsAfterAFailure() {
		member("connection");
		member("cache");
		member("login", "connection");
		start();
		fails("cache", new TimeoutException("expected"));
		arrives("connection");
		failure();
		assertThat(this.events).doesNotContain("acquire login");
	}

	@Test
	void aSecondFailureIsNotLost() {
		member("connection");
		member("cache");
		start();
		IllegalStateException second = new IllegalStateException("second");
		fails("connection", new TimeoutException("first"));
		fails("cache", second);
		assertThat(failure().getSuppressed()).containsExactly(second);
	}

	@Test
	void aStartUnderWayCanBeGivenUp() {
		member("connection");
		member("cache");
		Lifespans lifespans = start();
		arrives("connection");
		lifespans.abort();
		arrives("cache");
		assertThat(failure()).hasMessageContaining("interrupted");
		assertThat(this.events).filteredOn((event) -> event.startsWith("release")).hasSize(2);
	}

	@Test
	void onceStartedThereIsNothingToGiveUp() {
		member("connection");
		Lifespans lifespans = start();
		arrives("connection");
		lifespans.abort();
		assertThat(this.ends).containsExactly("started");
		assertThat(this.events).containsExactly("acquire connection");
	}

	@Test
	void aThousandInARowDoNotOverflow() throws InterruptedException {
		member("0");
		for (int i = 1; i < 1000; i++) {
			member(String.valueOf(i), String.valueOf(i - 1));
		}
		this.resources.keySet().forEach(this::arrives);
		CountDownLatch over = new CountDownLatch(1);
		Lifespans lifespans = new Lifespans(this.scopes.application(), ScopeClock.of(this.time), this.members,
				Schedulers.single(), this.startup);
		lifespans.start().subscribe(null, this.ends::add, over::countDown);
		assertThat(over.await(30, TimeUnit.SECONDS)).isTrue();
		lifespans.stop().subscribe();
		assertThat(this.events).last().asString().isEqualTo("release 0 completed");
	}

	// What is seen of it.

	@Test
	void timesAreLogged(CapturedOutput output) {
		member("connection");
		member("login", "connection");
		Lifespans lifespans = start();
		this.time.advanceTimeBy(Duration.ofMillis(120));
		arrives("connection");
		this.time.advanceTimeBy(Duration.ofMillis(30));
		arrives("login");
		assertThat(output).contains("Lifespan 'connection' acquired in 120 ms")
			.contains("Lifespan 'login' acquired in 30 ms")
			.contains("2 lifespans acquired in 150 ms");
		Sinks.Empty<Void> release = Sinks.empty();
		this.resources.get("login").release = release.asMono();
		this.time.advanceTimeBy(Duration.ofDays(1));
		lifespans.stop().subscribe();
		this.time.advanceTimeBy(Duration.ofMillis(40));
		release.tryEmitEmpty();
		assertThat(output).contains("2 lifespans released in 40 ms");
	}

	@Test
	void stepsAreRecorded() {
		BufferingApplicationStartup startup = new BufferingApplicationStartup(100);
		this.startup = startup;
		member("connection");
		member("cache");
		member("login", "connection");
		start();
		arrives("connection", "cache", "login");
		assertThat(startup.getBufferedTimeline().getEvents()).map(TimelineEvent::getStartupStep)
			.allMatch((step) -> step.getName().equals("scoped-async.lifespan.acquire"))
			.map((step) -> step.getTags().iterator().next().getValue())
			.containsExactly("connection", "cache", "login");
	}

	@Test
	void aStepThatFailsOrIsUndoneIsRecordedToo() {
		BufferingApplicationStartup startup = new BufferingApplicationStartup(100);
		this.startup = startup;
		member("connection");
		member("cache");
		start();
		fails("cache", new TimeoutException("expected"));
		arrives("connection");
		assertThat(startup.getBufferedTimeline().getEvents()).hasSize(2);
	}

	@Test
	void namesAreThoseOfTheMembers() {
		member("connection");
		start();
		arrives("connection");
		Scope application = this.scopes.application();
		assertThat(application.resources()).containsExactly("connection");
	}

	/** Arrives when it is told to. */
	private final class Manual implements AsyncResource<String> {

		private final String name;

		private final Sinks.One<String> arrival = Sinks.one();

		private Mono<Void> release = Mono.empty();

		private boolean cancellable;

		Manual(String name) {
			this.name = name;
		}

		@Override
		public Mono<String> acquire() {
			LifespansTests.this.events.add("acquire " + this.name);
			return this.arrival.asMono().doOnCancel(() -> LifespansTests.this.events.add("cancel " + this.name));
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			LifespansTests.this.events.add("release " + this.name + " " + exit);
			return this.release;
		}

		@Override
		public boolean cancellable() {
			return this.cancellable;
		}

		@Override
		public String name() {
			return this.name;
		}

	}

}
