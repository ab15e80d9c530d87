package io.scopedasync.leak;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Exit;
import io.scopedasync.Scope;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeSpec;
import io.scopedasync.annotation.ScopedAsync;
import io.scopedasync.autoconfigure.ScopedAsyncAutoConfiguration;
import io.scopedasync.autoconfigure.ScopedAsyncLeakDetectionAutoConfiguration;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * From which age on a scope is overdue, and who says so.
 */
class LeakThresholdTests {

	private static final Duration HOUR = Duration.ofHours(1);

	private static final Duration MINUTE = Duration.ofMinutes(1);

	private final AsyncScopes scopes = AsyncScopes.builder().tracked(true).build();

	private static AsyncResource<String> resource(Duration threshold) {
		return new AsyncResource<>() {

			@Override
			public Mono<String> acquire() {
				return Mono.just("held");
			}

			@Override
			public Mono<Void> release(String value, Exit exit) {
				return Mono.empty();
			}

			@Override
			public Duration leakThreshold() {
				return threshold;
			}

		};
	}

	private Duration of(ScopeSpec spec) {
		Disposable call = this.scopes.with(spec, (scope) -> Mono.never()).subscribe();
		Duration threshold = this.scopes.openScopes().get(0).leakThreshold();
		call.dispose();
		return threshold;
	}

	@Test
	void isUnsaidUnlessSomebodySaysIt() {
		assertThat(of(ScopeSpec.of("plain").entering(AsyncResource.just("x")))).isNull();
	}

	@Test
	void isTheShortestOfWhatIsHeld() {
		AsyncResource<String> endless = resource(ChronoUnit.FOREVER.getDuration());
		assertThat(of(ScopeSpec.of("one").entering(AsyncResource.just("x"), endless)))
			.isEqualTo(ChronoUnit.FOREVER.getDuration());
		assertThat(of(ScopeSpec.of("two").entering(resource(HOUR), resource(MINUTE), endless))).isEqualTo(MINUTE);
	}

	@Test
	void isThatOfWhatIsWrapped() {
		AsyncResource<String> hour = resource(HOUR);
		assertThat(of(ScopeSpec.of("named").entering(hour.named("other")))).isEqualTo(HOUR);
		assertThat(of(ScopeSpec.of("mapped").entering(hour.map(String::length)))).isEqualTo(HOUR);
		Limiter limiter = Limiter.builder("limiter").permits(3).leakThreshold(MINUTE).build();
		assertThat(of(ScopeSpec.of("permits").entering(limiter.permits(2)))).isEqualTo(MINUTE);
		KeyedLimiter keyed = KeyedLimiter.builder("keyed").permits(1).leakThreshold(HOUR).build();
		assertThat(of(ScopeSpec.of("keyed").entering(keyed.forKey("a")))).isEqualTo(HOUR);
	}

	@Test
	void isThatOfTheScopeBeforeAllOthers() {
		assertThat(of(ScopeSpec.of("scope").leakThreshold(HOUR).entering(resource(MINUTE)))).isEqualTo(HOUR);
	}

	@Test
	void knowsTheKeysOfWhatItHolds() {
		KeyedLimiter keyed = KeyedLimiter.builder("tenants").permits(1).build();
		Disposable call = this.scopes
			.with(ScopeSpec.of("keyed").entering(AsyncResource.just("x"), keyed.forKey("acme")),
					(scope) -> Mono.never())
			.subscribe();
		Scope scope = this.scopes.openScopes().get(0);
		assertThat(scope.keys()).containsOnlyKeys("tenants").containsValue("acme");
		assertThat(scope.id()).isPositive();
		assertThat(scope.thread()).isEqualTo(Thread.currentThread().getName());
		call.dispose();
	}

	@Test
	void isReadFromAnnotationAndProperties() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(ScopedAsyncAutoConfiguration.class,
					ScopedAsyncLeakDetectionAutoConfiguration.class))
			.withPropertyValues("scoped-async.limiters.limit.permits=9",
					"scoped-async.limiters.limit.leak-threshold=5m", "scoped-async.leak-detection.level=advanced")
			.withBean(Service.class)
			.run((context) -> {
				Service service = context.getBean(Service.class);
				AsyncScopes scopes = context.getBean(AsyncScopes.class);
				List<Disposable> calls = List.of(service.endless().subscribe(), service.hour().subscribe(),
						service.unsaid().subscribe());
				assertThat(scopes.openScopes()).extracting(Scope::leakThreshold)
					.containsExactlyInAnyOrder(ChronoUnit.FOREVER.getDuration(), HOUR, Duration.ofMinutes(5));
				assertThat(scopes.openScopes()).allSatisfy((scope) -> {
					assertThat(scope.callSite()).isNotNull();
					assertThat(scope.callSite().getStackTrace())
						.anyMatch((frame) -> frame.getMethodName().contains("isReadFromAnnotationAndProperties"));
				});
				calls.forEach(Disposable::dispose);
			});
	}

	@Test
	void keepsTheCallSiteOfOneInSoMany() {
		CallSites sites = CallSites.oneIn(64, ScopeClock.system());
		int kept = 0;
		for (int i = 0; i < 20_000; i++) {
			kept += sites.samples("load") ? 1 : 0;
		}
		assertThat(kept).isBetween(150, 600);
	}

	@Test
	void keepsTheCallSiteOfAllThatWereSuspect() {
		CallSites sites = CallSites.oneIn(1_000_000_000, ScopeClock.system());
		sites.leaked(Leak.of(LeakReason.LATE, "load", "late"));
		assertThat(sites.samples("load")).isTrue();
		assertThat(sites.samples("other")).isFalse();
	}

	@Test
	void keepsNoMoreCallSitesThanThereMayBeInASecond() {
		VirtualTimeScheduler time = VirtualTimeScheduler.create();
		CallSites sites = CallSites.oneIn(1, ScopeClock.of(time));
		for (int second = 0; second < 3; second++) {
			int kept = 0;
			for (int i = 0; i < 5000; i++) {
				kept += sites.samples("load") ? 1 : 0;
			}
			assertThat(kept).isEqualTo(CallSites.PER_SECOND);
			time.advanceTimeBy(Duration.ofSeconds(1));
		}
		assertThat(CallSites.all().samples("load")).isTrue();
	}

	static class Service {

		@ScopedAsync(value = "limit", leakThreshold = "never")
		public Mono<Void> endless() {
			return Mono.never();
		}

		@ScopedAsync(value = "limit", leakThreshold = "1h")
		public Mono<Void> hour() {
			return Mono.never();
		}

		@ScopedAsync("limit")
		public Mono<Void> unsaid() {
			return Mono.never();
		}

	}

}
