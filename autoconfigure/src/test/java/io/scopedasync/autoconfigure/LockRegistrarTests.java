package io.scopedasync.autoconfigure;

import java.time.Duration;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;

import io.scopedasync.AcquireRejectedException;
import io.scopedasync.AcquireTimeoutException;
import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.sync.Hold;
import io.scopedasync.sync.KeyedLock;
import io.scopedasync.sync.Lock;
import io.scopedasync.sync.ReadWriteLock;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

/**
 * Locks made of properties.
 */
class LockRegistrarTests {

	private static final Duration LIMIT = Duration.ofSeconds(30);

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class));

	@Test
	void eachIsABeanOfItsName() {
		this.runner
			.withPropertyValues("scoped-async.locks.one.leak-threshold=5m",
					"scoped-async.locks.account-lock.keyed=true", "scoped-async.locks.prices.read-write=true",
					"scoped-async.locks.plain=")
			.withUserConfiguration(Injected.class)
			.run((context) -> {
				assertThat(context.getBeanNamesForType(Lock.class)).containsExactlyInAnyOrder("one", "plain");
				assertThat(context.getBean("one", Lock.class).name()).isEqualTo("one");
				assertThat(context.getBean("one", Lock.class).leakThreshold()).isEqualTo(Duration.ofMinutes(5));
				assertThat(context.getBean(KeyedLock.class).name()).isEqualTo("account-lock");
				ReadWriteLock prices = context.getBean(ReadWriteLock.class);
				assertThat(prices.name()).isEqualTo("prices");
				assertThat(context.getBean("prices.read")).isSameAs(prices.read());
				assertThat(context.getBean("prices.write")).isSameAs(prices.write());
				assertThat(context.getBean(Injected.Holder.class).write()).isSameAs(prices.write());
			});
	}

	@Test
	void anAnnotationTakesThemByNameAndKey() {
		this.runner
			.withPropertyValues("scoped-async.locks.account-lock.keyed=true",
					"scoped-async.locks.prices.read-write=true")
			.withUserConfiguration(Annotated.class)
			.run((context) -> {
				Accounts accounts = context.getBean(Accounts.class);
				assertThat(accounts.held("a").block(LIMIT)).isEqualTo("1 of 1 keys held, 0 waiting");
				assertThat(accounts.transfer("a", "b", accounts).block(LIMIT)).isEqualTo("2 of 2 keys held, 0 waiting");
				assertThatIllegalStateException().isThrownBy(() -> accounts.transfer("a", "a", accounts).block(LIMIT))
					.withMessageContaining("'account-lock' is held already");
				assertThat(accounts.price()).isEqualTo("1 readers, 0 waiting");
				assertThat(context.getBean(KeyedLock.class).statistics().keys()).isZero();
			});
	}

	@Test
	void boundsWaitersAndTheirTimeAndTakesDefaults() {
		this.runner
			.withPropertyValues("scoped-async.locks.closed.max-waiting=0", "scoped-async.locks.timed.keyed=false",
					"scoped-async.defaults.lock.acquire-timeout=20ms")
			.run((context) -> {
				assertThatExceptionOfType(AcquireRejectedException.class).isThrownBy(
						() -> useHeld(context.getBean(AsyncScopes.class), context.getBean("closed", Lock.class)));
				assertThatExceptionOfType(AcquireTimeoutException.class)
					.isThrownBy(() -> useHeld(context.getBean(AsyncScopes.class), context.getBean("timed", Lock.class)))
					.withMessageContaining("timed");
			});
	}

	private static void useHeld(AsyncScopes scopes, Lock lock) {
		try (Hold held = lock.tryAcquire()) {
			scopes.use(lock, (hold) -> Mono.just("both")).block(LIMIT);
		}
	}

	static Stream<Arguments> mistakes() {
		return Stream.of(
				arguments(new String[] { "locks.x.keyed=true", "locks.x.read-write=true" },
						"Lock 'x' is keyed, and scoped-async.locks.x.read-write is true", "Remove one"),
				arguments(new String[] { "locks.x.max-waiting=-1" }, "scoped-async.locks.x.max-waiting is -1",
						"0 to let nobody wait"),
				arguments(new String[] { "locks.x.acquire-timeout=0s" }, "scoped-async.locks.x.acquire-timeout is 0 ms",
						"more than zero"),
				arguments(new String[] { "locks.x.permits=1" }, "A lock has no property scoped-async.locks.x.permits",
						"A lock has acquire-timeout, keyed, leak-threshold, max-waiting, read-write."),
				arguments(new String[] { "locks[a b].keyed=true" }, "The lock name 'a b'", "letters, digits"),
				arguments(new String[] { "limiters.x.permits=1", "locks.x.keyed=true" },
						"scoped-async.locks.x defines a KeyedLock, and there is a bean 'x' already", "another name"));
	}

	@ParameterizedTest
	@MethodSource("mistakes")
	void refuses(String[] properties, String problem, String remedy) {
		String[] prefixed = Stream.of(properties).map((property) -> "scoped-async." + property).toArray(String[]::new);
		this.runner.withPropertyValues(prefixed)
			.run((context) -> assertThat(context).getFailure()
				.isInstanceOfSatisfying(InvalidSettingException.class, (error) -> {
					assertThat(error.getProblem()).contains(problem);
					assertThat(error.getRemedy()).contains(remedy).endsWith(".");
				}));
	}

	@Configuration(proxyBeanMethods = false)
	static class Injected {

		@Bean
		Holder holder(@Qualifier("prices.write") AsyncResource<Hold> write) {
			return new Holder(write);
		}

		record Holder(AsyncResource<Hold> write) {

		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Annotated {

		@Bean
		Accounts accounts(KeyedLock accountLock, ReadWriteLock prices) {
			return new Accounts(accountLock, prices);
		}

	}

	static class Accounts {

		private final KeyedLock lock;

		private final ReadWriteLock prices;

		Accounts(KeyedLock lock, ReadWriteLock prices) {
			this.lock = lock;
			this.prices = prices;
		}

		@ScopedAsync(value = "account-lock", key = "#id")
		Mono<String> held(String id) {
			return Mono.fromCallable(() -> this.lock.statistics().toString());
		}

		@ScopedAsync(value = "account-lock", key = "#from")
		Mono<String> transfer(String from, String to, Accounts through) {
			return through.held(to);
		}

		@ScopedAsync("prices.read")
		String price() {
			return this.prices.statistics().toString();
		}

	}

}
