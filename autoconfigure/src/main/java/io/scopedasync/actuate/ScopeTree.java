package io.scopedasync.actuate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

import io.scopedasync.Scope;

/**
 * Open scopes in the order of a tree: each right before the scopes inside it, otherwise
 * in the order given. Without recursion, since scopes nest as deep as calls do.
 */
final class ScopeTree {

	/**
	 * A scope and its place.
	 *
	 * @param scope the scope
	 * @param parent the scope around it, null at a root
	 * @param depth how many scopes are around it
	 */
	record Node(Scope scope, @Nullable Scope parent, int depth) {

	}

	private ScopeTree() {
	}

	/** A scope whose parent is not among them is a root. */
	static List<Node> of(List<Scope> scopes) {
		Set<Scope> open = new HashSet<>(scopes);
		Map<Scope, List<Scope>> children = new HashMap<>();
		Deque<Node> next = new ArrayDeque<>();
		for (Scope scope : scopes) {
			Scope parent = scope.parent();
			if (parent != null && open.contains(parent)) {
				children.computeIfAbsent(parent, (key) -> new ArrayList<>()).add(scope);
			}
			else {
				next.addLast(new Node(scope, null, 0));
			}
		}
		List<Node> nodes = new ArrayList<>(scopes.size());
		while (!next.isEmpty()) {
			Node node = next.removeFirst();
			nodes.add(node);
			List<Scope> inside = children.getOrDefault(node.scope, List.of());
			for (int i = inside.size() - 1; i >= 0; i--) {
				next.addFirst(new Node(inside.get(i), node.scope, node.depth + 1));
			}
		}
		return nodes;
	}

}
