package io.scopedasync.benchmark;

import java.util.List;
import java.util.concurrent.TimeUnit;

import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import io.github.resilience4j.bulkhead.ThreadPoolBulkheadRegistry;
import io.github.resilience4j.bulkhead.annotation.Bulkhead;
import io.github.resilience4j.spring6.bulkhead.configure.BulkheadAspect;
import io.github.resilience4j.spring6.bulkhead.configure.BulkheadConfigurationProperties;
import io.github.resilience4j.spring6.bulkhead.configure.ReactorBulkheadAspectExt;
import io.github.resilience4j.spring6.fallback.FallbackDecorators;
import io.github.resilience4j.spring6.fallback.FallbackExecutor;
import io.github.resilience4j.spring6.spelresolver.DefaultSpelResolver;
import io.github.resilience4j.spring6.spelresolver.SpelResolver;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.autoconfigure.ScopedAsyncLeakDetectionAutoConfiguration;
import io.scopedasync.autoconfigure.ScopedAsyncMetricsAutoConfiguration;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.micrometer.MicrometerScopeRecorder;
import org.aopalliance.intercept.MethodInterceptor;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import reactor.core.publisher.Mono;

import org.springframework.aop.aspectj.annotation.AspectJProxyFactory;
import org.springframework.aop.framework.ProxyFactory;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.StandardReflectionParameterNameDiscoverer;
import org.springframework.expression.spel.standard.SpelExpressionParser;

/**
 * A call of an annotated method of a bean, subscribed to: with limiter, Micrometer and
 * overdue detection on, with both off, and beside what others do with less. The limit is
 * Resilience4j's default for both, and each call gets it at once.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class AnnotatedBenchmark {

	private static final MethodInterceptor EMPTY = (invocation) -> invocation.proceed();

	private final Service direct = new Service();

	private final Service proxied = proxied();

	private final Guarded resilience4j = resilience4j();

	private @Nullable ConfigurableApplicationContext observed;

	private @Nullable ConfigurableApplicationContext unobserved;

	private Scoped ours = new Scoped();

	private Scoped oursUnobserved = new Scoped();

	@Setup
	public void start() {
		ConfigurableApplicationContext observed = run(Observed.class, "simple");
		requireBeans(observed, MicrometerScopeRecorder.class, LeakDetector.class);
		this.observed = observed;
		this.ours = observed.getBean(Scoped.class);
		ConfigurableApplicationContext unobserved = run(Unobserved.class, "disabled");
		if (unobserved.getBeanProvider(ScopeRecorder.class).getIfAvailable() != null) {
			throw new IllegalStateException("something records");
		}
		this.unobserved = unobserved;
		this.oursUnobserved = unobserved.getBean(Scoped.class);
	}

	private static void requireBeans(ConfigurableApplicationContext context, Class<?>... types) {
		for (Class<?> type : types) {
			context.getBean(type);
		}
	}

	@TearDown
	public void stop() {
		if (this.observed != null) {
			this.observed.close();
		}
		if (this.unobserved != null) {
			this.unobserved.close();
		}
	}

	private static ConfigurableApplicationContext run(Class<?> configuration, String detection) {
		return new SpringApplicationBuilder(configuration).web(WebApplicationType.NONE)
			.logStartupInfo(false)
			.properties("scoped-async.limiters.limiter.permits=25", "logging.level.root=warn",
					"spring.main.banner-mode=off", "scoped-async.leak-detection.level=" + detection)
			.run();
	}

	private static Service proxied() {
		ProxyFactory factory = new ProxyFactory(new Service());
		factory.setProxyTargetClass(true);
		factory.addAdvice(EMPTY);
		return (Service) factory.getProxy();
	}

	private static Guarded resilience4j() {
		SpelResolver spel = new DefaultSpelResolver(new SpelExpressionParser(),
				new StandardReflectionParameterNameDiscoverer(), new DefaultListableBeanFactory());
		AspectJProxyFactory factory = new AspectJProxyFactory(new Guarded());
		factory.addAspect(
				new BulkheadAspect(new BulkheadConfigurationProperties(), ThreadPoolBulkheadRegistry.ofDefaults(),
						BulkheadRegistry.of(BulkheadConfig.ofDefaults()), List.of(new ReactorBulkheadAspectExt()),
						new FallbackExecutor(spel, new FallbackDecorators(List.of())), spel));
		return factory.getProxy();
	}

	@Benchmark
	public Object direct(UncontendedBenchmark.Local local) {
		return local.run(this.direct.call(Peers.X));
	}

	@Benchmark
	public Object emptyInterceptor(UncontendedBenchmark.Local local) {
		return local.run(this.proxied.call(Peers.X));
	}

	@Benchmark
	public Object resilience4j(UncontendedBenchmark.Local local) {
		return local.run(this.resilience4j.call(Peers.X));
	}

	/** Its aspect alone: the Mono is not subscribed to, so nothing is acquired. */
	@Benchmark
	public Object resilience4jUnsubscribed() {
		return this.resilience4j.call(Peers.X);
	}

	@Benchmark
	public Object ours(UncontendedBenchmark.Local local) {
		return local.run(this.ours.call(Peers.X));
	}

	@Benchmark
	public Object oursUnobserved(UncontendedBenchmark.Local local) {
		return local.run(this.oursUnobserved.call(Peers.X));
	}

	public static class Service {

		public Mono<Object> call(Object argument) {
			return Mono.just(argument);
		}

	}

	public static class Guarded {

		@Bulkhead(name = "bulkhead")
		public Mono<Object> call(Object argument) {
			return Mono.just(argument);
		}

	}

	public static class Scoped {

		@ScopedAsync("limiter")
		public Mono<Object> call(Object argument) {
			return Mono.just(argument);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class,
			ScopedAsyncMetricsAutoConfiguration.class })
	static class Observed {

		@Bean
		Scoped scoped() {
			return new Scoped();
		}

		@Bean
		MeterRegistry registry() {
			return new SimpleMeterRegistry();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(ScopedAsyncAutoConfiguration.class)
	static class Unobserved {

		@Bean
		Scoped scoped() {
			return new Scoped();
		}

	}

}
