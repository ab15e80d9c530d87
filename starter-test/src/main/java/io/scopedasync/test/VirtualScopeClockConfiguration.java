package io.scopedasync.test;

import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

import io.scopedasync.ScopeClock;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.context.event.ContextClosedEvent;

/**
 * The beans of {@link WithVirtualScopeClock}.
 */
@Configuration(proxyBeanMethods = false)
class VirtualScopeClockConfiguration {

	/** Not closed: what ends after it may still set a timer. */
	@Bean(destroyMethod = "")
	VirtualScopeClock virtualScopeClock() {
		return VirtualScopeClock.create();
	}

	@Bean
	@Primary
	ScopeClock scopeClock(VirtualScopeClock virtual) {
		return virtual.clock();
	}

	@Bean
	AtClose virtualScopeClockAtClose(VirtualScopeClock virtual, ApplicationContext context) {
		return new AtClose(virtual, context);
	}

	/**
	 * The event comes before the scopes are closed, the destruction after.
	 */
	static final class AtClose implements ApplicationListener<ContextClosedEvent>, DisposableBean {

		private final VirtualScopeClock virtual;

		private final ApplicationContext context;

		private @Nullable Disposable running;

		AtClose(VirtualScopeClock virtual, ApplicationContext context) {
			this.virtual = virtual;
			this.context = context;
		}

		@Override
		public void onApplicationEvent(ContextClosedEvent event) {
			// A child context closes by itself.
			if (event.getApplicationContext() == this.context) {
				this.running = this.virtual.run();
			}
		}

		@Override
		public void destroy() {
			if (this.running != null) {
				this.running.dispose();
			}
		}

	}

}
