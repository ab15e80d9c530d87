package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ScopesLifecycle}.
 */
@ExtendWith(OutputCaptureExtension.class)
class ScopesLifecycleTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ScopeClock clock = ScopeClock.of(this.time);

	private final AsyncScopes scopes = AsyncScopes.builder()
		.clock(this.clock)
		.tracked(true)
		.shutdownTimeout(Duration.ofSeconds(20))
		.build();

	private final Leaks leaks = new Leaks(List.of());

	private final AtomicBoolean closing = new AtomicBoolean(true);

	private final AtomicInteger stopped = new AtomicInteger();

	private final ScopesLifecycle lifecycle = new ScopesLifecycle(this.closing::get, this.scopes, this.leaks, null,
			Duration.ofSeconds(20));

	@AfterEach
	void dispose() {
		this.time.dispose();
	}

	@Test
	void saysThatAllIsClosed(CapturedOutput output) {
		stop();
		this.time.advanceTimeBy(Duration.ofMillis(100));
		assertThat(this.stopped).hasValue(1);
		assertThat(this.lifecycle.isRunning()).isFalse();
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isZero();
		// What other tests have left behind may warn at the same time.
		assertThat(output.getAll().lines().filter((line) -> line.contains("All scopes closed: nothing was left open")))
			.isNotEmpty()
			.noneMatch((line) -> line.contains("WARN"));
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> this.scopes.open("import"));
	}

	@Test
	void waitsForOpenScopesOnNoThread(CapturedOutput output) {
		Scope scope = this.scopes.open("import");
		stop();
		this.time.advanceTimeBy(Duration.ofSeconds(19));
		assertThat(this.stopped).hasValue(0);
		scope.close().block(LIMIT);
		this.time.advanceTimeBy(Duration.ofMillis(100));
		assertThat(this.stopped).hasValue(1);
		assertThat(output).contains("Closing: 1 scope is open").contains("nothing was left open");
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isZero();
	}

	@Test
	@Case({ 159, 175 })
	void listsWhatHadToBeEndedByForceWithWhatItHeld(CapturedOutput output) {
		AtomicInteger released = new AtomicInteger();
		AsyncResource<String> connection = AsyncResource
			.of(() -> Mono.just("c"), (value, exit) -> Mono.fromRunnable(released::incrementAndGet))
			.named("connection");
		Scope scope = this.scopes.open("import");
		stop();
		this.time.advanceTimeBy(Duration.ofSeconds(5));
		// entered after the shutdown began: listed all the same
		scope.enter(connection).block(LIMIT);
		this.time.advanceTimeBy(Duration.ofSeconds(26));
		assertThat(this.stopped).hasValue(1);
		assertThat(released).hasValue(1);
		assertThat(this.leaks.count(LeakReason.AT_CLOSE)).isOne();
		assertThat(output).contains("Leak (at-close): 1 scope was still open after the shutdown limit")
			.contains("- 'import' open for 20 s, running, holding [connection]");
	}

	@Test
	void saysWhatAScopeIsStuckWithThatDoesNotEndEvenByForce(CapturedOutput output) {
		AsyncResource<String> stuck = AsyncResource.of(() -> Mono.just("c"), (value, exit) -> Mono.never());
		Scope scope = this.scopes.open("import");
		scope.enter(stuck.named("connection")).block(LIMIT);
		scope.enter(stuck.named("login")).block(LIMIT);
		stop();
		this.time.advanceTimeBy(Duration.ofSeconds(31));
		assertThat(this.stopped).hasValue(1);
		assertThat(output).contains("- 'import' open for 20 s, running, holding [connection, login]");
	}

	@Test
	void anApplicationThatIsOnlyStoppedKeepsItsScopes() {
		this.closing.set(false);
		stop();
		assertThat(this.stopped).hasValue(1);
		this.lifecycle.start();
		this.scopes.open("import").close().block(LIMIT);
	}

	@Test
	void stopsAfterTheWebServerAndBeforeItsConnectors() {
		assertThat(this.lifecycle.getPhase()).isLessThan(WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE)
			.isPositive();
	}

	@Test
	void warnsOfAPhaseThatEndsBeforeTheLimits(CapturedOutput output) {
		Duration ten = Duration.ofSeconds(10);
		ScopesLifecycle.warnIfCutShort(ten.multipliedBy(2), ten, ten.multipliedBy(3));
		assertThat(output).doesNotContain("spring.lifecycle");
		ScopesLifecycle.warnIfCutShort(ten.multipliedBy(3), ten, ten.multipliedBy(3));
		assertThat(output).contains("scoped-async.shutdown-timeout (PT30S)")
			.contains("spring.lifecycle.timeout-per-shutdown-phase (PT30S)");
	}

	private void stop() {
		this.lifecycle.start();
		assertThat(this.lifecycle.isRunning()).isTrue();
		this.lifecycle.stop(this.stopped::incrementAndGet);
	}

}
