package io.scopedasync.autoconfigure;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.assertj.core.api.ObjectAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.KeyedResource;
import io.scopedasync.NoScopeException;
import io.scopedasync.ScopeClock;
import io.scopedasync.annotation.Lifespan;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.limiter.Limiter;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.BeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.context.PropertyPlaceholderAutoConfiguration;
import org.springframework.boot.context.metrics.buffering.BufferingApplicationStartup;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ApplicationListener;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.DependsOn;
import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Scope;
import org.springframework.context.event.ContextRefreshedEvent;
import org.springframework.core.annotation.AliasFor;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ScopedAsyncLifespanAutoConfiguration}.
 */
@Timeout(60)
@ExtendWith(OutputCaptureExtension.class)
class ScopedAsyncLifespanAutoConfigurationTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	/** What happened to the lifespans of all contexts, which tests start one by one. */
	private static final List<String> EVENTS = new CopyOnWriteArrayList<>();

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(PropertyPlaceholderAutoConfiguration.class,
				ScopedAsyncAutoConfiguration.class, ScopedAsyncLeakDetectionAutoConfiguration.class,
				ScopedAsyncLifecycleAutoConfiguration.class, ScopedAsyncLifespanAutoConfiguration.class));

	@AfterEach
	void forget() {
		EVENTS.clear();
	}

	private static AsyncResource<String> noting(String name) {
		return AsyncResource.of(() -> Mono.fromCallable(() -> {
			EVENTS.add("acquire " + name);
			return name;
		}), (value, exit) -> Mono.fromRunnable(() -> EVENTS.add("release " + name)));
	}

	// Holding it.

	@Test
	void itsValueIsHeldEverywhereFromTheStartToTheEnd(CapturedOutput output) {
		this.runner.withUserConfiguration(Connections.class).run((context) -> {
			Connection connection = context.getBean(Connection.class);
			assertThat(connection.held().block(LIMIT)).isEqualTo("connection");
			assertThat(context.getBean(Orders.class).load().block(LIMIT)).isEqualTo("connection");
			assertThat(context.getBean(Orders.class).joined().block(LIMIT)).isEqualTo("connection");
			assertThat(EVENTS).containsExactly("acquire connection");
			assertThat(context.getBean(AsyncScopes.class).application().resources()).containsExactly("connection");
			assertThat(context.getBean(AsyncScopes.class).openScopes()).isEmpty();
		});
		assertThat(EVENTS).containsExactly("acquire connection", "release connection");
		assertThat(output).contains("Lifespan 'connection' acquired in ")
			.contains("1 lifespan acquired in ")
			.contains("1 lifespan released in ")
			.contains("All scopes closed: nothing was left open")
			.doesNotContain("1 scope is open");
	}

	@Test
	void aMethodMayAskForAFreshOne() {
		this.runner.withUserConfiguration(Connections.class)
			.run((context) -> context.getBean(Orders.class).fresh().block(LIMIT));
		assertThat(EVENTS).containsExactly("acquire connection", "acquire connection", "release connection",
				"release connection");
	}

	@Test
	void aBeanMethodOrAnAnnotationOfOnesOwnCanBeAnnotated() {
		this.runner.withUserConfiguration(BeanMethods.class)
			.run((context) -> assertThat(context.getBean(AsyncScopes.class).application().resources())
				.containsExactlyInAnyOrder("method", "meta"));
	}

	@Test
	void anApplicationWithoutAnyIsLeftAlone(CapturedOutput output) {
		this.runner.run((context) -> assertThat(context.getBean(LifespansLifecycle.class).isRunning()).isTrue());
		assertThat(output).doesNotContain("lifespan");
	}

	@Test
	void isHeldBeforeOtherLifecyclesStartAndUntilTheyHaveStopped() {
		this.runner.withUserConfiguration(Connections.class)
			.withBean(Worker.class, () -> new Worker(ScopesLifecycle.PHASE + 1))
			.run((context) -> {
			});
		assertThat(EVENTS).containsExactly("acquire connection", "work", "no more work", "release connection");
	}

	@Test
	void twoApplicationsInOneMachineHaveTheirOwn() {
		this.runner.withUserConfiguration(Connections.class)
			.run((one) -> this.runner.withUserConfiguration(Connections.class).run((other) -> {
				Connection first = one.getBean(Connection.class);
				Connection second = other.getBean(Connection.class);
				assertThat(EVENTS).hasSize(2);
				one.getSourceApplicationContext().close();
				assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> first.held().block(LIMIT));
				assertThat(second.held().block(LIMIT)).isEqualTo("connection");
			}));
	}

	@Test
	void isHeldInALazyApplicationToo() {
		this.runner.withUserConfiguration(Connections.class, LazyOne.class)
			.withInitializer((context) -> context.addBeanFactoryPostProcessor((beans) -> {
				for (String name : beans.getBeanDefinitionNames()) {
					beans.getBeanDefinition(name).setLazyInit(true);
				}
			}))
			.run((context) -> assertThat(EVENTS).containsExactlyInAnyOrder("acquire connection", "acquire lazy"));
	}

	@Test
	void backsOffWithoutScopes() {
		this.runner.withUserConfiguration(Connections.class)
			.withPropertyValues("scoped-async.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(LifespansLifecycle.class));
		assertThat(EVENTS).isEmpty();
	}

	// Order.

	@Test
	void theIndependentAreAcquiredAtTheSameTimeAlsoIfTheyBlock() {
		this.runner.withUserConfiguration(Meeting.class).run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void whatOneNeedsIsThereBeforeAndLongerThanItself() {
		this.runner.withUserConfiguration(Chain.class).run((context) -> assertThat(context).hasNotFailed());
		assertThat(EVENTS).containsSubsequence("acquire first", "acquire second", "acquire third", "acquire fourth",
				"release fourth", "release third", "release second", "release first");
	}

	@Test
	void thoseThatNeedEachOtherAreRefused() {
		this.runner.withUserConfiguration(Circle.class)
			.withAllowCircularReferences(true)
			.run((context) -> refused(context.getStartupFailure())
				.satisfies((analysis) -> assertThat(analysis.getDescription())
					.contains("The lifespans 'one', 'other' " + "need each other")));
	}

	// Failing.

	@Test
	void aFailingOneFailsTheStartAndUndoesTheOthers(CapturedOutput output) {
		this.runner.withUserConfiguration(Failing.class)
			.run((context) -> refused(context.getStartupFailure()).satisfies((analysis) -> {
				assertThat(analysis.getDescription()).containsPattern("The lifespan 'broken' could not be acquired: it "
						+ "failed after \\d+ ms\\.\\R\\RCause: java\\.lang\\.IllegalStateException: expected");
				assertThat(analysis.getAction()).contains("remove @Lifespan from the bean");
			}));
		assertThat(EVENTS).containsExactly("acquire sound", "release sound");
	}

	@Test
	void oneThatIsNotThereInTimeFailsTheStart() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		this.runner.withUserConfiguration(Late.class)
			.withBean(VirtualTimeScheduler.class, () -> time)
			.withBean(ScopeClock.class, () -> ScopeClock.of(time))
			.withPropertyValues("late.timeout=2m")
			.run((context) -> refused(context.getStartupFailure())
				.satisfies((analysis) -> assertThat(analysis.getDescription())
					.contains("The lifespan 'late' was not " + "acquired within its start timeout of 120000 ms")));
	}

	@Test
	void theStartTimeoutOfAllIsAProperty() {
		this.runner.withUserConfiguration(Connections.class)
			.withPropertyValues("scoped-async.lifespan.start-timeout=7s")
			.run((context) -> assertThat(new LifespanBeans(context.getSourceApplicationContext().getBeanFactory(),
					context.getBean(ScopedAsyncProperties.class).getLifespan().getStartTimeout())
				.find()).singleElement().extracting(Lifespans.Member::startTimeout).isEqualTo(Duration.ofSeconds(7)));
		this.runner.withPropertyValues("scoped-async.lifespan.start-timeout=0s")
			.run((context) -> assertThat(context.getStartupFailure())
				.hasRootCauseInstanceOf(InvalidSettingException.class)
				.hasMessageContaining("scoped-async.lifespan.start-timeout is 0 ms"));
	}

	@Test
	void aStartThatFailsForAnotherReasonReleasesThem() {
		SmartLifecycle failing = new Worker(Integer.MAX_VALUE) {

			@Override
			public void start() {
				throw new IllegalStateException("expected");
			}

		};
		this.runner.withUserConfiguration(Connections.class)
			.withBean(SmartLifecycle.class, () -> failing)
			.run((context) -> assertThat(context).hasFailed());
		assertThat(EVENTS).containsExactly("acquire connection", "release connection");
		EVENTS.clear();
		this.runner.withUserConfiguration(Connections.class)
			.withInitializer((context) -> context
				.addApplicationListener((ApplicationListener<ContextRefreshedEvent>) (event) -> {
					throw new IllegalStateException("expected");
				}))
			.run((context) -> assertThat(context).hasFailed());
		assertThat(EVENTS).containsExactly("acquire connection", "release connection");
	}

	// Stopping and starting again.

	@Test
	void aContextThatIsStoppedReleasesAndOneThatIsStartedAcquiresAnew() {
		this.runner.withUserConfiguration(Connections.class).run((context) -> {
			context.getSourceApplicationContext().stop();
			assertThat(EVENTS).containsExactly("acquire connection", "release connection");
			context.getSourceApplicationContext().start();
			assertThat(context.getBean(Connection.class).held().block(LIMIT)).isEqualTo("connection");
		});
		assertThat(EVENTS).hasSize(4);
	}

	@Test
	void aContextThatIsPausedHoldsOnAsItsWebServerServesOn() {
		this.runner.withUserConfiguration(Connections.class).run((context) -> {
			context.getSourceApplicationContext().pause();
			assertThat(context.getBean(Connection.class).held().block(LIMIT)).isEqualTo("connection");
			context.getSourceApplicationContext().restart();
		});
		assertThat(EVENTS).containsExactly("acquire connection", "release connection");
	}

	@Test
	void aContextThatIsRefreshedReleasesAndAcquiresAnew() {
		try (AnnotationConfigWebApplicationContext context = new AnnotationConfigWebApplicationContext()) {
			context.register(ScopedAsyncAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class,
					ScopedAsyncLifespanAutoConfiguration.class, Connections.class);
			context.refresh();
			Connection first = context.getBean(Connection.class);
			context.refresh();
			assertThatExceptionOfType(NoScopeException.class).isThrownBy(() -> first.held().block(LIMIT));
			assertThat(context.getBean(Connection.class).held().block(LIMIT)).isEqualTo("connection");
		}
		assertThat(EVENTS).containsExactly("acquire connection", "release connection", "acquire connection",
				"release connection");
	}

	@Test
	void aStartThatIsInterruptedIsUndone() throws InterruptedException {
		Thread starting = new Thread(() -> this.runner.withUserConfiguration(Stuck.class)
			.run((context) -> EVENTS.add(context.getStartupFailure().getCause().getMessage())));
		Stuck.reached = new CountDownLatch(1);
		starting.start();
		assertThat(Stuck.reached.await(30, TimeUnit.SECONDS)).isTrue();
		starting.interrupt();
		starting.join(LIMIT.toMillis());
		assertThat(EVENTS).contains("release sound").last().asString().contains("The start was interrupted");
	}

	@Test
	void aStartDuringWhichTheContextIsClosedIsUndone() throws InterruptedException {
		AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
		context.register(ScopedAsyncAutoConfiguration.class, ScopedAsyncLifecycleAutoConfiguration.class,
				ScopedAsyncLifespanAutoConfiguration.class, Stuck.class);
		Thread starting = new Thread(() -> {
			try {
				context.refresh();
			}
			catch (RuntimeException ex) {
				EVENTS.add(ex.getCause().getMessage());
			}
		});
		Stuck.reached = new CountDownLatch(1);
		starting.start();
		assertThat(Stuck.reached.await(30, TimeUnit.SECONDS)).isTrue();
		context.close();
		starting.join(LIMIT.toMillis());
		assertThat(EVENTS).contains("release sound").last().asString().contains("The start was interrupted");
		assertThat(context.isActive()).isFalse();
	}

	// What is seen of it.

	@Test
	void stepsOfTheStartAreRecorded() {
		BufferingApplicationStartup startup = new BufferingApplicationStartup(1000);
		this.runner.withUserConfiguration(Connections.class)
			.withInitializer((context) -> context.setApplicationStartup(startup))
			.run((context) -> assertThat(startup.getBufferedTimeline().getEvents())
				.filteredOn((event) -> event.getStartupStep().getName().equals("scoped-async.lifespan.acquire"))
				.singleElement()
				.satisfies((event) -> assertThat(event.getStartupStep().getTags())
					.anyMatch((tag) -> tag.getValue().equals("connection"))));
	}

	// Bad use.

	@Test
	void whatIsNoResourceIsRefused() {
		refused(NoResource.class, "@Lifespan on bean 'number': it is a java.lang.Integer, which is no AsyncResource",
				"Implement AsyncResource");
	}

	@Test
	void aKeyedResourceIsRefused() {
		refused(Keyed.class, "@Lifespan on bean 'keyed': it is a KeyedResource, that is many resources", "forKey");
	}

	@Test
	void aLimiterIsRefused() {
		refused(Counted.class, "@Lifespan on bean 'limit': it is counted in units", "Remove @Lifespan");
	}

	@Test
	void aPrototypeIsRefused() {
		refused(Prototype.class, "@Lifespan on bean 'each': it is not a singleton", "Make it one");
	}

	@Test
	void whatIsNoDurationIsRefused() {
		refused(NoDuration.class, "it has the startTimeout 'soon', which is no duration", "such as 500ms");
		refused(NoTime.class, "it has the startTimeout '0s', within which nothing can be acquired", "start-timeout");
		refused(NoProperty.class, "it has the startTimeout '${no.such.property}', a placeholder", "${name:30s}");
	}

	private void refused(Class<?> configuration, String problem, String remedy) {
		this.runner.withUserConfiguration(configuration)
			.run((context) -> refused(context.getStartupFailure()).satisfies((analysis) -> {
				assertThat(analysis.getDescription()).contains(problem);
				assertThat(analysis.getAction()).contains(remedy);
			}));
	}

	private static ObjectAssert<FailureAnalysis> refused(Throwable failure) {
		assertThat(failure).isNotNull();
		return assertThat(new LifespanFailureAnalyzer().analyze(failure)).isNotNull();
	}

	@Lifespan
	static class Connection implements AsyncResource<String> {

		@Override
		public Mono<String> acquire() {
			return noting("connection").acquire();
		}

		@Override
		public Mono<Void> release(String value, Exit exit) {
			return noting("connection").release(value, exit);
		}

	}

	static class Orders {

		private final Connection connection;

		Orders(Connection connection) {
			this.connection = connection;
		}

		Mono<String> load() {
			return this.connection.held();
		}

		@ScopedAsync("connection")
		Mono<String> joined() {
			return this.connection.held();
		}

		@ScopedAsync(value = "connection", fresh = true)
		Mono<String> fresh() {
			return this.connection.held();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Connections {

		@Bean
		Connection connection() {
			return new Connection();
		}

		@Bean
		@Lazy
		Orders orders(Connection connection) {
			return new Orders(connection);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class LazyOne {

		@Bean
		@Lazy
		@Lifespan
		AsyncResource<String> lazy() {
			return noting("lazy");
		}

	}

	@Lifespan
	@Retention(RetentionPolicy.RUNTIME)
	@interface Quickly {

		@AliasFor(annotation = Lifespan.class, attribute = "startTimeout")
		String value() default "2s";

	}

	@Configuration(proxyBeanMethods = false)
	static class BeanMethods {

		@Bean
		@Lifespan
		AsyncResource<String> method() {
			return noting("method");
		}

		@Bean
		@Quickly
		AsyncResource<String> meta() {
			return noting("meta");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Meeting {

		private final CountDownLatch both = new CountDownLatch(2);

		@Bean
		@Lifespan
		AsyncResource<Boolean> one() {
			return meets();
		}

		@Bean
		@Lifespan
		AsyncResource<Boolean> other() {
			return meets();
		}

		private AsyncResource<Boolean> meets() {
			return AsyncResource.of(() -> Mono.fromCallable(() -> {
				this.both.countDown();
				return this.both.await(30, TimeUnit.SECONDS);
			}).filter((met) -> met), (value, exit) -> Mono.empty());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Chain {

		@Bean
		@Lifespan
		AsyncResource<String> fourth(Between between) {
			return noting("fourth");
		}

		@Bean
		Between between(AsyncResource<String> third) {
			return new Between();
		}

		@Bean
		@Lifespan
		@DependsOn("second")
		AsyncResource<String> third() {
			return noting("third");
		}

		@Bean
		@Lifespan
		AsyncResource<String> second(AsyncResource<String> first) {
			return noting("second");
		}

		@Bean
		@Lifespan
		AsyncResource<String> first() {
			return noting("first");
		}

	}

	static class Between {

	}

	@Configuration(proxyBeanMethods = false)
	static class Circle {

		@Bean
		@Lifespan
		AsyncResource<String> one() {
			return noting("one");
		}

		@Bean
		@Lifespan
		AsyncResource<String> other() {
			return noting("other");
		}

		@Bean
		static BeanFactoryPostProcessor circle() {
			return (beans) -> {
				beans.registerDependentBean("one", "other");
				beans.registerDependentBean("other", "one");
			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Failing {

		@Bean
		@Lifespan
		AsyncResource<String> sound() {
			return noting("sound");
		}

		@Bean
		@Lifespan
		@DependsOn("sound")
		AsyncResource<String> broken() {
			return AsyncResource.of(() -> Mono.error(new IllegalStateException("expected")),
					(value, exit) -> Mono.empty());
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Late {

		@Bean
		@Lifespan(startTimeout = "${late.timeout}")
		AsyncResource<String> late(VirtualTimeScheduler time) {
			return new AsyncResource<>() {

				@Override
				public Mono<String> acquire() {
					return Mono.<String>never()
						.doOnSubscribe((subscription) -> time.advanceTimeBy(Duration.ofSeconds(121)));
				}

				@Override
				public Mono<Void> release(String value, Exit exit) {
					return Mono.empty();
				}

				@Override
				public boolean cancellable() {
					return true;
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Stuck {

		private static volatile CountDownLatch reached = new CountDownLatch(1);

		@Bean
		@Lifespan
		AsyncResource<String> sound() {
			return noting("sound");
		}

		@Bean
		@Lifespan
		@DependsOn("sound")
		AsyncResource<String> stuck() {
			return new AsyncResource<>() {

				@Override
				public Mono<String> acquire() {
					return Mono.<String>never().doOnSubscribe((subscription) -> reached.countDown());
				}

				@Override
				public Mono<Void> release(String value, Exit exit) {
					return Mono.empty();
				}

				@Override
				public boolean cancellable() {
					return true;
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class NoResource {

		@Bean
		@Lifespan
		Integer number() {
			return 1;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Keyed {

		@Bean
		@Lifespan
		KeyedResource<String> keyed() {
			return new KeyedResource<>() {

				@Override
				public AsyncResource<String> forKey(Object key) {
					return noting(key.toString());
				}

				@Override
				public String name() {
					return "keyed";
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Counted {

		@Bean
		@Lifespan
		Limiter limit() {
			return Limiter.builder("limit").permits(1).build();
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Prototype {

		@Bean
		@Lifespan
		@Scope(BeanDefinition.SCOPE_PROTOTYPE)
		AsyncResource<String> each() {
			return noting("each");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class NoDuration {

		@Bean
		@Lifespan(startTimeout = "soon")
		AsyncResource<String> late() {
			return noting("late");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class NoTime {

		@Bean
		@Lifespan(startTimeout = "0s")
		AsyncResource<String> late() {
			return noting("late");
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class NoProperty {

		@Bean
		@Lifespan(startTimeout = "${no.such.property}")
		AsyncResource<String> late() {
			return noting("late");
		}

	}

	/** Another lifecycle. */
	static class Worker implements SmartLifecycle {

		private final int phase;

		private volatile boolean running;

		Worker(int phase) {
			this.phase = phase;
		}

		@Override
		public void start() {
			EVENTS.add("work");
			this.running = true;
		}

		@Override
		public void stop() {
			EVENTS.add("no more work");
			this.running = false;
		}

		@Override
		public boolean isRunning() {
			return this.running;
		}

		@Override
		public int getPhase() {
			return this.phase;
		}

	}

}
