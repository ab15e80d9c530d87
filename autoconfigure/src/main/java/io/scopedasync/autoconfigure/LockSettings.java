package io.scopedasync.autoconfigure;

/**
 * What a lock is made of: its own properties, then the defaults, checked.
 *
 * @param readWrite whether it is a read-write lock
 * @param queue who may wait
 */
record LockSettings(boolean readWrite, QueueSettings queue) {

	static final String PREFIX = "scoped-async.locks";

	static final String DEFAULTS = "scoped-async.defaults.lock";

	/**
	 * Checks the properties of a lock.
	 * @throws InvalidSettingException if they are not those of any lock
	 */
	static LockSettings of(String name, ScopedAsyncProperties.Lock own, ScopedAsyncProperties.Lock defaults) {
		ResourceNames.requireUsable("lock", PREFIX, name);
		Setting.Sources<ScopedAsyncProperties.Lock> sources = new Setting.Sources<>(own, PREFIX + "." + name, defaults,
				DEFAULTS);
		Setting<Boolean> readWrite = sources.get("read-write", ScopedAsyncProperties.Lock::getReadWrite);
		QueueSettings queue = QueueSettings.of(sources);
		if (Boolean.TRUE.equals(readWrite.value()) && queue.keyed()) {
			throw new InvalidSettingException(
					"Lock '" + name + "' is keyed, and " + readWrite.property() + " is true: there is no such lock",
					"Remove one of the two.");
		}
		return new LockSettings(Boolean.TRUE.equals(readWrite.value()), queue);
	}

}
