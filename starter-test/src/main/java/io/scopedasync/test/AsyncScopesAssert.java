package io.scopedasync.test;

import java.util.List;
import java.util.stream.Collectors;

import org.assertj.core.api.AbstractAssert;

import io.scopedasync.AsyncResource;
import io.scopedasync.AsyncScopes;
import io.scopedasync.Scope;

/**
 * Assertions of which scopes are open.
 */
public final class AsyncScopesAssert extends AbstractAssert<AsyncScopesAssert, AsyncScopes> {

	AsyncScopesAssert(AsyncScopes actual) {
		super(actual, AsyncScopesAssert.class);
	}

	/**
	 * No scope is open.
	 * @return this
	 */
	public AsyncScopesAssert hasNoOpenScopes() {
		List<Scope> open = open();
		if (!open.isEmpty()) {
			failWithMessage("Expected no open scope, but %s", text(open));
		}
		return this;
	}

	/**
	 * So many scopes are open.
	 * @param count how many
	 * @return this
	 */
	public AsyncScopesAssert hasOpenScopes(int count) {
		List<Scope> open = open();
		if (open.size() != count) {
			failWithMessage("Expected %s open scopes, but %s", count, text(open));
		}
		return this;
	}

	/**
	 * At least one scope of a name is open.
	 * @param name the scope's name: of the method or resource it was opened for
	 * @return this
	 */
	public AsyncScopesAssert hasOpenScope(String name) {
		List<Scope> open = open();
		if (open.stream().noneMatch((scope) -> scope.name().equals(name))) {
			failWithMessage("Expected an open scope '%s', but %s", name, text(open));
		}
		return this;
	}

	/**
	 * No scope of a name is open.
	 * @param name the scope's name
	 * @return this
	 */
	public AsyncScopesAssert hasNoOpenScope(String name) {
		List<Scope> open = open().stream().filter((scope) -> scope.name().equals(name)).toList();
		if (!open.isEmpty()) {
			failWithMessage("Expected no open scope '%s', but %s", name, text(open));
		}
		return this;
	}

	/**
	 * At least one open scope holds a resource; one that waits for it does not.
	 * @param resource the resource
	 * @return this
	 */
	public AsyncScopesAssert holds(AsyncResource<?> resource) {
		if (holders(resource).isEmpty()) {
			failWithMessage("Expected '%s' to be held, but no scope holds it: %s", resource.name(), text(open()));
		}
		return this;
	}

	/**
	 * No open scope holds a resource.
	 * @param resource the resource
	 * @return this
	 */
	public AsyncScopesAssert doesNotHold(AsyncResource<?> resource) {
		List<Scope> holders = holders(resource);
		if (!holders.isEmpty()) {
			failWithMessage("Expected '%s' not to be held, but %s", resource.name(), text(holders));
		}
		return this;
	}

	private List<Scope> open() {
		isNotNull();
		return this.actual.openScopes();
	}

	private List<Scope> holders(AsyncResource<?> resource) {
		isNotNull();
		return this.actual.holders(resource).stream().filter((scope) -> scope.find(resource) != null).toList();
	}

	static String text(List<Scope> open) {
		if (open.isEmpty()) {
			return "no scope is open";
		}
		return ((open.size() == 1) ? "1 scope is open:" : open.size() + " scopes are open:")
				+ open.stream().map((scope) -> "\n  - " + Finding.open(scope).text()).collect(Collectors.joining());
	}

}
