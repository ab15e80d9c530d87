package io.scopedasync.test;

import org.assertj.core.api.AbstractAssert;
import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncScopes;
import io.scopedasync.limiter.Limiter;

/**
 * Assertions of how many permits of a limiter are in use.
 */
public final class LimiterAssert extends AbstractAssert<LimiterAssert, Limiter> {

	private @Nullable AsyncScopes scopes;

	LimiterAssert(Limiter actual) {
		super(actual, LimiterAssert.class);
	}

	/**
	 * Lets failures name the scopes that hold permits or wait for them.
	 * @param scopes those that use the limiter
	 * @return this
	 */
	public LimiterAssert usedBy(AsyncScopes scopes) {
		this.scopes = scopes;
		return this;
	}

	/**
	 * No permit is in use, and nobody waits.
	 * @return this
	 */
	public LimiterAssert isIdle() {
		Limiter.Statistics now = statistics();
		if (now.borrowed() != 0 || now.waiting() != 0) {
			failWithMessage("Expected limiter '%s' to be idle, but %s", this.actual.name(), text(now));
		}
		return this;
	}

	/**
	 * So many permits are in use.
	 * @param permits how many
	 * @return this
	 */
	public LimiterAssert hasBorrowed(int permits) {
		Limiter.Statistics now = statistics();
		if (now.borrowed() != permits) {
			failWithMessage("Expected limiter '%s' to have %s permits in use, but %s", this.actual.name(), permits,
					text(now));
		}
		return this;
	}

	/**
	 * So many callers wait.
	 * @param callers how many
	 * @return this
	 */
	public LimiterAssert hasWaiting(int callers) {
		Limiter.Statistics now = statistics();
		if (now.waiting() != callers) {
			failWithMessage("Expected limiter '%s' to have %s waiting, but %s", this.actual.name(), callers, text(now));
		}
		return this;
	}

	private Limiter.Statistics statistics() {
		isNotNull();
		return this.actual.statistics();
	}

	private String text(Limiter.Statistics now) {
		return "it has " + now
				+ ((this.scopes != null) ? ", and " + AsyncScopesAssert.text(this.scopes.holders(this.actual))
						: "; usedBy(scopes) would name who uses it");
	}

}
