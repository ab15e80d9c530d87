package io.scopedasync;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * A scope or a resource in a {@link WaitGraph}, which leads to those that it waits for.
 */
abstract class Vertex {

	/** For {@link Knots}, as the four below; 0 before that. */
	int index;

	int lowest;

	boolean unassigned;

	boolean leadsOut;

	@Nullable Iterator<? extends Vertex> ahead;

	/** Where one stuck leads to: stuck ones. */
	abstract List<? extends Vertex> leadsTo();

	static final class Node extends Vertex {

		final RunningScope scope;

		final List<Wait> waits = new ArrayList<>(1);

		final List<Hold> holds = new ArrayList<>(1);

		final List<Node> inside = new ArrayList<>(0);

		boolean goesOn;

		Node(RunningScope scope) {
			this.scope = scope;
		}

		@Override
		List<Vertex> leadsTo() {
			List<Vertex> all = new ArrayList<>(this.waits.size() + this.inside.size());
			this.waits.forEach((wait) -> all.add(wait.blockedBy()));
			all.addAll(this.inside);
			return all;
		}

	}

	/** Something of which there is only so much. */
	static final class Supply extends Vertex {

		final DirectResource<?> resource;

		final List<Wait> waits = new ArrayList<>();

		final List<Hold> holds = new ArrayList<>();

		DirectResource.@Nullable Standing standing;

		/** The head of the queue; null if no open scope is known to be it. */
		@Nullable Wait next;

		/** What is free, or will be. */
		long available;

		int served;

		Supply(DirectResource<?> resource) {
			this.resource = resource;
		}

		@Override
		List<Node> leadsTo() {
			return this.holds.stream().map((hold) -> hold.node).filter((node) -> !node.goesOn).distinct().toList();
		}

	}

	record Wait(Node node, Entry entry, Supply supply, int units) {

		/** The resource that has not enough, or the scope ahead that needs more. */
		Vertex blockedBy() {
			Wait next = this.supply.next;
			return (this.units > this.supply.available || next == null) ? this.supply : next.node;
		}

	}

	record Hold(Node node, Supply supply, String name, int units) {

	}

}
