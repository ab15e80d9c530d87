package io.scopedasync.micrometer;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

import io.scopedasync.Measured;
import io.scopedasync.Measured.Usage;
import io.scopedasync.micrometer.ScopedAsyncMeters.Key;

/**
 * Gauges of what there is only so much of: active, pending, max, idle.
 */
public final class ResourceMeterBinder implements MeterBinder {

	private final Iterable<? extends Measured> measured;

	/**
	 * Creates the binder.
	 * @param measured iterated when a registry is bound, so that it may be made lazily
	 */
	public ResourceMeterBinder(Iterable<? extends Measured> measured) {
		this.measured = measured;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		for (Measured resource : this.measured) {
			String key = Key.NAME.asString();
			String name = resource.name();
			ScopedAsyncMeters.RESOURCE_ACTIVE.gauge(registry, resource, (r) -> r.usage().active(), key, name);
			ScopedAsyncMeters.RESOURCE_PENDING.gauge(registry, resource, (r) -> r.usage().pending(), key, name);
			ScopedAsyncMeters.RESOURCE_MAX.gauge(registry, resource, (r) -> r.usage().max(), key, name);
			ScopedAsyncMeters.RESOURCE_IDLE.gauge(registry, resource, (r) -> r.usage().idle(), key, name);
		}
	}

}
