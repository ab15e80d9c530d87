package io.scopedasync.sync;

import io.scopedasync.ScopedAsyncException;

/**
 * A barrier was reset or aborted, and its parties don't pass together.
 */
public final class BarrierBrokenException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	BarrierBrokenException(String barrier, String message) {
		super(barrier, message);
	}

}
