package io.scopedasync.autoconfigure;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.NoneNestedConditions;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;

import io.scopedasync.AsyncScopes;
import io.scopedasync.CallSiteSampler;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import io.scopedasync.leak.CallSites;
import io.scopedasync.leak.LeakDetector;
import io.scopedasync.leak.LeakListener;
import io.scopedasync.leak.LeakWatcher;
import io.scopedasync.leak.Leaks;

/**
 * {@link EnableAutoConfiguration Auto-configuration} for leak detection. What is found is
 * reported also where looking for it is disabled: a scope that had to be ended at close,
 * for instance.
 */
@AutoConfiguration(after = ScopedAsyncAutoConfiguration.class)
@ConditionalOnBean(AsyncScopes.class)
@EnableConfigurationProperties(ScopedAsyncProperties.class)
public final class ScopedAsyncLeakDetectionAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	Leaks scopedAsyncLeaks(ObjectProvider<LeakListener> listeners) {
		return new Leaks(listeners.orderedStream().toList());
	}

	@Bean
	@ConditionalOnMissingBean(ScopeWatcher.class)
	LeakWatcher scopedAsyncLeakWatcher(Leaks leaks) {
		return new LeakWatcher(leaks);
	}

	@Bean
	@ConditionalOnMissingBean(CallSiteSampler.class)
	@Conditional(DetectionEnabled.class)
	CallSites scopedAsyncCallSites(ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock) {
		ScopedAsyncProperties.LeakDetection detection = properties.getLeakDetection();
		if (detection.getSamplingInterval() < 1) {
			throw new InvalidSettingException(
					"scoped-async.leak-detection.sampling-interval is " + detection.getSamplingInterval(),
					"Write 1 to keep where each scope was opened, or 64 for one in 64.");
		}
		ScopeClock time = clock.getIfAvailable(ScopeClock::system);
		return switch (detection.getLevel()) {
			case PARANOID -> CallSites.all();
			case ADVANCED -> CallSites.oneIn(1, time);
			default -> CallSites.oneIn(detection.getSamplingInterval(), time);
		};
	}

	@Bean
	@ConditionalOnMissingBean
	@Conditional(DetectionEnabled.class)
	LeakDetector scopedAsyncLeakDetector(AsyncScopes scopes, Leaks leaks, ObjectProvider<ScopeClock> clock,
			ScopedAsyncProperties properties) {
		ScopedAsyncProperties.LeakDetection detection = properties.getLeakDetection();
		Durations.requirePositive("scoped-async.leak-detection.threshold", detection.getThreshold());
		Durations.requirePositive("scoped-async.leak-detection.sweep-interval", detection.getSweepInterval());
		return new LeakDetector(scopes, leaks, clock.getIfAvailable(ScopeClock::system), detection.getThreshold(),
				detection.getSweepInterval());
	}

	static final class DetectionEnabled extends NoneNestedConditions {

		DetectionEnabled() {
			super(ConfigurationPhase.REGISTER_BEAN);
		}

		@ConditionalOnProperty(name = "scoped-async.leak-detection.level", havingValue = "disabled")
		static final class Disabled {

		}

	}

}
