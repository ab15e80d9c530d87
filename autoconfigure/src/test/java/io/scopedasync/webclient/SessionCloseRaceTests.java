package io.scopedasync.webclient;

import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Case;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Sessions that are closed while they are used.
 */
@Timeout(600)
class SessionCloseRaceTests {

	private static final int ROUNDS = Integer.getInteger("rounds", 1_000);

	private static final int BORROWERS = 5;

	private final AsyncScopes scopes = AsyncScopes.create();

	private final Scheduler threads = Schedulers.newBoundedElastic(3, Integer.MAX_VALUE, "borrower");

	@AfterEach
	void dispose() {
		this.threads.dispose();
	}

	@Test
	@Case(168)
	void noSessionIsLoggedOutWhileItIsLent() throws Exception {
		long seed = System.nanoTime();
		System.out.println("SessionCloseRaceTests: seed " + seed);
		Random random = new Random(seed);
		for (int round = 0; round < ROUNDS; round++) {
			round(random, "seed " + seed + ", round " + round);
		}
	}

	private void round(Random random, String description) throws Exception {
		AtomicInteger inside = new AtomicInteger();
		AtomicInteger wrong = new AtomicInteger();
		SessionResource session = SessionResource.builder("quotes").size(0, 1).login(new SessionLogin() {
			@Override
			public Mono<Void> login(WebClient client) {
				return Mono.empty();
			}

			@Override
			public Mono<Void> logout(WebClient client) {
				return Mono.fromRunnable(() -> wrong.addAndGet(inside.get()));
			}
		}).build();
		CountDownLatch heard = new CountDownLatch(BORROWERS);
		CompletableFuture<Void> closed = new CompletableFuture<>();
		int closing = random.nextInt(BORROWERS);
		for (int i = 0; i < BORROWERS; i++) {
			int after = random.nextInt(3_000);
			if (i == closing) {
				this.threads.schedule(() -> {
					spin(after * 10);
					session.close().subscribe(null, null, () -> closed.complete(null));
				});
			}
			Disposable call = borrow(session, inside, random.nextBoolean()).subscribeOn(this.threads)
				.doFinally((signal) -> heard.countDown())
				.subscribe(null, (error) -> {
				});
			if (random.nextInt(4) == 0) {
				this.threads.schedule(() -> {
					spin(after);
					call.dispose();
				});
			}
		}
		assertThat(heard.await(30, TimeUnit.SECONDS)).as(description).isTrue();
		closed.get(4, TimeUnit.SECONDS);
		assertThat(wrong).as(description).hasValue(0);
		assertThat(session.usage().active() + session.usage().idle() + session.usage().pending()).as(description)
			.isZero();
	}

	private Mono<Integer> borrow(SessionResource session, AtomicInteger inside, boolean hops) {
		return this.scopes.use(session, (lent) -> {
			inside.incrementAndGet();
			AtomicBoolean left = new AtomicBoolean();
			Runnable leave = () -> {
				if (left.compareAndSet(false, true)) {
					inside.decrementAndGet();
				}
			};
			Mono<Integer> body = hops ? Mono.just(1).publishOn(Schedulers.parallel()) : Mono.just(1);
			return body.doOnTerminate(leave).doOnCancel(leave);
		});
	}

	private static void spin(int times) {
		for (int i = 0; i < times; i++) {
			Thread.onSpinWait();
		}
	}

}
