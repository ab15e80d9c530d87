package io.scopedasync;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import io.scopedasync.Vertex.Hold;
import io.scopedasync.Vertex.Node;
import io.scopedasync.Vertex.Supply;
import io.scopedasync.Vertex.Wait;

import org.jspecify.annotations.Nullable;

/**
 * Which scopes wait for which at one moment. Made by looking at the open scopes, so that
 * no wait pays for it.
 * <p>
 * A scope that is not seen waiting goes on, and some day lets go of what it holds; so do
 * all whose turn then comes, and those around them. Who is left is stuck. Whatever is not
 * known goes on: what no open scope holds, whatever else a body does.
 */
final class WaitGraph {

	private final Map<RunningScope, Node> nodes = new IdentityHashMap<>();

	/** By identity, then by key. */
	private final Map<Object, Map<@Nullable Object, Supply>> supplies = new IdentityHashMap<>();

	private final Deque<Node> goingOn = new ArrayDeque<>();

	private WaitGraph() {
	}

	/**
	 * Those of the open scopes that can't go on.
	 * @param open the open scopes
	 * @return the stuck ones; where one leads to are stuck ones too
	 */
	static List<Node> stuck(List<RunningScope> open) {
		WaitGraph graph = new WaitGraph();
		open = withParts(open);
		open.forEach(graph::addSupplies);
		if (graph.supplies.isEmpty()) {
			return List.of();
		}
		open.stream().filter(graph::matters).forEach(graph::add);
		List.copyOf(graph.nodes.values()).forEach(graph::addScopesAround);
		graph.supplies.values().forEach((keys) -> keys.values().forEach(graph::addNext));
		graph.nodes.values().forEach(graph::addScopesInside);
		graph.supplies.values().forEach((keys) -> keys.values().forEach(graph::measure));
		graph.spread();
		return graph.nodes.values().stream().filter((node) -> !node.goesOn).toList();
	}

	/** Those too of which nobody knows: each acquires a part of what another one does. */
	private static List<RunningScope> withParts(List<RunningScope> open) {
		List<RunningScope> all = new ArrayList<>(open);
		for (int i = 0; i < all.size(); i++) {
			all.addAll(all.get(i).partsUnderWay());
		}
		return all;
	}

	/** What is held in parts belongs to who holds them together. */
	private static List<Entry> entries(RunningScope scope) {
		ScopeExtras extras = scope.extras;
		List<Entry> entries = new ArrayList<>();
		if (extras != null && extras.stack.top() != null) {
			entries.addAll(extras.stack.snapshot());
		}
		else if (Parts.in(scope.value) == null) {
			return List.of(scope);
		}
		entries.add(scope);
		for (int i = 0; i < entries.size(); i++) {
			Entry entry = entries.get(i);
			Parts parts = (entry.state == Entry.ARRIVED) ? Parts.in(entry.held()) : null;
			if (parts != null) {
				entries.addAll(parts.snapshotHeld());
			}
		}
		return entries;
	}

	private Node node(RunningScope scope) {
		return this.nodes.computeIfAbsent(scope, Node::new);
	}

	/**
	 * Where an entry waits, or what it has a part of; null if nobody is known to wait.
	 */
	private @Nullable Supply supply(Entry entry) {
		DirectResource<?> resource = entry.direct();
		Map<@Nullable Object, Supply> keys = (resource != null) ? this.supplies.get(resource.identity()) : null;
		return (resource != null && keys != null) ? keys.get(resource.key()) : null;
	}

	/**
	 * Of many that wait most hold nothing and have nobody around them: nobody can wait
	 * for those, but in a queue behind them.
	 */
	private void addSupplies(RunningScope scope) {
		ScopeExtras extras = scope.extras;
		if (extras == null || (extras.inParent == null && extras.stack.top() == null)) {
			return;
		}
		for (Entry entry : entries(scope)) {
			DirectResource<?> resource = entry.direct();
			if (resource != null && entry.state == Entry.PENDING) {
				this.supplies.computeIfAbsent(resource.identity(), (identity) -> new HashMap<>())
					.computeIfAbsent(resource.key(), (key) -> new Supply(resource));
			}
		}
	}

	/** Whether somebody can wait for it. */
	private boolean matters(RunningScope scope) {
		return scope.parent() != null
				|| entries(scope).stream().anyMatch((entry) -> entry.state == Entry.ARRIVED && supply(entry) != null);
	}

	private void add(RunningScope scope) {
		for (Entry entry : entries(scope)) {
			int state = entry.state;
			Supply supply = supply(entry);
			if (supply != null && state == Entry.PENDING && direct(entry).isQueued(entry)) {
				Wait wait = new Wait(node(scope), entry, supply, units(entry));
				wait.node().waits.add(wait);
				supply.waits.add(wait);
			}
			else if (supply != null && state == Entry.ARRIVED) {
				Hold hold = new Hold(node(scope.seen()), supply, RawResource.name(entry.resource()), units(entry));
				hold.node().holds.add(hold);
				supply.holds.add(hold);
			}
		}
	}

	/** For the head of a queue those behind it wait, whatever it holds. */
	private void addNext(Supply supply) {
		supply.standing = supply.resource.standing();
		Waiter next = (supply.standing != null) ? supply.standing.next() : null;
		if (next instanceof Entry entry) {
			if (!this.nodes.containsKey(entry.scope())) {
				add(entry.scope());
			}
			supply.waits.stream()
				.filter((wait) -> wait.entry() == entry)
				.findFirst()
				.ifPresent((wait) -> supply.next = wait);
		}
	}

	private static int units(Entry entry) {
		return direct(entry).units();
	}

	/** Of one that has a {@link #supply}. */
	private static DirectResource<?> direct(Entry entry) {
		return Objects.requireNonNull(entry.direct());
	}

	private void addScopesAround(Node waiting) {
		RunningScope around = waiting.scope.parent();
		while (around != null && this.nodes.putIfAbsent(around, new Node(around)) == null) {
			around = around.parent();
		}
	}

	/** What the scope is doing, as far as that can be seen. */
	private void addScopesInside(Node node) {
		RunningScope scope = node.scope;
		int waits = 0;
		boolean acquires = false;
		boolean goesOn = scope.isEnding() || (scope.phase == ScopeState.RUNNING && !scope.mayBodyWait());
		for (Entry entry : entries(scope)) {
			int state = entry.state;
			if (state == Entry.PENDING && entry.direct() != null) {
				waits++;
			}
			else if (state == Entry.PENDING) {
				acquires |= !(WrappedResource.unwrap(entry.resource()) instanceof ParallelResource);
			}
			else if (state == Entry.CHILD) {
				RunningScope child = (RunningScope) entry.value();
				Node inside = this.nodes.get(child);
				if (inside != null && endsAfter(scope, child)) {
					node.inside.add(inside);
				}
				boolean held = !child.isSeen() && child.phase == ScopeState.RUNNING;
				goesOn |= inside == null && child.phase < ScopeState.SETTLED && !held;
			}
		}
		// Before its body, what a scope has inside belongs to what it acquires.
		goesOn |= acquires && (scope.phase != ScopeState.ENTERING || node.inside.isEmpty());
		goesOn |= waits != node.waits.size() || (waits == 0 && node.inside.isEmpty());
		if (goesOn) {
			goOn(node);
		}
	}

	/**
	 * Whether a scope can't end before one inside it. One without a body ends when
	 * somebody closes it, and takes along what else is closed by hand; a group may cancel
	 * what its body has left.
	 */
	private static boolean endsAfter(RunningScope scope, RunningScope inside) {
		if (scope.phase == ScopeState.ENTERING || !inside.isSeen()) {
			return true;
		}
		StartedTask<?> task = inside.task();
		return !scope.isByHand() && !inside.isByHand() && (task == null || !task.group.cancelsRest());
	}

	private void measure(Supply supply) {
		DirectResource.Standing now = supply.standing;
		if (now == null) {
			supply.waits.forEach((wait) -> goOn(wait.node()));
			return;
		}
		long known = 0;
		for (Hold hold : supply.holds) {
			known += hold.units();
		}
		supply.available = now.free() + Math.max(0, now.held() - known);
		supply.waits.sort(Comparator.comparingInt((wait) -> wait.units()));
		for (Wait wait : supply.waits) {
			if (wait.units() > (long) now.free() + now.held()) {
				// Not for a scope but for a larger total.
				goOn(wait.node());
			}
		}
		serve(supply);
	}

	private void goOn(Node node) {
		if (!node.goesOn) {
			node.goesOn = true;
			this.goingOn.add(node);
		}
	}

	private void spread() {
		for (Node node = this.goingOn.poll(); node != null; node = this.goingOn.poll()) {
			for (Hold hold : node.holds) {
				hold.supply().available += hold.units();
				serve(hold.supply());
			}
			for (Wait wait : node.waits) {
				serve(wait.supply());
			}
			RunningScope parent = node.scope.parent();
			Node around = (parent != null) ? this.nodes.get(parent) : null;
			if (around != null) {
				goOn(around);
			}
		}
	}

	/**
	 * Of the queue only its head counts: while it is stuck nobody is served. Once it is
	 * served, the next one is for another look.
	 */
	private void serve(Supply supply) {
		Wait next = supply.next;
		if (next != null && !next.node().goesOn && next.units() > supply.available) {
			return;
		}
		List<Wait> waits = supply.waits;
		while (supply.served < waits.size() && waits.get(supply.served).units() <= supply.available) {
			goOn(waits.get(supply.served++).node());
		}
	}

}
