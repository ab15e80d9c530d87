package io.scopedasync;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Which scopes are open: linked lists in stripes, so that threads rarely meet. A scope is
 * the node itself, so that entering and leaving allocates nothing, until nothing is left
 * to do but to wait for its body: then its {@link OpenRecord} takes its place, which does
 * not keep it alive.
 */
final class OpenScopes {

	/** Many times the threads that run at once, so that two of them rarely meet. */
	private static final int STRIPES = Integer
		.highestOneBit(Math.max(32, Runtime.getRuntime().availableProcessors() * 8 - 1)) * 2;

	private static final int SHIFT = Integer.numberOfLeadingZeros(STRIPES) + 1;

	/** Fibonacci hashing: numbers in a row, as threads have them, come far apart. */
	private static final int GOLDEN = 0x9E3779B9;

	private static final class Stripe {

		@Nullable ScopeMachine first;

		@Nullable OpenRecord firstRecord;

		/** How many have been added. */
		long count;

		/** Keeps the next stripe out of this one's cache lines: another thread's. */
		@SuppressWarnings("unused")
		private long p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11;

	}

	private final Stripe[] stripes = new Stripe[STRIPES];

	OpenScopes() {
		for (int i = 0; i < STRIPES; i++) {
			this.stripes[i] = new Stripe();
		}
	}

	/** By the scope's driver, once. */
	void add(ScopeMachine scope) {
		int index = (int) Thread.currentThread().getId() * GOLDEN >>> SHIFT;
		Stripe stripe = this.stripes[index];
		synchronized (stripe) {
			ScopeMachine first = stripe.first;
			scope.nextOpen = first;
			if (first != null) {
				first.previousOpen = scope;
			}
			stripe.first = scope;
			if (scope.trace != null) {
				scope.trace.id = ++stripe.count * STRIPES + index;
			}
		}
		scope.stripe = (short) index;
	}

	/** By the scope's driver, after {@link #add}: from now on it may be lost. */
	void loosen(ScopeMachine scope, OpenRecord record) {
		Stripe stripe = this.stripes[scope.stripe];
		synchronized (stripe) {
			unlink(stripe, scope);
			OpenRecord first = stripe.firstRecord;
			record.next = first;
			if (first != null) {
				first.previous = record;
			}
			stripe.firstRecord = record;
		}
	}

	/** By the scope's driver, once, after {@link #add}. */
	void remove(ScopeMachine scope) {
		Stripe stripe = this.stripes[scope.stripe];
		synchronized (stripe) {
			OpenRecord record = scope.record();
			if (record != null && scope.trace != null && scope.trace.loosened) {
				unlink(stripe, record);
			}
			else {
				unlink(stripe, scope);
			}
		}
	}

	private static void unlink(Stripe stripe, ScopeMachine scope) {
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

	private static void unlink(Stripe stripe, OpenRecord record) {
		OpenRecord previous = record.previous;
		OpenRecord next = record.next;
		if (previous == null) {
			stripe.firstRecord = next;
		}
		else {
			previous.next = next;
		}
		if (next != null) {
			next.previous = previous;
		}
		record.previous = null;
		record.next = null;
	}

	boolean isEmpty() {
		for (Stripe stripe : this.stripes) {
			synchronized (stripe) {
				if (stripe.first != null || stripe.firstRecord != null) {
					return false;
				}
			}
		}
		return true;
	}

	/** Those that are not lost. */
	List<RunningScope> snapshot() {
		List<RunningScope> scopes = new ArrayList<>();
		for (Stripe stripe : this.stripes) {
			synchronized (stripe) {
				for (ScopeMachine scope = stripe.first; scope != null; scope = scope.nextOpen) {
					scopes.add((RunningScope) scope);
				}
				for (OpenRecord record = stripe.firstRecord; record != null; record = record.next) {
					RunningScope scope = record.get();
					if (scope != null) {
						scopes.add(scope);
					}
				}
			}
		}
		return scopes;
	}

	/** Takes out those that nobody can reach any more, youngest first. */
	List<OpenRecord> takeLost() {
		List<OpenRecord> lost = new ArrayList<>();
		for (Stripe stripe : this.stripes) {
			synchronized (stripe) {
				OpenRecord record = stripe.firstRecord;
				while (record != null) {
					OpenRecord next = record.next;
					if (record.refersTo(null)) {
						unlink(stripe, record);
						lost.add(record);
					}
					record = next;
				}
			}
		}
		return lost;
	}

}
