package io.scopedasync.interceptor;

import java.util.List;

import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeSpec;

/**
 * What the annotation on a method asks for, with everything looked up. Immutable, made
 * once per method.
 */
final class ScopedMethod {

	private final AsyncScopes scopes;

	private final Front front;

	/** With all resources, or with none if there is a key. */
	private final ScopeSpec spec;

	private final @Nullable KeyExpression key;

	private final Entry[] entries;

	ScopedMethod(AsyncScopes scopes, Front front, ScopeSpec spec, @Nullable KeyExpression key, List<Entry> entries) {
		this.scopes = scopes;
		this.front = front;
		this.key = key;
		this.entries = entries.toArray(Entry[]::new);
		this.spec = (key != null) ? spec
				: spec.entering(entries.stream().map((entry) -> entry.resource("")).toArray(AsyncResource<?>[]::new));
	}

	@Nullable Object invoke(MethodInvocation invocation) throws Throwable {
		ScopeSpec spec = this.spec;
		if (this.key != null) {
			try {
				spec = keyed(this.key.evaluate(invocation));
			}
			catch (RuntimeException ex) {
				return this.front.failed(ex);
			}
		}
		return this.front.run(this.scopes, spec, invocation);
	}

	private ScopeSpec keyed(Object key) {
		AsyncResource<?>[] resources = new AsyncResource<?>[this.entries.length];
		for (int i = 0; i < resources.length; i++) {
			resources[i] = this.entries[i].resource(key);
		}
		return this.spec.entering(resources);
	}

	/**
	 * One of the resources.
	 */
	@FunctionalInterface
	interface Entry {

		/** The resource to enter, the same for every key unless it is keyed. */
		AsyncResource<?> resource(Object key);

	}

}
