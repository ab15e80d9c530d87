package io.scopedasync;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

import io.scopedasync.Vertex.Node;

import org.jspecify.annotations.Nullable;

/**
 * Finds those that lead to each other and to nobody else: Tarjan's strongly connected
 * components, of which only those count that nothing leads out of. Who merely waits
 * behind one is in none.
 */
final class Knots {

	private final List<List<Vertex>> found = new ArrayList<>();

	/** From the first one to the one being looked at. */
	private final Deque<Vertex> path = new ArrayDeque<>();

	private final Deque<Vertex> unassigned = new ArrayDeque<>();

	private int count;

	private Knots() {
	}

	static List<List<Vertex>> of(List<Node> stuck) {
		Knots knots = new Knots();
		for (Node node : stuck) {
			if (node.index == 0) {
				knots.visit(node);
			}
		}
		return knots.found;
	}

	private void visit(Vertex first) {
		enter(first);
		for (Vertex vertex = this.path.peek(); vertex != null; vertex = this.path.peek()) {
			if (vertex.ahead != null && vertex.ahead.hasNext()) {
				Vertex next = vertex.ahead.next();
				if (next.index == 0) {
					enter(next);
				}
				else {
					learn(vertex, next, next.index);
				}
			}
			else {
				vertex.ahead = null;
				leave(this.path.pop(), this.path.peek());
			}
		}
	}

	private void enter(Vertex vertex) {
		vertex.index = ++this.count;
		vertex.lowest = vertex.index;
		vertex.unassigned = true;
		vertex.ahead = vertex.leadsTo().iterator();
		this.path.push(vertex);
		this.unassigned.push(vertex);
	}

	private void leave(Vertex vertex, @Nullable Vertex before) {
		if (vertex.lowest == vertex.index) {
			List<Vertex> component = new ArrayList<>();
			boolean leadsOut = false;
			while (vertex.unassigned) {
				Vertex one = this.unassigned.pop();
				one.unassigned = false;
				leadsOut |= one.leadsOut;
				component.add(one);
			}
			if (!leadsOut && component.size() > 1) {
				this.found.add(component);
			}
		}
		if (before != null) {
			learn(before, vertex, vertex.lowest);
		}
	}

	private static void learn(Vertex vertex, Vertex next, int lowest) {
		if (next.unassigned) {
			vertex.lowest = Math.min(vertex.lowest, lowest);
		}
		else {
			vertex.leadsOut = true;
		}
	}

}
