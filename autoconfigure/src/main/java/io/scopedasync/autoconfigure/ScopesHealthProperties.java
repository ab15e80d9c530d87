package io.scopedasync.autoconfigure;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Configuration properties of the health of scopes.
 */
@ConfigurationProperties("scoped-async.health")
public final class ScopesHealthProperties {

	/**
	 * How many overdue scopes are bad health. Any number is good unless set.
	 */
	private @Nullable Integer maxSuspects;

	public @Nullable Integer getMaxSuspects() {
		return this.maxSuspects;
	}

	public void setMaxSuspects(@Nullable Integer maxSuspects) {
		this.maxSuspects = maxSuspects;
	}

}
