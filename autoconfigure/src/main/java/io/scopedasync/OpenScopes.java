package io.scopedasync;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Which scopes are open: linked lists in stripes, so that entering and leaving allocates
 * nothing and threads rarely meet. The scopes are the nodes.
 */
final class OpenScopes {

	private static final int STRIPES = Integer
		.highestOneBit(Math.max(4, Runtime.getRuntime().availableProcessors() * 4 - 1)) * 2;

	private static final class Stripe {

		@Nullable ScopeMachine first;

	}

	private final Stripe[] stripes = new Stripe[STRIPES];

	OpenScopes() {
		for (int i = 0; i < STRIPES; i++) {
			this.stripes[i] = new Stripe();
		}
	}

	/** By the scope's driver, once. */
	void add(ScopeMachine scope) {
		long thread = Thread.currentThread().getId();
		int index = (int) (thread ^ (thread >>> 7)) & (STRIPES - 1);
		Stripe stripe = this.stripes[index];
		synchronized (stripe) {
			ScopeMachine first = stripe.first;
			scope.nextOpen = first;
			if (first != null) {
				first.previousOpen = scope;
			}
			stripe.first = scope;
		}
		scope.stripe = (short) index;
	}

	/** By the scope's driver, once, after {@link #add}. */
	void remove(ScopeMachine scope) {
		Stripe stripe = this.stripes[scope.stripe];
		synchronized (stripe) {
			ScopeMachine previous = scope.previousOpen;
			ScopeMachine next = scope.nextOpen;
			if (previous == null) {
				stripe.first = next;
			}
			else {
				previous.nextOpen = next;
			}
			if (next != null) {
				next.previousOpen = previous;
			}
			scope.previousOpen = null;
			scope.nextOpen = null;
		}
	}

	boolean isEmpty() {
		for (Stripe stripe : this.stripes) {
			synchronized (stripe) {
				if (stripe.first != null) {
					return false;
				}
			}
		}
		return true;
	}

	List<RunningScope> snapshot() {
		List<RunningScope> scopes = new ArrayList<>();
		for (Stripe stripe : this.stripes) {
			synchronized (stripe) {
				for (ScopeMachine scope = stripe.first; scope != null; scope = scope.nextOpen) {
					scopes.add((RunningScope) scope);
				}
			}
		}
		return scopes;
	}

}
