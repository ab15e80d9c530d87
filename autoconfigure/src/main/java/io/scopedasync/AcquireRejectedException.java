package io.scopedasync;

/**
 * A resource had no room and no place left to wait. Raised at once, nothing was acquired.
 */
public final class AcquireRejectedException extends ScopedAsyncException {

	private static final long serialVersionUID = 1L;

	private final int maxWaiting;

	/**
	 * Creates the error.
	 * @param resource the resource's name
	 * @param maxWaiting the bound that was reached
	 * @param message the whole message
	 */
	public AcquireRejectedException(String resource, int maxWaiting, String message) {
		super(resource, message);
		this.maxWaiting = maxWaiting;
	}

	/**
	 * How many callers may wait.
	 * @return the bound that was reached
	 */
	public int getMaxWaiting() {
		return this.maxWaiting;
	}

}
