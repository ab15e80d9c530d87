package io.scopedasync;

import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * Carries thread locals from the call into acquisition, body and release: the port behind
 * which context propagation lives.
 */
public interface ContextCarrier {

	/** Carries nothing. */
	ContextCarrier NONE = new ContextCarrier() {
		@Override
		public @Nullable Object capture() {
			return null;
		}

		@Override
		public Restored restore(Object captured) {
			return () -> {
			};
		}

		@Override
		public Context write(Object captured, Context context) {
			return context;
		}
	};

	/**
	 * Takes what the calling thread carries.
	 * @return the snapshot, null if there is nothing to carry
	 */
	@Nullable Object capture();

	/**
	 * Puts a snapshot back on the calling thread.
	 * @param captured the snapshot
	 * @return closes to what the thread carried before
	 */
	Restored restore(Object captured);

	/**
	 * Adds a snapshot to a Reactor context.
	 * @param captured the snapshot
	 * @param context the context
	 * @return the context with it
	 */
	Context write(Object captured, Context context);

	/**
	 * What {@link #restore} changed, until it is closed on the same thread.
	 */
	@FunctionalInterface
	interface Restored extends AutoCloseable {

		@Override
		void close();

	}

}
