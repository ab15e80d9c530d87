package io.scopedasync;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.scopedasync.Vertex.Hold;
import io.scopedasync.Vertex.Node;
import io.scopedasync.Vertex.Supply;
import io.scopedasync.Vertex.Wait;

/**
 * Puts a deadlock into words. Keys may be secret: they are told apart by numbers.
 */
final class DeadlockWords {

	private final Map<Supply, Integer> keys = new IdentityHashMap<>();

	private final Map<String, Integer> keysOfName = new HashMap<>();

	private DeadlockWords() {
	}

	static Deadlock describe(Wait first, List<Vertex> cycle, List<Node> members) {
		DeadlockWords words = new DeadlockWords();
		List<Deadlock.Member> inCycle = new ArrayList<>();
		Set<Vertex> seen = Collections.newSetFromMap(new IdentityHashMap<>());
		seen.addAll(cycle);
		for (int i = 0; i < cycle.size() - 1; i++) {
			if (cycle.get(i) instanceof Node node && inCycle.size() < Deadlock.LISTED) {
				Vertex next = cycle.get(i + 1);
				inCycle.add(words.member(node, next, (next instanceof Supply) ? cycle.get(i + 2) : next, true));
			}
		}
		List<Deadlock.Member> others = new ArrayList<>();
		for (Node node : members) {
			if (!seen.contains(node) && others.size() < Deadlock.LISTED) {
				Vertex next = node.leadsTo().get(0);
				others.add(words.member(node, next, (next instanceof Supply) ? next.leadsTo().get(0) : next, false));
			}
		}
		return new Deadlock(first.node().scope.seen(), first.entry().resource().name(), List.copyOf(inCycle),
				List.copyOf(others), members.size());
	}

	private Deadlock.Member member(Node node, Vertex next, Vertex scope, boolean inCycle) {
		RunningScope running = node.scope.seen();
		return new Deadlock.Member(running.name(), running.id(), running.age(), running.thread(), running.callSite(),
				node.holds.stream().map(this::held).toList(), waitsFor(node, next, ((Node) scope).scope.seen()),
				inCycle);
	}

	private String held(Hold hold) {
		return units(hold.units(), named(hold.name(), hold.supply()));
	}

	private String waitsFor(Node node, Vertex next, RunningScope scope) {
		String who = Deadlock.Member.who(scope.name(), scope.id());
		for (Wait wait : node.waits) {
			if (wait.blockedBy() == next) {
				String what = units(wait.units(), named(wait.entry().resource().name(), wait.supply()));
				int others = next.leadsTo().size() - 1;
				return (next instanceof Node) ? what + ", in its queue behind " + who : what + ", held by " + who
						+ ((others == 0) ? "" : (others == 1) ? " and another one" : " and " + others + " others");
			}
		}
		return "the scope inside it, " + who;
	}

	private static String units(int units, String what) {
		return (units == 1) ? what : units + " of " + what;
	}

	private String named(String name, Supply supply) {
		if (supply.resource.key() == null) {
			return "'" + name + "'";
		}
		int number = this.keys.computeIfAbsent(supply, (key) -> this.keysOfName.merge(name, 1, Integer::sum));
		return "'" + name + "' (key no. " + number + ")";
	}

}
