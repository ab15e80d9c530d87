package io.scopedasync;

import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * Where a scope was opened. Its stack is that of the caller, and is turned into text only
 * if somebody asks.
 */
public final class CallSite extends Throwable {

	private static final long serialVersionUID = 1L;

	private final @Nullable String traceId;

	CallSite(String scope) {
		super("Scope '" + scope + "' was opened here");
		this.traceId = MDC.get("traceId");
	}

	/**
	 * The trace that the caller was part of.
	 * @return what the logging context had as {@code traceId}, null if nothing
	 */
	public @Nullable String traceId() {
		return this.traceId;
	}

}
