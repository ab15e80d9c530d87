package io.scopedasync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A shutdown in real time that meets code which blocks: it ends all the same.
 */
@Timeout(120)
class ShutdownTests {

	private static final Duration LIMIT = Duration.ofSeconds(60);

	private final CountDownLatch blocked = new CountDownLatch(1);

	private final List<String> released = new CopyOnWriteArrayList<>();

	private final List<String> left = new CopyOnWriteArrayList<>();

	private volatile boolean spinning = true;

	private final AsyncScopes scopes = AsyncScopes.builder()
		.shutdownTimeout(Duration.ofMillis(200))
		.releaseTimeout(Duration.ofMillis(500))
		.build();

	@AfterEach
	void letGo() {
		this.spinning = false;
		this.blocked.countDown();
	}

	private void close() {
		this.scopes.close((leftOpen) -> leftOpen.forEach((scope) -> this.left.add(scope.name()))).block(LIMIT);
	}

	private AsyncResource<String> resource(String name) {
		return AsyncResource
			.of(() -> Mono.just(name), (value, exit) -> Mono.fromRunnable(() -> this.released.add(value)))
			.named(name);
	}

	private AsyncResource<String> blocking(String name) {
		return AsyncResource.of(() -> Mono.just(name), (value, exit) -> Mono.fromRunnable(this::block)).named(name);
	}

	private void block() {
		try {
			this.blocked.await(LIMIT.toSeconds(), TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Test
	void aReleaseThatBlocksKeepsNoOtherScopeFromItsEnd() {
		this.scopes.open("first").enter(blocking("one")).block(LIMIT);
		this.scopes.open("second").enter(blocking("two")).block(LIMIT);
		this.scopes.open("third").enter(resource("three")).block(LIMIT);
		close();
		assertThat(this.left).containsExactlyInAnyOrder("first", "second", "third");
		assertThat(this.released).containsExactly("three");
	}

	@Test
	void aReleaseOfTheApplicationThatBlocksIsGivenUpAndThoseBelowItAreReleased() {
		Scope application = this.scopes.application();
		application.enter(resource("first")).block(LIMIT);
		application.enter(blocking("second")).block(LIMIT);
		application.enter(resource("third")).block(LIMIT);
		close();
		assertThat(this.released).containsExactly("third", "first");
	}

	@Test
	void aReleaseOfTheApplicationMayBlockAsItsAcquisitionMay() {
		AsyncResource<String> slow = AsyncResource.of(() -> Mono.just("slow"), (value, exit) -> {
			// Before it returns its Mono, and on a thread where that is allowed.
			assertThat(Schedulers.isInNonBlockingThread()).isFalse();
			return Mono.fromRunnable(() -> this.released.add(Thread.currentThread().getName()));
		});
		Scope application = this.scopes.application();
		application.enter(slow).block(LIMIT);
		Schedulers.parallel().schedule(application::close);
		close();
		assertThat(this.released).singleElement().asString().startsWith("scoped-async-close-");
	}

	@Test
	void threadsOfReactorThatAreBlockedDoNotKeepItFromItsEnd() {
		Scheduler parallel = Schedulers.parallel();
		CountDownLatch busy = new CountDownLatch(Schedulers.DEFAULT_POOL_SIZE);
		for (int i = 0; i < Schedulers.DEFAULT_POOL_SIZE; i++) {
			parallel.schedule(() -> {
				busy.countDown();
				// What parks here is found by the detection of blocking calls.
				while (this.spinning) {
					continue;
				}
			});
		}
		this.scopes.open("import").enter(resource("one")).block(LIMIT);
		this.scopes.application().enter(resource("two")).block(LIMIT);
		close();
		assertThat(this.released).containsExactly("one", "two");
	}

	@Test
	void whatARunningScopeOpensIsLetInAndWhatBeginsOutsideIsRefused() {
		AsyncScopes patient = AsyncScopes.builder().shutdownTimeout(LIMIT).build();
		Sinks.Empty<Void> go = Sinks.empty();
		List<Object> heard = new CopyOnWriteArrayList<>();
		patient.use(resource("outer"), (outer) -> go.asMono().then(patient.use(resource("inner"), Mono::just)))
			.subscribe(heard::add, heard::add);
		Mono<Void> closed = patient.close();
		assertThat(patient.use(resource("other"), Mono::just).materialize().block(LIMIT).getThrowable())
			.isInstanceOf(ScopeClosedException.class);
		go.tryEmitEmpty();
		closed.block(LIMIT);
		assertThat(heard).containsExactly("inner");
		assertThat(this.released).containsExactly("inner", "outer");
	}

	@Test
	void whatAReleaseOpensIsLetInAlsoAfterTheLimit() {
		AsyncResource<String> lease = AsyncResource
			.of(() -> Mono.just("lease"), (value, exit) -> this.scopes.use(resource("repository"), (r) -> Mono.empty()))
			.named("lease");
		this.scopes.open("import").enter(lease).block(LIMIT);
		close();
		assertThat(this.left).containsExactly("import");
		assertThat(this.released).containsExactly("repository");
	}

}
