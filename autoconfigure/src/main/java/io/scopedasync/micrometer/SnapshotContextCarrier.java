package io.scopedasync.micrometer;

import io.micrometer.context.ContextRegistry;
import io.micrometer.context.ContextSnapshot;
import io.micrometer.context.ContextSnapshotFactory;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

import io.scopedasync.ContextCarrier;

/**
 * Carries the thread locals that are registered with a {@link ContextRegistry}. What the
 * calling thread did not carry is absent inside the scope too: a body that runs on the
 * thread of whoever released a permit must not see that caller's.
 */
public final class SnapshotContextCarrier implements ContextCarrier {

	private final ContextRegistry registry;

	private final ContextSnapshotFactory snapshots;

	/**
	 * Creates the carrier.
	 * @param registry knows the thread locals
	 */
	public SnapshotContextCarrier(ContextRegistry registry) {
		this.registry = registry;
		this.snapshots = ContextSnapshotFactory.builder().contextRegistry(registry).clearMissing(true).build();
	}

	@Override
	public @Nullable Object capture() {
		return this.registry.getThreadLocalAccessors().isEmpty() ? null : this.snapshots.captureAll();
	}

	@Override
	public Restored restore(Object captured) {
		return ((ContextSnapshot) captured).setThreadLocals()::close;
	}

	/**
	 * Adds a snapshot to a Reactor context, in which what the subscriber wrote itself
	 * stays.
	 */
	@Override
	public Context write(Object captured, Context context) {
		return ((ContextSnapshot) captured).updateContext(context, (key) -> !context.hasKey(key));
	}

}
