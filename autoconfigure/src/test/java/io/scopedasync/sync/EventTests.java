package io.scopedasync.sync;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.scopedasync.EventLoop;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;
import io.scopedasync.Measured;
import io.scopedasync.Scope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The event's promises.
 */
@Timeout(60)
@EventLoop
class EventTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Event event = Event.create("ready");

	private final List<String> order = new CopyOnWriteArrayList<>();

	@Test
	@Case(134)
	void setItLetsPassAllPresentAndLater() {
		waits("first");
		waits("second");
		assertThat(this.event.isSet()).isFalse();
		assertThat(this.event.usage()).isEqualTo(new Measured.Usage(0, 2, 1, 0));
		this.event.set();
		assertThat(this.order).containsExactly("first", "second");
		waits("later");
		assertThat(this.order).containsExactly("first", "second", "later");
		this.event.set();
		assertThat(this.event.isSet()).isTrue();
		assertThat(this.event.usage()).isEqualTo(new Measured.Usage(0, 0, 1, 1));
	}

	@Test
	@Case(134)
	void clearingItRightAwayTakesNoWakeUpBack() {
		// The first to pass clears it, and comes again.
		this.event.await()
			.then(Mono.fromRunnable(this.event::clear))
			.then(this.event.await())
			.subscribe(null, null, () -> this.order.add("twice"));
		waits("second");
		this.event.set();
		assertThat(this.order).containsExactly("second");
		this.event.set();
		this.event.clear();
		assertThat(this.order).containsExactly("second", "twice");
		assertThat(this.event).hasToString("event 'ready' (0 waiting)");
	}

	@Test
	@Case(104)
	void aCancelledWaiterLeaves() {
		Disposable waiter = waits("gone");
		Disposable inScope = this.scopes.use(this.event, (event) -> Mono.just(this.order.add("gone"))).subscribe();
		waiter.dispose();
		inScope.dispose();
		assertThat(this.event.waiting()).isZero();
		this.event.set();
		assertThat(this.order).isEmpty();
	}

	@Test
	void insideAScopeTheWaitIsSeen() {
		this.scopes.with((scope) -> this.event.await()).subscribe();
		List<Scope> waiting = this.scopes.holders(this.event);
		assertThat(waiting).singleElement().satisfies((scope) -> {
			assertThat(scope.isWaiting()).isTrue();
			assertThat(scope.name()).isEqualTo("ready");
			assertThat(scope.parent()).isNotNull();
		});
		this.event.set();
		assertThat(this.scopes.openScopes()).isEmpty();
	}

	@Test
	void everyKindOfScopeWaits() throws Exception {
		CompletableFuture<String> blocking = CompletableFuture.supplyAsync(() -> {
			try {
				return this.scopes.useBlocking(this.event, (event) -> "blocking");
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		});
		CompletableFuture<String> future = this.scopes.useFuture(this.event,
				(event) -> CompletableFuture.completedFuture("future"));
		CompletableFuture<List<String>> flux = this.scopes.useMany(this.event, (event) -> Mono.just("flux"))
			.collectList()
			.toFuture();
		org.awaitility.Awaitility.await().atMost(LIMIT).until(() -> this.event.waiting() == 3);
		this.event.set();
		assertThat(blocking.get(30, TimeUnit.SECONDS)).isEqualTo("blocking");
		assertThat(future.get(30, TimeUnit.SECONDS)).isEqualTo("future");
		assertThat(flux.get(30, TimeUnit.SECONDS)).containsExactly("flux");
	}

	@Test
	void aHundredThousandWaitersDoNotOverflow() throws Exception {
		AtomicInteger passed = new AtomicInteger();
		for (int i = 0; i < 100_000; i++) {
			this.scopes.use(this.event, (event) -> Mono.fromRunnable(passed::incrementAndGet)).subscribe();
		}
		Thread setting = new EventLoop.Loop(this.event::set, 128 * 1024);
		setting.start();
		setting.join(LIMIT.toMillis());
		assertThat(passed).hasValue(100_000);
	}

	private Disposable waits(String name) {
		return this.event.await().subscribe(null, null, () -> this.order.add(name));
	}

}
