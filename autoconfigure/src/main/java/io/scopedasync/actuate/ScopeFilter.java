package io.scopedasync.actuate;

import java.time.Duration;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

import io.scopedasync.Scope;

/**
 * Which of the open scopes are asked for.
 *
 * @param name part of the name, in lower case
 * @param state the state, null for all
 * @param minAge the least age
 * @param limit how many are listed at most
 */
record ScopeFilter(String name, Scope.@Nullable State state, Duration minAge, int limit) {

	static final int DEFAULT_LIMIT = 1000;

	static ScopeFilter of(@Nullable String name, @Nullable String state, @Nullable String minAge,
			@Nullable String limit) {
		return new ScopeFilter((name != null) ? name.toLowerCase(Locale.ROOT) : "",
				(state != null) ? new Input("state", state).state() : null,
				(minAge != null) ? new Input("minAge", minAge).duration(true, "30s") : Duration.ZERO,
				(limit != null) ? new Input("limit", limit).number("100") : DEFAULT_LIMIT);
	}

	boolean accepts(Scope scope, Scope.State state) {
		return (this.state == null || this.state == state) && scope.name().toLowerCase(Locale.ROOT).contains(this.name)
				&& scope.age().compareTo(this.minAge) >= 0;
	}

}
