package io.scopedasync;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;
import io.scopedasync.sync.Barrier;
import io.scopedasync.sync.Event;
import io.scopedasync.sync.Lock;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * On which thread those go on who were granted something: never on one of another
 * blocking caller.
 */
class HandOverTests {

	private static final String HOP = "scoped-async-handover-";

	private static final ThreadLocal<String> LOCAL = new ThreadLocal<>();

	private static final InheritableThreadLocal<String> INHERITED = new InheritableThreadLocal<>();

	private final AsyncScopes scopes = AsyncScopes.create();

	private final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();

	/** Where code of a waiter runs, and what it sees there. */
	private record Seen(String what, String thread, String locals) {

		static Seen here(String what) {
			return new Seen(what, Thread.currentThread().getName(), LOCAL.get() + " " + INHERITED.get());
		}

	}

	private void see(String what) {
		this.seen.add(Seen.here(what));
	}

	static Stream<Named> strangers() {
		List<Named> all = new ArrayList<>();
		all.add(new Named("plain", (task) -> new Thread(task, "plain").start()));
		all.add(new Named("fork-join", ForkJoinPool.commonPool()));
		all.add(new Named("elastic", Schedulers.boundedElastic()::schedule));
		all.add(new Named("pool", Executors.newCachedThreadPool((task) -> {
			Thread thread = new Thread(task, "http-nio-exec");
			thread.setDaemon(true);
			return thread;
		})));
		try {
			all.add(new Named("virtual",
					(Executor) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null)));
		}
		catch (ReflectiveOperationException ex) {
			// Before Java 21 there are none.
		}
		return all.stream();
	}

	private record Named(String name, Executor executor) {

		@Override
		public String toString() {
			return this.name;
		}

		/** Runs it as a caller with an identity does. */
		void run(Runnable task) {
			CompletableFuture.runAsync(() -> {
				LOCAL.set("stranger");
				INHERITED.set("stranger");
				try {
					task.run();
				}
				finally {
					LOCAL.remove();
					INHERITED.remove();
				}
			}, this.executor).orTimeout(30, TimeUnit.SECONDS).join();
		}

	}

	private AsyncResource<String> watched() {
		return AsyncResource.of(() -> Mono.fromCallable(() -> {
			see("acquire");
			return "value";
		}), (value, exit) -> Mono.fromRunnable(() -> see("release")));
	}

	private void assertSeen(int count) throws InterruptedException {
		for (int i = 0; i < count; i++) {
			Seen one = Objects.requireNonNull(this.seen.poll(30, TimeUnit.SECONDS), "nothing more was seen");
			assertThat(one.thread()).as(one.what()).startsWith(HOP);
			assertThat(one.locals()).as(one.what()).isEqualTo("null null");
		}
		assertThat(this.seen).isEmpty();
	}

	@ParameterizedTest
	@MethodSource("strangers")
	void noCodeOfAWaiterRunsOnTheThreadThatReleases(Named stranger) throws Exception {
		Limiter limiter = Limiter.builder("one").build();
		Permit held = Objects.requireNonNull(limiter.tryAcquire());
		ScopeSpec spec = ScopeSpec.of("scope").entering(limiter.map((permit) -> {
			see("map");
			return permit;
		}), watched());
		this.scopes.with(spec, (scope) -> Mono.fromRunnable(() -> see("mono")))
			.doFinally((signal) -> see("heard"))
			.subscribe();
		this.scopes.withMany(spec, (scope) -> Mono.fromRunnable(() -> see("flux")))
			.doFinally((signal) -> see("heard"))
			.subscribe();
		this.scopes.withFuture(spec, (scope) -> {
			see("future");
			return CompletableFuture.completedFuture("x");
		}).whenComplete((value, error) -> see("heard"));
		stranger.run(held::close);
		assertSeen(15);
	}

}
