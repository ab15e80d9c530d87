package io.scopedasync.autoconfigure;

/**
 * What a limiter is made of: its own properties, then the defaults, checked.
 *
 * @param permits at least 1
 * @param queue who may wait
 */
record LimiterSettings(int permits, QueueSettings queue) {

	static final String PREFIX = "scoped-async.limiters";

	static final String DEFAULTS = "scoped-async.defaults.limiter";

	/**
	 * Checks the properties of a limiter.
	 * @throws InvalidSettingException if they are not those of any limiter
	 */
	static LimiterSettings of(String name, ScopedAsyncProperties.Limiter own, ScopedAsyncProperties.Limiter defaults) {
		ResourceNames.requireUsable("limiter", PREFIX, name);
		Setting.Sources<ScopedAsyncProperties.Limiter> sources = new Setting.Sources<>(own, PREFIX + "." + name,
				defaults, DEFAULTS);
		Setting<Integer> permits = sources.get("permits", ScopedAsyncProperties.Limiter::getPermits);
		if (permits.value() == null) {
			throw new InvalidSettingException(
					"Limiter '" + name + "' has no permits: " + permits.property() + " is missing",
					"Say how many scopes may hold a permit at once, " + permits.property()
							+ "=10 for instance, or for all limiters " + DEFAULTS + ".permits.");
		}
		if (permits.value() < 1) {
			throw new InvalidSettingException(
					permits.property() + " is " + permits.value() + ", so nobody would ever enter",
					"Write 1 at least.");
		}
		return new LimiterSettings(permits.value(), QueueSettings.of(sources));
	}

}
