package io.scopedasync.interceptor;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.time.Duration;
import java.util.Objects;

import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.test.scheduler.VirtualTimeScheduler;

import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.Case;
import io.scopedasync.DeadlineExceededException;
import io.scopedasync.ReleaseTimeoutException;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.Permit;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.AliasFor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Where the annotation is found and what its attributes do, for methods that return a
 * {@code Mono}.
 */
class ScopedAsyncTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	/** Stands still but where a test lets it pass. */
	private final VirtualTimeScheduler time = VirtualTimeScheduler.create();

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(AopAutoConfiguration.class, ScopedAsyncAutoConfiguration.class))
		.withPropertyValues("scoped-async.limiters.one.permits=1", "quotes.resource=a", "quotes.timeout=20ms")
		.withUserConfiguration(Resources.class);

	@Test
	void aLimiterOfPropertiesHoldsBackASecondCall() {
		this.runner.withBean(Quotes.class).run((context) -> {
			Quotes quotes = context.getBean(Quotes.class);
			Limiter limiter = context.getBean("one", Limiter.class);
			assertThat(quotes.limited(limiter).block(LIMIT)).isEqualTo("1 of 1");
			assertThat(limiter.statistics().borrowed()).isZero();
		});
	}

	@Test
	void nothingIsCalledBeforeASubscription() {
		run(Quotes.class, (quotes, journal) -> {
			quotes.both();
			assertThat(journal.entries()).isEmpty();
		});
	}

	@Test
	@Case({ 1, 21 })
	void acquiresInOrderAndReleasesInReverse() {
		run(Quotes.class, (quotes, journal) -> {
			assertThat(quotes.both().block(LIMIT)).isEqualTo("both");
			assertThat(journal.entries()).containsExactly("acquire a", "acquire b", "body", "release b completed",
					"release a completed");
		});
	}

	@Test
	@Case({ 3, 22 })
	void undoesWhatWasAcquiredWhenALaterResourceFails() {
		run(Quotes.class, (quotes, journal) -> {
			StepVerifier.create(quotes.broken()).expectErrorMessage("no more").verify(LIMIT);
			assertThat(journal.entries()).containsExactly("acquire a",
					"release a failed: java.lang.IllegalStateException: no more");
		});
	}

	@Test
	@Case(7)
	void runsAnewForEachSubscription() {
		run(Quotes.class, (quotes, journal) -> {
			Mono<String> both = quotes.both();
			both.repeat(2).blockLast(LIMIT);
			assertThat(journal.entries()).hasSize(15).filteredOn("body"::equals).hasSize(3);
		});
	}

	@Test
	@Case({ 2, 8 })
	void passesTheBodysErrorOnAsItIs() {
		run(Quotes.class, (quotes, journal) -> {
			Exception error = new Exception("checked");
			StepVerifier.create(quotes.failing(error))
				.expectErrorSatisfies((actual) -> assertThat(actual).isSameAs(error))
				.verify(LIMIT);
			StepVerifier.create(quotes.throwing(error))
				.expectErrorSatisfies((actual) -> assertThat(actual).isSameAs(error))
				.verify(LIMIT);
			assertThat(journal.entries()).containsExactly("acquire a", "release a failed: java.lang.Exception: checked",
					"acquire a", "release a failed: java.lang.Exception: checked");
		});
	}

	@Test
	void aResourceIsCalledByItsBeanNameAndTheScopeByItsMethod() {
		run(Quotes.class,
				(quotes, journal) -> assertThat(quotes.names().block(LIMIT)).isEqualTo("Quotes.names [a, b]"));
	}

	@Test
	void aResourceTellsWhatTheScopeHolds() {
		this.runner.withBean(Quotes.class)
			.run((context) -> assertThat(
					context.getBean(Quotes.class).held(context.getBean("a", AsyncResource.class)).block(LIMIT))
				.isEqualTo("a"));
	}

	@Test
	void findsAResourceByQualifier() {
		run(Quotes.class, (quotes, journal) -> {
			quotes.qualified().block(LIMIT);
			assertThat(journal.entries()).startsWith("acquire c");
		});
	}

	@Test
	void resolvesPlaceholdersInNamesAndTimeout() {
		this.runner.withPropertyValues("quotes.resource=a", "quotes.timeout=20ms")
			.withBean(Quotes.class)
			.withBean(ScopeClock.class, () -> ScopeClock.of(this.time))
			.run((context) -> {
				StepVerifier.create(context.getBean(Quotes.class).placeholders())
					.then(() -> this.time.advanceTimeBy(Duration.ofMillis(20)))
					.expectErrorSatisfies((error) -> assertThat(error).isInstanceOf(DeadlineExceededException.class)
						.hasMessageContaining("Quotes.placeholders")
						.hasMessageContaining("20 ms"))
					.verify(LIMIT);
				assertThat(context.getBean(Journal.class).entries()).hasSize(2);
			});
	}

	@Test
	void aTimeoutNeedsNoResource() {
		run(Quotes.class,
				(quotes, journal) -> StepVerifier.create(quotes.timeoutOnly())
					.expectError(DeadlineExceededException.class)
					.verify(LIMIT));
	}

	@Test
	@Case(96)
	void eachPhaseMayHaveALimitOfItsOwn() {
		ApplicationContextRunner virtual = this.runner.withBean(ScopeClock.class, () -> ScopeClock.of(this.time));
		virtual.withBean(Quotes.class).run((context) -> {
			Quotes quotes = context.getBean(Quotes.class);
			Permit held = Objects.requireNonNull(context.getBean("one", Limiter.class).tryAcquire());
			StepVerifier.create(quotes.limitedPhases(Mono.just("began")))
				.then(() -> this.time.advanceTimeBy(Duration.ofMillis(20)))
				.expectErrorSatisfies((error) -> assertThat(error).isInstanceOf(AcquireTimeoutException.class)
					.hasMessageContaining("Quotes.limitedPhases")
					.hasMessageContaining("20 ms while acquiring [one]"))
				.verify(LIMIT);
			held.close();
			StepVerifier.create(quotes.limitedPhases(Mono.never()))
				.then(() -> this.time.advanceTimeBy(Duration.ofMillis(30)))
				.expectErrorSatisfies((error) -> assertThat(error).isInstanceOf(DeadlineExceededException.class)
					.hasMessageContaining("limit on its body of 30 ms"))
				.verify(LIMIT);
			StepVerifier.create(quotes.limitedPhases(Scope.current().map((scope) -> {
				scope.onExit((exit) -> Mono.never());
				return "done";
			})))
				.then(() -> this.time.advanceTimeBy(Duration.ofMillis(40)))
				.expectErrorSatisfies((error) -> assertThat(error).isInstanceOf(ReleaseTimeoutException.class)
					.hasMessageContaining("40 ms"))
				.verify(LIMIT);
		});
	}

	@Test
	void onAClassItCoversEveryMethodButThoseOfObject() {
		run(Covered.class, (covered, journal) -> {
			covered.first().block(LIMIT);
			covered.inherited().block(LIMIT);
			covered.own().block(LIMIT);
			assertThat(covered).hasToString("covered");
			assertThat(journal.entries()).filteredOn((entry) -> entry.startsWith("acquire"))
				.containsExactly("acquire a", "acquire a", "acquire b");
		});
	}

	@Test
	void onAnInterfaceItCoversTheBeanThatImplementsIt() {
		run(Implementation.class, (client, journal) -> {
			assertThat(client.load().block(LIMIT)).isEqualTo("loaded");
			assertThat(client.other().block(LIMIT)).isEqualTo("other");
			assertThat(journal.entries()).filteredOn((entry) -> entry.startsWith("acquire"))
				.containsExactly("acquire b", "acquire a");
		});
	}

	@Test
	void onAnInterfaceItCoversAProxyOfTheInterface() {
		this.runner.withPropertyValues("spring.aop.proxy-target-class=false")
			.withBean("client", Client.class, Implementation::new)
			.run((context) -> {
				Client client = context.getBean(Client.class);
				assertThat(AopUtils.isJdkDynamicProxy(client)).isTrue();
				assertThat(client.load().block(LIMIT)).isEqualTo("loaded");
				assertThat(client.other().block(LIMIT)).isEqualTo("other");
				assertThat(context.getBean(Journal.class).entries()).filteredOn((entry) -> entry.startsWith("acquire"))
					.containsExactly("acquire b", "acquire a");
			});
	}

	@Test
	void worksAsAMetaAnnotationWhoseAttributesArePassedOn() {
		run(Meta.class, (meta, journal) -> {
			meta.plain().block(LIMIT);
			meta.other().block(LIMIT);
			assertThat(journal.entries()).filteredOn((entry) -> entry.startsWith("acquire"))
				.containsExactly("acquire a", "acquire b");
		});
	}

	@Test
	@Case(172)
	void anInnerScopeJoinsUnlessAskedNotTo() {
		run(Outer.class, (outer, journal) -> {
			outer.join().block(LIMIT);
			assertThat(journal.entries()).containsExactly("acquire joined", "release joined completed");
			outer.fresh().block(LIMIT);
			assertThat(journal.entries().subList(2, 6)).containsExactly("acquire joined", "acquire joined",
					"release joined completed", "release joined completed");
		}, Inner.class);
	}

	@Test
	void aKeyChoosesTheLimiter() {
		this.runner
			.withPropertyValues("scoped-async.limiters.tenants.permits=1", "scoped-async.limiters.tenants.keyed=true")
			.withBean(Tenants.class)
			.run((context) -> {
				Tenants tenants = context.getBean(Tenants.class);
				KeyedLimiter limiter = context.getBean(KeyedLimiter.class);
				Mono<Integer> keys = Mono.fromSupplier(() -> limiter.statistics().keys());
				assertThat(tenants.byName("x", tenants.byName("y", keys)).block(LIMIT)).isEqualTo(2);
				assertThat(tenants.byPosition("x", tenants.byName("y", keys)).block(LIMIT)).isEqualTo(2);
				assertThat(tenants.byExpression("X", tenants.byName("x", keys)).block(LIMIT)).isEqualTo(2);
				assertThat(tenants.byRoot("x", keys).block(LIMIT)).isEqualTo(1);
				assertThat(tenants.byBean("x", keys).block(LIMIT)).isEqualTo(1);
			});
	}

	@Test
	void aKeyThatIsNullOrCannotBeEvaluatedFailsTheCall() {
		this.runner
			.withPropertyValues("scoped-async.limiters.tenants.permits=1", "scoped-async.limiters.tenants.keyed=true")
			.withBean(Tenants.class)
			.run((context) -> {
				Tenants tenants = context.getBean(Tenants.class);
				Mono<Integer> nothing = tenants.byName(null, Mono.just(1));
				assertThatIllegalArgumentException().isThrownBy(() -> nothing.block(LIMIT))
					.withMessageContaining("'#tenant'")
					.withMessageContaining("Tenants.byName(String, Mono)")
					.withMessageContaining("null");
				Mono<Integer> failing = tenants.byExpression(null, Mono.just(1));
				assertThatIllegalStateException().isThrownBy(() -> failing.block(LIMIT))
					.withMessageContaining("Tenants.byExpression");
				assertThatIllegalArgumentException().isThrownBy(() -> tenants.blocking(null));
			});
	}

	@Test
	void permitsAreTakenOfLimitersOnly() {
		this.runner
			.withPropertyValues("scoped-async.limiters.four.permits=4", "scoped-async.limiters.tenants.permits=5",
					"scoped-async.limiters.tenants.keyed=true")
			.withBean(Weighty.class)
			.run((context) -> {
				Limiter four = context.getBean("four", Limiter.class);
				KeyedLimiter tenants = context.getBean(KeyedLimiter.class);
				Mono<String> body = Mono
					.fromSupplier(() -> four.statistics().borrowed() + " " + tenants.statistics().borrowed());
				assertThat(context.getBean(Weighty.class).heavy("x", body).block(LIMIT)).isEqualTo("3 3");
			});
	}

	private <T> void run(Class<T> type, Steps<T> steps, Class<?>... others) {
		ApplicationContextRunner runner = this.runner.withBean(type);
		for (Class<?> other : others) {
			runner = runner.withBean(other);
		}
		runner.run((context) -> {
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
		AsyncResource<String> b(Journal journal) {
			return journal.resource("b");
		}

		@Bean
		@Qualifier("by-qualifier")
		AsyncResource<String> c(Journal journal) {
			return journal.resource("c");
		}

		@Bean
		AsyncResource<String> joined(Journal journal) {
			return journal.resource("joined", AsyncResource.Nesting.JOIN);
		}

		@Bean
		AsyncResource<String> failing() {
			return AsyncResource.of(() -> Mono.error(new IllegalStateException("no more")),
					(value, exit) -> Mono.empty());
		}

		@Bean
		String keySource() {
			return "key";
		}

	}

	static class Quotes {

		private final Journal journal;

		Quotes(Journal journal) {
			this.journal = journal;
		}

		@ScopedAsync("one")
		Mono<String> limited(Limiter limiter) {
			return Mono.fromSupplier(() -> limiter.statistics().borrowed() + " of " + limiter.statistics().total());
		}

		@ScopedAsync({ "a", "b" })
		Mono<String> both() {
			this.journal.add("body");
			return Mono.just("both");
		}

		@ScopedAsync({ "a", "failing", "b" })
		Mono<String> broken() {
			return both();
		}

		@ScopedAsync("a")
		Mono<String> failing(Exception error) {
			return Mono.error(error);
		}

		@ScopedAsync("a")
		Mono<String> throwing(Exception error) throws Exception {
			throw error;
		}

		@ScopedAsync({ "a", "b" })
		Mono<String> names() {
			return Scope.current().map((scope) -> scope.name() + " " + scope.resources());
		}

		@ScopedAsync("a")
		Mono<Object> held(AsyncResource<?> resource) {
			return resource.held().cast(Object.class);
		}

		@ScopedAsync("by-qualifier")
		Mono<String> qualified() {
			return Mono.just("qualified");
		}

		@ScopedAsync(value = "${quotes.resource}", timeout = "${quotes.timeout}")
		Mono<String> placeholders() {
			return Mono.never();
		}

		@ScopedAsync(value = "one", acquireTimeout = "${quotes.timeout}", bodyTimeout = "30ms", releaseTimeout = "40ms")
		Mono<String> limitedPhases(Mono<String> body) {
			return body;
		}

		@ScopedAsync(timeout = "PT0.02S")
		Mono<String> timeoutOnly() {
			return Mono.never();
		}

	}

	static class Base {

		public Mono<String> inherited() {
			return Mono.just("inherited");
		}

	}

	@ScopedAsync("a")
	static class Covered extends Base {

		Mono<String> first() {
			return Mono.just("first");
		}

		@ScopedAsync("b")
		Mono<String> own() {
			return Mono.just("own");
		}

		@Override
		public String toString() {
			return "covered";
		}

	}

	@ScopedAsync("a")
	interface Client {

		@ScopedAsync("b")
		Mono<String> load();

		Mono<String> other();

	}

	static class Implementation implements Client {

		@Override
		public Mono<String> load() {
			return Mono.just("loaded");
		}

		@Override
		public Mono<String> other() {
			return Mono.just("other");
		}

	}

	@Target({ ElementType.TYPE, ElementType.METHOD })
	@Retention(RetentionPolicy.RUNTIME)
	@ScopedAsync
	@interface Limited {

		@AliasFor(annotation = ScopedAsync.class, attribute = "value")
		String by() default "a";

	}

	static class Meta {

		@Limited
		Mono<String> plain() {
			return Mono.just("plain");
		}

		@Limited(by = "b")
		Mono<String> other() {
			return Mono.just("other");
		}

	}

	static class Outer {

		private final Inner inner;

		Outer(Inner inner) {
			this.inner = inner;
		}

		@ScopedAsync("joined")
		Mono<String> join() {
			return this.inner.join();
		}

		@ScopedAsync("joined")
		Mono<String> fresh() {
			return this.inner.fresh();
		}

	}

	static class Inner {

		@ScopedAsync("joined")
		Mono<String> join() {
			return Mono.just("inner");
		}

		@ScopedAsync(value = "joined", fresh = true)
		Mono<String> fresh() {
			return Mono.just("inner");
		}

	}

	static class Tenants {

		@ScopedAsync(value = "tenants", key = "#tenant")
		<T> Mono<T> byName(String tenant, Mono<T> body) {
			return body;
		}

		@ScopedAsync(value = { "a", "tenants" }, key = "#p0")
		<T> Mono<T> byPosition(String tenant, Mono<T> body) {
			return body;
		}

		@ScopedAsync(value = "tenants", key = "#a0.toLowerCase() + '-key'")
		<T> Mono<T> byExpression(String tenant, Mono<T> body) {
			return body;
		}

		@ScopedAsync(value = "tenants",
				key = "#root.methodName + #root.args[0] + #root.targetClass.simpleName + #root.target.hashCode()")
		<T> Mono<T> byRoot(String tenant, Mono<T> body) {
			return body;
		}

		@ScopedAsync(value = "tenants", key = "@keySource")
		<T> Mono<T> byBean(String tenant, Mono<T> body) {
			return body;
		}

		@ScopedAsync(value = "tenants", key = "#tenant")
		String blocking(String tenant) {
			return tenant;
		}

	}

	static class Weighty {

		@ScopedAsync(value = { "a", "four", "tenants" }, key = "#tenant", permits = 3)
		Mono<String> heavy(String tenant, Mono<String> body) {
			return body;
		}

	}

}
