package io.scopedasync.test;

import io.scopedasync.AsyncScopes;
import io.scopedasync.leak.Leaks;
import io.scopedasync.limiter.Limiter;

/**
 * Assertions whose failures name what is open. To be imported statically, beside those of
 * AssertJ. They look once: what is about to happen is waited for by the caller, with
 * Awaitility for instance.
 */
public final class ScopedAsyncAssertions {

	private ScopedAsyncAssertions() {
	}

	/**
	 * Begins an assertion of which scopes are open.
	 * @param actual the scopes
	 * @return the assertions
	 */
	public static AsyncScopesAssert assertThat(AsyncScopes actual) {
		return new AsyncScopesAssert(actual);
	}

	/**
	 * Begins an assertion of how many permits are in use.
	 * @param actual the limiter
	 * @return the assertions
	 */
	public static LimiterAssert assertThat(Limiter actual) {
		return new LimiterAssert(actual);
	}

	/**
	 * Begins an assertion of what was reported.
	 * @param actual the reports
	 * @return the assertions
	 */
	public static LeaksAssert assertThat(Leaks actual) {
		return new LeaksAssert(actual);
	}

	/**
	 * Begins an assertion of whether the {@code @ScopedAsync} advice is on.
	 * @param bean a bean, as the application context hands it out
	 * @return the assertions
	 */
	public static ScopedBeanAssert assertThatScoped(Object bean) {
		return new ScopedBeanAssert(bean);
	}

}
