package io.scopedasync.micrometer;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * Names and keys of the observation of a scope. A bean of this type replaces
 * {@link DefaultScopeObservationConvention}. Asked at the scope's beginning and again at
 * its end, with more to tell.
 */
public interface ScopeObservationConvention extends ObservationConvention<ScopeObservationContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof ScopeObservationContext;
	}

}
