package io.scopedasync.micrometer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import io.micrometer.context.ContextRegistry;
import io.micrometer.context.ThreadLocalAccessor;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

import io.scopedasync.ContextCarrier;

/**
 * Carries the thread locals that are registered with a {@link ContextRegistry}. What the
 * calling thread did not carry is absent inside the scope too: a body that runs on the
 * thread of whoever released a permit must not see that caller's.
 * <p>
 * An accessor that throws leaves no other one's value on a foreign thread: those before
 * it are put back, and those behind it also.
 */
public final class SnapshotContextCarrier implements ContextCarrier {

	private final ContextRegistry registry;

	/**
	 * Creates the carrier.
	 * @param registry knows the thread locals
	 */
	public SnapshotContextCarrier(ContextRegistry registry) {
		this.registry = registry;
	}

	@Override
	public @Nullable Object capture() {
		List<ThreadLocalAccessor<?>> accessors = this.registry.getThreadLocalAccessors();
		if (accessors.isEmpty()) {
			return null;
		}
		Map<Object, Object> values = new HashMap<>();
		for (ThreadLocalAccessor<?> accessor : accessors) {
			Object value = accessor.getValue();
			if (value != null) {
				values.put(accessor.key(), value);
			}
		}
		return new Snapshot(values);
	}

	@Override
	public Restored restore(Object captured) {
		Map<Object, Object> values = ((Snapshot) captured).values;
		Replaced replaced = null;
		try {
			for (ThreadLocalAccessor<?> accessor : this.registry.getThreadLocalAccessors()) {
				replaced = new Replaced(accessor, accessor.getValue(), replaced);
				set(accessor, values.get(accessor.key()));
			}
		}
		catch (Throwable ex) {
			try {
				putBack(replaced);
			}
			catch (Throwable another) {
				ex.addSuppressed(another);
			}
			throw ex;
		}
		Replaced last = replaced;
		return () -> putBack(last);
	}

	/** Each of them, whatever another one throws. */
	private static void putBack(@Nullable Replaced last) {
		for (Replaced one = last; one != null; one = one.before) {
			try {
				restore(one.accessor, one.value);
			}
			catch (Throwable ex) {
				try {
					putBack(one.before);
				}
				catch (Throwable another) {
					ex.addSuppressed(another);
				}
				throw ex;
			}
		}
	}

	@SuppressWarnings("unchecked")
	private static void set(ThreadLocalAccessor<?> accessor, @Nullable Object value) {
		if (value != null) {
			((ThreadLocalAccessor<Object>) accessor).setValue(value);
		}
		else {
			accessor.setValue();
		}
	}

	@SuppressWarnings("unchecked")
	private static void restore(ThreadLocalAccessor<?> accessor, @Nullable Object value) {
		if (value != null) {
			((ThreadLocalAccessor<Object>) accessor).restore(value);
		}
		else {
			accessor.restore();
		}
	}

	/**
	 * Adds a snapshot to a Reactor context, in which what the subscriber wrote itself
	 * stays.
	 */
	@Override
	public Context write(Object captured, Context context) {
		Context written = context;
		for (Map.Entry<Object, Object> entry : ((Snapshot) captured).values.entrySet()) {
			if (!context.hasKey(entry.getKey())) {
				written = written.put(entry.getKey(), entry.getValue());
			}
		}
		return written;
	}

	private record Snapshot(Map<Object, Object> values) {

	}

	/** What a thread carried, the latest first. */
	private record Replaced(ThreadLocalAccessor<?> accessor, @Nullable Object value, @Nullable Replaced before) {

	}

}
