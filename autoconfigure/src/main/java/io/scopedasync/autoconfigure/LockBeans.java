package io.scopedasync.autoconfigure;

import io.scopedasync.AsyncResource;
import io.scopedasync.ScopeClock;
import io.scopedasync.ScopeWatcher;
import io.scopedasync.sync.Hold;
import io.scopedasync.sync.KeyedLock;
import io.scopedasync.sync.Lock;
import io.scopedasync.sync.LockBuilder;
import io.scopedasync.sync.ReadWriteLock;

import org.springframework.beans.factory.ObjectProvider;

/**
 * Factory methods of the locks that properties define, as {@link LimiterBeans} has them
 * for limiters.
 */
final class LockBeans {

	static final String LOCK = "lock";

	static final String KEYED_LOCK = "keyedLock";

	static final String READ_WRITE_LOCK = "readWriteLock";

	static final String READ = "read";

	static final String WRITE = "write";

	private LockBeans() {
	}

	static Lock lock(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		return build(Lock.builder(name), name, properties, clock, watcher);
	}

	static KeyedLock keyedLock(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		return build(KeyedLock.builder(name), name, properties, clock, watcher);
	}

	static ReadWriteLock readWriteLock(String name, ScopedAsyncProperties properties, ObjectProvider<ScopeClock> clock,
			ObjectProvider<ScopeWatcher> watcher) {
		return build(ReadWriteLock.builder(name), name, properties, clock, watcher);
	}

	static AsyncResource<Hold> read(ReadWriteLock lock) {
		return lock.read();
	}

	static AsyncResource<Hold> write(ReadWriteLock lock) {
		return lock.write();
	}

	private static <L> L build(LockBuilder<L> builder, String name, ScopedAsyncProperties properties,
			ObjectProvider<ScopeClock> clock, ObjectProvider<ScopeWatcher> watcher) {
		ScopedAsyncProperties.Lock own = properties.getLocks().get(name);
		LockSettings settings = LockSettings.of(name, (own != null) ? own : new ScopedAsyncProperties.Lock(),
				properties.getDefaults().getLock());
		settings.queue().applyTo(builder, clock, watcher);
		return builder.build();
	}

}
