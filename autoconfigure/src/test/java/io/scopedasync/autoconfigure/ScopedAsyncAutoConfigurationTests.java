package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;

import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ContextCarrier;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeRecorder;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.interceptor.ScopedAsyncBeanPostProcessor;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of {@link ScopedAsyncAutoConfiguration}.
 */
public class ScopedAsyncAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class));

	@Test
	void definesScopesAndAdviceAndNothingElse() {
		this.runner.run((context) -> {
			assertThat(context).hasSingleBean(AsyncScopes.class).hasSingleBean(ScopedAsyncBeanPostProcessor.class);
			assertThat(context).doesNotHaveBean(AsyncResource.class);
		});
	}

	@Test
	void definesNothingWhenDisabled() {
		this.runner.withPropertyValues("scoped-async.enabled=false", "scoped-async.limiters.one.permits=0")
			.withBean(Service.class)
			.run((context) -> {
				assertThat(context).doesNotHaveBean(AsyncScopes.class)
					.doesNotHaveBean(ScopedAsyncBeanPostProcessor.class)
					.doesNotHaveBean("one");
				assertThat(AopUtils.isAopProxy(context.getBean(Service.class))).isFalse();
			});
	}

	@Test
	void scopesOfTheUserWin() {
		AsyncScopes own = AsyncScopes.create();
		this.runner.withBean(AsyncScopes.class, () -> own)
			.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Service.class)
			.run((context) -> {
				assertThat(context.getBean(AsyncScopes.class)).isSameAs(own);
				assertThat(context.getBean(Service.class).name().block(LIMIT)).isEqualTo("Service.name");
			});
	}

	@Test
	void aPostProcessorOfTheUserWins() {
		this.runner.withUserConfiguration(OwnPostProcessor.class)
			.run((context) -> assertThat(context.getBean(ScopedAsyncBeanPostProcessor.class).getOrder()).isOne());
	}

	@Test
	void takesRecorderCarrierAndClockThatAreThere() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		CountingRecorder recorder = new CountingRecorder();
		CountingCarrier carrier = new CountingCarrier();
		this.runner.withBean(ScopeRecorder.class, () -> recorder)
			.withBean(ContextCarrier.class, () -> carrier)
			.withBean(ScopeClock.class, () -> ScopeClock.of(time))
			.withPropertyValues("scoped-async.limiters.one.permits=1", "scoped-async.limiters.one.acquire-timeout=1h")
			.withBean(Service.class)
			.run((context) -> {
				Service service = context.getBean(Service.class);
				service.name().block(LIMIT);
				assertThat(recorder.closed).hasValue(1);
				assertThat(carrier.captured).hasPositiveValue();
				Permit permit = context.getBean(Limiter.class).tryAcquire();
				assertThat(permit).isNotNull();
				Mono<String> waiting = service.name().cache();
				waiting.subscribe((name) -> {
				}, (error) -> {
				});
				time.advanceTimeBy(Duration.ofHours(1));
				assertThatExceptionOfType(AcquireTimeoutException.class).isThrownBy(() -> waiting.block(LIMIT));
				permit.close();
			});
	}

	@Test
	void scopesAreTrackedUnlessLeakDetectionIsDisabled() {
		this.runner.run((context) -> assertThat(openWhileRunning(context.getBean(AsyncScopes.class))).isOne());
		this.runner.withPropertyValues("scoped-async.leak-detection.level=disabled")
			.run((context) -> assertThat(openWhileRunning(context.getBean(AsyncScopes.class))).isZero());
	}

	private static int openWhileRunning(AsyncScopes scopes) {
		return scopes.use(AsyncResource.just("value").named("value"), (value) -> Mono.just(scopes.openScopes().size()))
			.blockOptional(LIMIT)
			.orElseThrow();
	}

	@Test
	void boundsReleases() {
		this.runner.withPropertyValues("scoped-async.release-timeout=20ms").run((context) -> {
			AsyncResource<String> stuck = AsyncResource.of(() -> Mono.just("value"), (value, exit) -> Mono.never());
			assertThatExceptionOfType(RuntimeException.class)
				.isThrownBy(() -> context.getBean(AsyncScopes.class).use(stuck.named("stuck"), Mono::just).block(LIMIT))
				.withMessageContaining("20 ms");
		});
	}

	@Test
	void closesTheScopesWithTheContext() {
		AsyncScopes[] scopes = new AsyncScopes[1];
		this.runner.run((context) -> scopes[0] = context.getBean(AsyncScopes.class));
		Mono<String> late = scopes[0].use(AsyncResource.just("value").named("value"), Mono::just);
		assertThatExceptionOfType(ScopeClosedException.class).isThrownBy(() -> late.block(LIMIT));
	}

	@Test
	void refusesTimeoutsThatAreNone() {
		this.runner.withPropertyValues("scoped-async.release-timeout=0s")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.release-timeout is 0 ms"));
		this.runner.withPropertyValues("scoped-async.shutdown-timeout=-1s")
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.shutdown-timeout is -1000 ms"));
	}

	@Test
	void worksWithoutAnythingOptional() {
		this.runner
			.withClassLoader(new FilteredClassLoader("io.micrometer", "io.reactivex", "io.smallrye", "reactor.netty",
					"org.springframework.web", "org.springframework.transaction", "org.aspectj"))
			.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Service.class)
			.run((context) -> assertThat(context.getBean(Service.class).name().block(LIMIT)).isEqualTo("Service.name"));
	}

	@Test
	void checksLazyBeansWhenTheyAreCreated() {
		this.runner
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Service.class)
			.run((context) -> {
				assertThat(context.getBeanFactory().containsSingleton("one")).isFalse();
				assertThat(context.getBean(Service.class).name().block(LIMIT)).isEqualTo("Service.name");
			});
	}

	@Test
	void aMethodMayBeCalledWhileTheApplicationStarts() {
		this.runner.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Eager.class)
			.withBean(Service.class)
			.run((context) -> assertThat(context.getBean(Eager.class).name).isEqualTo("Service.name"));
	}

	@Test
	void aResourceMayNeedAScopedServiceItself() {
		this.runner.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withUserConfiguration(Dependent.class)
			.run((context) -> assertThat(context.getBean(Dependent.User.class).use().block(LIMIT))
				.isEqualTo("Service.name"));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void createsNoBeanTooEarly(CapturedOutput output) {
		this.runner.withPropertyValues("scoped-async.limiters.one.permits=1")
			.withBean(Service.class)
			.withUserConfiguration(Ports.class)
			.run((context) -> {
				assertThat(context).hasNotFailed();
				// What other tests have left behind warns on threads of its own.
				String thread = Thread.currentThread().getName() + "]";
				assertThat(output).doesNotContain("not eligible");
				assertThat(output.getAll().lines().filter((line) -> line.contains(thread)))
					.noneMatch((line) -> line.contains("WARN"));
			});
	}

	@Configuration(proxyBeanMethods = false)
	static class OwnPostProcessor {

		@Bean
		static ScopedAsyncBeanPostProcessor ownPostProcessor(ObjectProvider<AsyncScopes> scopes) {
			ScopedAsyncBeanPostProcessor postProcessor = new ScopedAsyncBeanPostProcessor(scopes);
			postProcessor.setOrder(1);
			return postProcessor;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Ports {

		@Bean
		ScopeRecorder recorder() {
			return new CountingRecorder();
		}

		@Bean
		ContextCarrier carrier() {
			return new CountingCarrier();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Dependent {

		@Bean
		Service service() {
			return new Service();
		}

		@Bean
		AsyncResource<String> named(Service service) {
			return AsyncResource.of(service::name, (name, exit) -> Mono.empty());
		}

		@Bean
		User user(AsyncResource<String> named) {
			return new User(named);
		}

		static class User {

			private final AsyncResource<String> named;

			User(AsyncResource<String> named) {
				this.named = named;
			}

			@ScopedAsync("named")
			Mono<String> use() {
				return this.named.held();
			}

		}

	}

	/** Public, since the proxy may be of another class loader. */
	public static class Service {

		@ScopedAsync("one")
		public Mono<String> name() {
			return Scope.current().map(Scope::name);
		}

	}

	/** Of another package than the beans derived from it. */
	public static class PackagePrivateMethod {

		@ScopedAsync("a")
		Mono<String> method() {
			return Mono.empty();
		}

	}

	static class Eager {

		private final @Nullable String name;

		Eager(Service service) {
			this.name = service.name().block(LIMIT);
		}

	}

	private static final class CountingRecorder implements ScopeRecorder {

		private final AtomicInteger closed = new AtomicInteger();

		@Override
		public void closed(String scope, Exit exit, long nanos) {
			this.closed.incrementAndGet();
		}

	}

	private static final class CountingCarrier implements ContextCarrier {

		private final AtomicInteger captured = new AtomicInteger();

		@Override
		public @Nullable Object capture() {
			this.captured.incrementAndGet();
			return null;
		}

		@Override
		public Restored restore(Object captured) {
			return () -> {
			};
		}

		@Override
		public Context write(Object captured, Context context) {
			return context;
		}

	}

}
