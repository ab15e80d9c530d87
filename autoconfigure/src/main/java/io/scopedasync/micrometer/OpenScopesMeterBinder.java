package io.scopedasync.micrometer;

import java.time.Duration;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;

/**
 * The age of the oldest open scope, looked up when the meter is read.
 */
public final class OpenScopesMeterBinder implements MeterBinder {

	private final AsyncScopes scopes;

	/**
	 * Creates the binder.
	 * @param scopes whose scopes
	 */
	public OpenScopesMeterBinder(AsyncScopes scopes) {
		this.scopes = scopes;
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		ScopedAsyncMeters.OLDEST.timeGauge(registry, this::oldest);
	}

	private long oldest() {
		Duration oldest = Duration.ZERO;
		for (Scope scope : this.scopes.openScopes()) {
			Duration age = scope.age();
			if (age.compareTo(oldest) > 0) {
				oldest = age;
			}
		}
		return oldest.toNanos();
	}

}
