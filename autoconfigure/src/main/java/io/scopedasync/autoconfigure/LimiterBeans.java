package io.scopedasync.autoconfigure;

import io.scopedasync.ScopeClock;
import io.scopedasync.limiter.KeyedLimiter;
import io.scopedasync.limiter.Limiter;
import io.scopedasync.limiter.LimiterBuilder;

import org.springframework.beans.factory.ObjectProvider;

/**
 * Factory methods of the limiters that properties define: named in bean definitions
 * instead of given as functions, so that definitions can be written out ahead of time.
 */
final class LimiterBeans {

	static final String LIMITER = "limiter";

	static final String KEYED_LIMITER = "keyedLimiter";

	private LimiterBeans() {
	}

	static Limiter limiter(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock) {
		return build(Limiter.builder(name), name, properties, clock);
	}

	static KeyedLimiter keyedLimiter(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock) {
		return build(KeyedLimiter.builder(name), name, properties, clock);
	}

	private static <L> L build(LimiterBuilder<L> builder, String name, ScopedAsyncProperties properties,
			ObjectProvider<ScopeClock> clock) {
		ScopedAsyncProperties.Limiter own = properties.getLimiters().get(name);
		LimiterSettings settings = LimiterSettings.of(name, (own != null) ? own : new ScopedAsyncProperties.Limiter(),
				properties.getDefaults().getLimiter());
		builder.permits(settings.permits());
		if (settings.maxWaiting() != null) {
			builder.maxWaiting(settings.maxWaiting());
		}
		if (settings.acquireTimeout() != null) {
			builder.acquireTimeout(settings.acquireTimeout());
		}
		clock.ifAvailable(builder::clock);
		return builder.build();
	}

}
