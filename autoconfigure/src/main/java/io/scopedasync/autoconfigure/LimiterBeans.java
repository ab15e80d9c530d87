package io.scopedasync.autoconfigure;

import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
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

	static Limiter limiter(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		return build(Limiter.builder(name), name, properties, clock, watcher);
	}

	static KeyedLimiter keyedLimiter(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		return build(KeyedLimiter.builder(name), name, properties, clock, watcher);
	}

	private static <L> L build(LimiterBuilder<L> builder, String name, ScopedAsyncProperties properties,
			ObjectProvider<ScopeClock> clock, ObjectProvider<ScopeWatcher> watcher) {
		ScopedAsyncProperties.Limiter own = properties.getLimiters().get(name);
		LimiterSettings settings = LimiterSettings.of(name, (own != null) ? own : new ScopedAsyncProperties.Limiter(),
				properties.getDefaults().getLimiter());
		settings.queue().applyTo(builder, clock, watcher);
		return builder.permits(settings.permits()).build();
	}

}
