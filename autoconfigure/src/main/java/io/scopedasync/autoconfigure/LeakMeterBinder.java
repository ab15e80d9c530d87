package io.scopedasync.autoconfigure;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

import io.scopedasync.leak.LeakReason;
import io.scopedasync.leak.Leaks;
import io.scopedasync.micrometer.ScopedAsyncMeters;
import io.scopedasync.micrometer.ScopedAsyncMeters.Key;

/**
 * Counters of leaks, of every reason from the start. Lives here because neither leaks nor
 * meters know each other.
 */
final class LeakMeterBinder implements MeterBinder {

	private final Leaks leaks;

	LeakMeterBinder(Leaks leaks) {
		this.leaks = leaks;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		for (LeakReason reason : LeakReason.values()) {
			ScopedAsyncMeters.LEAKS.counter(registry, this.leaks, (leaks) -> leaks.count(reason), Key.REASON.asString(),
					reason.tag());
		}
		ScopedAsyncMeters.LEAKS_RECOVERED.counter(registry, this.leaks, Leaks::recovered);
		ScopedAsyncMeters.LEAKED.gauge(registry, this.leaks, Leaks::open);
	}

}
