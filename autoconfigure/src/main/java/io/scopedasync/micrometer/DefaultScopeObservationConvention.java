package io.scopedasync.micrometer;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import org.jspecify.annotations.Nullable;

import io.scopedasync.Exit;
import io.scopedasync.micrometer.ScopedAsyncObservations.HighCardinalityKey;
import io.scopedasync.micrometer.ScopedAsyncObservations.LowCardinalityKey;

/**
 * What {@link ScopedAsyncObservations#SCOPE} says of the observation of a scope.
 */
public final class DefaultScopeObservationConvention implements ScopeObservationConvention {

	static final DefaultScopeObservationConvention INSTANCE = new DefaultScopeObservationConvention();

	@Override
	public String getName() {
		return ScopedAsyncObservations.SCOPE.getName();
	}

	@Override
	public String getContextualName(ScopeObservationContext context) {
		return "scope " + context.getScopeName();
	}

	@Override
	public KeyValues getLowCardinalityKeyValues(ScopeObservationContext context) {
		return KeyValues.of(LowCardinalityKey.NAME.withValue(context.getScopeName()),
				LowCardinalityKey.EXIT.withValue(exit(context.getExit())));
	}

	@Override
	public KeyValues getHighCardinalityKeyValues(ScopeObservationContext context) {
		long id = context.getScopeId();
		return KeyValues.of(HighCardinalityKey.RESOURCES.withValue(String.join(",", context.getResources())),
				HighCardinalityKey.SCOPE_ID.withValue((id != 0) ? Long.toString(id) : KeyValue.NONE_VALUE));
	}

	private static String exit(@Nullable Exit exit) {
		if (exit == null) {
			return KeyValue.NONE_VALUE;
		}
		return (exit instanceof Exit.Completed) ? "completed" : (exit instanceof Exit.Failed) ? "failed" : "cancelled";
	}

}
