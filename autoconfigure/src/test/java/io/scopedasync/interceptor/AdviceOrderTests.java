package io.scopedasync.interceptor;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import org.aopalliance.intercept.MethodInterceptor;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

import io.scopedasync.AsyncResource;
import io.scopedasync.Case;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import org.springframework.aop.framework.ProxyFactory;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import org.springframework.aop.support.DefaultPointcutAdvisor;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.cache.annotation.EnableCaching;
import org.springframework.cache.concurrent.ConcurrentMapCacheManager;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Role;
import org.springframework.resilience.InvocationRejectedException;
import org.springframework.resilience.annotation.ConcurrencyLimit;
import org.springframework.resilience.annotation.EnableResilientMethods;
import org.springframework.resilience.annotation.Retryable;
import org.springframework.scheduling.annotation.Async;
import org.springframework.scheduling.annotation.EnableAsync;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.ReactiveTransaction;
import org.springframework.transaction.ReactiveTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.SimpleTransactionStatus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Where the scope stands among other advice, as the annotation's documentation says.
 */
class AdviceOrderTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private static final String FAILED = "release a failed: java.lang.IllegalStateException: not yet";

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
		.withPropertyValues("scoped-async.limiters.one.permits=1")
		.withUserConfiguration(Resources.class);

	@Test
	void asyncIsOutsideSoThatTheScopeRunsOnItsThread() {
		run(Asynchronous.class, AsyncConfiguration.class, (bean, journal) -> {
			assertThat(bean.future(Thread.currentThread())).succeedsWithin(LIMIT).asString().startsWith("async-");
			CountDownLatch done = new CountDownLatch(1);
			bean.nothing(done);
			assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
			assertThat(journal.entries()).filteredOn((entry) -> entry.startsWith("acquired on"))
				.hasSize(2)
				.allMatch((entry) -> entry.startsWith("acquired on async-"));
		});
	}

	@Test
	void retryIsOutsideSoThatEachAttemptHasItsScope() {
		run(Retried.class, ResilienceConfiguration.class, (bean, journal) -> {
			assertThat(bean.mono(new AtomicInteger()).block(LIMIT)).isEqualTo("third");
			String[] expected = { "acquire a", "body", FAILED, "acquire a", "body", FAILED, "acquire a", "body",
					"release a completed" };
			assertThat(journal.entries()).containsExactly(expected);
			assertThat(bean.blocking(new AtomicInteger())).isEqualTo("third");
			assertThat(journal.entries().subList(9, 18)).containsExactly(expected);
		});
	}

	@Test
	void retryIsInsideWhereItsOrderSaysSo() {
		run(Retried.class, EarlyResilienceConfiguration.class, (bean, journal) -> {
			assertThat(bean.mono(new AtomicInteger()).block(LIMIT)).isEqualTo("third");
			String[] expected = { "acquire a", "body", "body", "body", "release a completed" };
			assertThat(journal.entries()).containsExactly(expected);
			assertThat(bean.blocking(new AtomicInteger())).isEqualTo("third");
			assertThat(journal.entries().subList(5, 10)).containsExactly(expected);
		});
	}

	@Test
	void retryDoesNotLookIntoAFuture() {
		run(Retried.class, ResilienceConfiguration.class, (bean, journal) -> {
			assertThat(bean.future(new AtomicInteger())).failsWithin(LIMIT)
				.withThrowableThat()
				.havingCause()
				.withMessage("not yet");
			assertThat(journal.entries()).containsExactly("acquire a", "body", FAILED);
		});
	}

	@Test
	void concurrencyLimitIsOutsideSoThatItCountsThoseWhoWait() {
		this.runner.withUserConfiguration(ResilienceConfiguration.class).withBean(Rejecting.class).run((context) -> {
			Rejecting bean = context.getBean(Rejecting.class);
			Limiter one = context.getBean("one", Limiter.class);
			Permit permit = one.tryAcquire();
			FutureTask<String> first = new FutureTask<>(bean::blocking);
			new Thread(first, "first").start();
			awaitWaiting(one);
			assertThatExceptionOfType(InvocationRejectedException.class).isThrownBy(bean::blocking);
			assertThat(one.statistics().waiting()).isOne();
			permit.close();
			assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo("value");
			assertThat(Mono.zip(bean.mono(), bean.mono()).block(LIMIT)).isNotNull();
		});
	}

	@Test
	void aCacheIsOutsideSoThatAHitAcquiresNothing() {
		run(Cached.class, CacheConfiguration.class, (bean, journal) -> {
			assertThat(bean.blocking()).isEqualTo("value");
			assertThat(bean.blocking()).isEqualTo("value");
			assertThat(journal.entries()).containsExactly("acquire a", "body", "release a completed");
			assertThat(bean.mono().block(LIMIT)).isEqualTo("value");
			assertThat(bean.mono().block(LIMIT)).isEqualTo("value");
			assertThat(journal.entries()).hasSize(6);
		});
	}

	@Test
	void aTransactionIsInside() {
		run(Transacted.class, TransactionConfiguration.class, (bean, journal) -> {
			assertThat(bean.blocking()).isEqualTo("value");
			assertThat(journal.entries()).containsExactly("acquire a", "begin", "body", "commit",
					"release a completed");
		});
	}

	@Test
	void aTransactionIsOutsideWhereItsOrderSaysSo() {
		run(Transacted.class, EarlyTransactionConfiguration.class, (bean, journal) -> {
			assertThat(bean.blocking()).isEqualTo("value");
			assertThat(journal.entries()).containsExactly("begin", "acquire a", "body", "release a completed",
					"commit");
		});
	}

	@Test
	@Case(179)
	void aReactiveTransactionIsInsideAndBeginsWithEachSubscription() {
		run(Transacted.class, ReactiveTransactionConfiguration.class, (bean, journal) -> {
			Mono<String> mono = bean.mono();
			assertThat(mono.block(LIMIT)).isEqualTo("value");
			assertThat(mono.block(LIMIT)).isEqualTo("value");
			String[] expected = { "acquire a", "begin", "body", "commit", "release a completed" };
			assertThat(journal.entries().subList(0, 5)).containsExactly(expected);
			assertThat(journal.entries().subList(5, 10)).containsExactly(expected);
		});
	}

	@Test
	void aCacheBeforeATransactionLeavesTheScopeBetweenThem() {
		run(CachedAndTransacted.class, CacheThenTransaction.class, (bean, journal) -> {
			bean.blocking();
			bean.blocking();
			assertThat(journal.entries()).containsExactly("acquire a", "begin", "body", "commit",
					"release a completed");
		});
	}

	@Test
	void aTransactionBeforeACacheStaysOutsideOfBoth() {
		run(CachedAndTransacted.class, TransactionThenCache.class, (bean, journal) -> {
			bean.blocking();
			bean.blocking();
			assertThat(journal.entries()).containsExactly("begin", "acquire a", "body", "release a completed", "commit",
					"begin", "commit");
		});
	}

	@Test
	void anOrderOfTheCacheBringsTheTransactionInside() {
		run(CachedAndTransacted.class, TransactionThenEarlyCache.class, (bean, journal) -> {
			bean.blocking();
			bean.blocking();
			assertThat(journal.entries()).containsExactly("acquire a", "begin", "body", "commit",
					"release a completed");
		});
	}

	@Test
	void allThatWorksOnOneThreadAtOnce() {
		run(Everything.class, EverythingConfiguration.class, (bean, journal) -> {
			AtomicInteger calls = new AtomicInteger();
			assertThat(bean.load("key", calls)).isEqualTo("value");
			assertThat(journal.entries()).containsExactly("acquire a", "begin", "body", "rollback", FAILED, "acquire a",
					"begin", "body", "commit", "release a completed");
			assertThat(bean.load("key", calls)).isEqualTo("value");
			assertThat(journal.entries()).hasSize(10);
		});
	}

	@Test
	void adviceWithAnOrderOfItsOwnStaysOutside() {
		run(Transacted.class, OrderedAdviceConfiguration.class, (bean, journal) -> {
			bean.blocking();
			assertThat(journal.entries()).containsExactly("ordered", "acquire a", "unordered", "body",
					"release a completed");
		});
	}

	@Test
	void adviceInsideFindsItsInvocationOnTheThreadItRunsOn() {
		this.runner.run((context) -> {
			ScopedAsyncBeanPostProcessor postProcessor = context.getBean(ScopedAsyncBeanPostProcessor.class);
			Journal journal = context.getBean(Journal.class);
			ProxyFactory factory = new ProxyFactory(new Hopping());
			factory.setProxyTargetClass(true);
			factory.addAdvisor(ExposeInvocationInterceptor.ADVISOR);
			factory.addAdvisor(ordered(journal));
			factory.addAdvisor(new DefaultPointcutAdvisor((MethodInterceptor) (invocation) -> {
				journal.add(ExposeInvocationInterceptor.currentInvocation().getMethod().getName() + " on "
						+ Thread.currentThread().getName());
				return invocation.proceed();
			}));
			Hopping proxy = (Hopping) factory.getProxy();
			assertThat(postProcessor.postProcessAfterInitialization(proxy, "hopping")).isSameAs(proxy);
			CompletableFuture<String> result = proxy.mono().toFuture();
			Sinks.One<String> gate = context.getBean(Gate.class).opened();
			new Thread(() -> gate.tryEmitValue("open"), "other").start();
			assertThat(result).succeedsWithin(LIMIT).isEqualTo("value");
			assertThat(journal.entries()).containsExactly("ordered", "mono on other");
		});
	}

	private static void awaitWaiting(Limiter limiter) {
		Mono.defer(() -> Mono.just(limiter.statistics().waiting()))
			.filter((waiting) -> waiting > 0)
			.repeatWhenEmpty((attempts) -> attempts.delayElements(Duration.ofMillis(2)))
			.block(LIMIT);
	}

	private static DefaultPointcutAdvisor ordered(Journal journal) {
		DefaultPointcutAdvisor advisor = advisor("ordered", journal);
		advisor.setOrder(100);
		return advisor;
	}

	private static DefaultPointcutAdvisor advisor(String name, Journal journal) {
		return new DefaultPointcutAdvisor((MethodInterceptor) (invocation) -> {
			journal.add(name);
			return invocation.proceed();
		});
	}

	private <T> void run(Class<T> type, Class<?> configuration, Steps<T> steps) {
		this.runner.withUserConfiguration(configuration).withBean(type).run((context) -> {
			assertThat(context).hasNotFailed();
			steps.run(context.getBean(type), context.getBean(Journal.class));
		});
	}

	@FunctionalInterface
	interface Steps<T> {

		void run(T bean, Journal journal) throws Exception;

	}

	@Configuration(proxyBeanMethods = false)
	static class Resources {

		@Bean
		Journal journal() {
			return new Journal();
		}

		@Bean
		AsyncResource<String> a(Journal journal) {
			return journal.resource("a");
		}

		@Bean
		AsyncResource<String> threads(Journal journal) {
			return AsyncResource.of(() -> Mono.fromSupplier(() -> {
				journal.add("acquired on " + Thread.currentThread().getName());
				return "thread";
			}), (value, exit) -> Mono.empty());
		}

		@Bean
		Gate gate() {
			return new Gate(Sinks.one());
		}

		@Bean
		AsyncResource<String> gated(Gate gate) {
			return AsyncResource.of(gate.opened()::asMono, (value, exit) -> Mono.empty());
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAsync
	static class AsyncConfiguration {

		@Bean
		ThreadPoolTaskExecutor taskExecutor() {
			ThreadPoolTaskExecutor executor = new ThreadPoolTaskExecutor();
			executor.setThreadNamePrefix("async-");
			return executor;
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableResilientMethods
	static class ResilienceConfiguration {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableResilientMethods(order = 0)
	static class EarlyResilienceConfiguration {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableCaching
	static class CacheConfiguration {

		@Bean
		ConcurrentMapCacheManager cacheManager() {
			return new ConcurrentMapCacheManager();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableCaching(order = 0)
	static class EarlyCacheConfiguration {

		@Bean
		ConcurrentMapCacheManager cacheManager() {
			return new ConcurrentMapCacheManager();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableTransactionManagement
	static class TransactionConfiguration {

		@Bean
		PlatformTransactionManager transactionManager(Journal journal) {
			return new RecordingTransactionManager(journal);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableTransactionManagement(order = 0)
	static class EarlyTransactionConfiguration {

		@Bean
		PlatformTransactionManager transactionManager(Journal journal) {
			return new RecordingTransactionManager(journal);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableTransactionManagement
	static class ReactiveTransactionConfiguration {

		@Bean
		ReactiveTransactionManager transactionManager(Journal journal) {
			return new RecordingReactiveTransactionManager(journal);
		}

	}

	@Import({ CacheConfiguration.class, TransactionConfiguration.class })
	static class CacheThenTransaction {

	}

	@Import({ TransactionConfiguration.class, CacheConfiguration.class })
	static class TransactionThenCache {

	}

	@Import({ TransactionConfiguration.class, EarlyCacheConfiguration.class })
	static class TransactionThenEarlyCache {

	}

	@Import({ CacheConfiguration.class, TransactionConfiguration.class, ResilienceConfiguration.class })
	static class EverythingConfiguration {

	}

	@Configuration(proxyBeanMethods = false)
	static class OrderedAdviceConfiguration {

		@Bean
		@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
		static DefaultPointcutAdvisor unordered(Journal journal) {
			return matching(advisor("unordered", journal));
		}

		@Bean
		@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
		static DefaultPointcutAdvisor orderedAdvisor(Journal journal) {
			return matching(ordered(journal));
		}

		private static DefaultPointcutAdvisor matching(DefaultPointcutAdvisor advisor) {
			advisor.setPointcut(new ScopedAsyncPointcut());
			return advisor;
		}

	}

	static class Asynchronous {

		@Async
		@ScopedAsync("threads")
		CompletableFuture<String> future(Thread caller) {
			return CompletableFuture.completedFuture(Thread.currentThread().getName());
		}

		@Async
		@ScopedAsync("threads")
		void nothing(CountDownLatch done) {
			done.countDown();
		}

	}

	static class Retried {

		private final Journal journal;

		Retried(Journal journal) {
			this.journal = journal;
		}

		@Retryable(maxRetries = 2, delay = 1)
		@ScopedAsync("a")
		Mono<String> mono(AtomicInteger calls) {
			// Deferred, so that a retry inside of the scope has something to subscribe to
			// again.
			return Mono.fromSupplier(() -> body(calls));
		}

		@Retryable(maxRetries = 2, delay = 1)
		@ScopedAsync("a")
		String blocking(AtomicInteger calls) {
			return body(calls);
		}

		@Retryable(maxRetries = 2, delay = 1)
		@ScopedAsync("a")
		CompletableFuture<String> future(AtomicInteger calls) {
			return CompletableFuture.completedFuture(body(calls));
		}

		private String body(AtomicInteger calls) {
			this.journal.add("body");
			if (calls.incrementAndGet() < 3) {
				throw new IllegalStateException("not yet");
			}
			return "third";
		}

	}

	static class Rejecting {

		@ConcurrencyLimit(limit = 1, policy = ConcurrencyLimit.ThrottlePolicy.REJECT)
		@ScopedAsync("one")
		String blocking() {
			return "value";
		}

		@ConcurrencyLimit(limit = 1, policy = ConcurrencyLimit.ThrottlePolicy.REJECT)
		@ScopedAsync("one")
		Mono<String> mono() {
			return Mono.delay(Duration.ofMillis(5)).thenReturn("value");
		}

	}

	static class Cached {

		private final Journal journal;

		Cached(Journal journal) {
			this.journal = journal;
		}

		@Cacheable("blocking")
		@ScopedAsync("a")
		String blocking() {
			this.journal.add("body");
			return "value";
		}

		@Cacheable("mono")
		@ScopedAsync("a")
		Mono<String> mono() {
			this.journal.add("body");
			return Mono.just("value");
		}

	}

	static class Transacted {

		private final Journal journal;

		Transacted(Journal journal) {
			this.journal = journal;
		}

		@Transactional
		@ScopedAsync("a")
		String blocking() {
			this.journal.add("body");
			return "value";
		}

		@Transactional
		@ScopedAsync("a")
		Mono<String> mono() {
			this.journal.add("body");
			return Mono.just("value");
		}

	}

	static class CachedAndTransacted {

		private final Journal journal;

		CachedAndTransacted(Journal journal) {
			this.journal = journal;
		}

		@Transactional
		@Cacheable("both")
		@ScopedAsync("a")
		String blocking() {
			this.journal.add("body");
			return "value";
		}

	}

	static class Everything {

		private final Journal journal;

		Everything(Journal journal) {
			this.journal = journal;
		}

		@ConcurrencyLimit(2)
		@Retryable(maxRetries = 1, delay = 1)
		@Cacheable(cacheNames = "everything", key = "#p0")
		@Transactional
		@ScopedAsync("a")
		String load(String key, AtomicInteger calls) {
			this.journal.add("body");
			if (calls.incrementAndGet() == 1) {
				throw new IllegalStateException("not yet");
			}
			return "value";
		}

	}

	static class Hopping {

		@ScopedAsync("gated")
		Mono<String> mono() {
			return Mono.just("value");
		}

	}

	private record Gate(Sinks.One<String> opened) {

	}

	private record RecordingTransactionManager(Journal journal) implements PlatformTransactionManager {

		@Override
		public TransactionStatus getTransaction(TransactionDefinition definition) {
			this.journal.add("begin");
			return new SimpleTransactionStatus();
		}

		@Override
		public void commit(TransactionStatus status) {
			this.journal.add("commit");
		}

		@Override
		public void rollback(TransactionStatus status) {
			this.journal.add("rollback");
		}

	}

	private record RecordingReactiveTransactionManager(Journal journal) implements ReactiveTransactionManager {

		@Override
		public Mono<ReactiveTransaction> getReactiveTransaction(TransactionDefinition definition) {
			return Mono.fromSupplier(() -> {
				this.journal.add("begin");
				return new ReactiveTransaction() {
				};
			});
		}

		@Override
		public Mono<Void> commit(ReactiveTransaction transaction) {
			return Mono.fromRunnable(() -> this.journal.add("commit"));
		}

		@Override
		public Mono<Void> rollback(ReactiveTransaction transaction) {
			return Mono.fromRunnable(() -> this.journal.add("rollback"));
		}

	}

}
