package io.scopedasync;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.scopedasync.Vertex.Node;
import io.scopedasync.Vertex.Wait;

/**
 * Looks for scopes that wait for each other, and ends the wait of the youngest. Acts only
 * on what two looks in a row have seen: a look is no single moment, and what a body does
 * beside its inner scopes is not seen at all.
 */
final class DeadlockSearch {

	/** The waits found by the look before; keeps no scope alive. */
	private Set<Entry> seen = Set.of();

	void run(List<RunningScope> open, Consumer<? super Deadlock> found) {
		for (Stream<Broken> candidates : look(open)) {
			candidates.filter((broken) -> broken.entry.withdrawDirectly())
				.findFirst()
				.ifPresent((broken) -> end(broken, found));
		}
	}

	private static void end(Broken broken, Consumer<? super Deadlock> found) {
		try {
			found.accept(broken.deadlock);
		}
		finally {
			broken.entry.refuse(new DeadlockException(broken.deadlock));
		}
	}

	/** For each deadlock the waits that would end it, the youngest scope's first. */
	private synchronized List<Stream<Broken>> look(List<RunningScope> open) {
		List<Stream<Broken>> broken = new ArrayList<>();
		Set<Entry> seenNow = Collections.newSetFromMap(new WeakHashMap<>());
		for (List<Vertex> knot : Knots.of(WaitGraph.stuck(open))) {
			List<Node> members = knot.stream().filter(Node.class::isInstance).map(Node.class::cast).toList();
			List<Entry> waits = members.stream().flatMap((node) -> node.waits.stream()).map(Wait::entry).toList();
			if (this.seen.containsAll(waits)) {
				broken.add(untie(members));
			}
			seenNow.addAll(waits);
		}
		this.seen = seenNow;
		return broken;
	}

	/**
	 * Not every wait can be taken back: who was woken must have its lock again. Lazy,
	 * since mostly the first one can.
	 */
	private static Stream<Broken> untie(List<Node> members) {
		return members.stream()
			.filter((node) -> !node.waits.isEmpty())
			.sorted(Comparator.comparingLong((Node node) -> node.scope.since)
				.thenComparing((node) -> node.scope.id())
				.reversed())
			.map((node) -> untie(node, members));
	}

	private static Broken untie(Node node, List<Node> members) {
		List<Vertex> cycle = cycle(node);
		Wait wait = node.waits.stream().filter((one) -> one.blockedBy() == cycle.get(1)).findFirst().orElseThrow();
		return new Broken(wait.entry(), DeadlockWords.describe(wait, cycle, members));
	}

	/**
	 * The shortest way from a scope's waits back to it, beginning and ending with it.
	 */
	private static List<Vertex> cycle(Node start) {
		Map<Vertex, Vertex> from = new IdentityHashMap<>();
		Deque<Vertex> next = new ArrayDeque<>();
		for (Wait wait : start.waits) {
			if (from.putIfAbsent(wait.blockedBy(), start) == null) {
				next.add(wait.blockedBy());
			}
		}
		while (!from.containsKey(start)) {
			Vertex vertex = next.remove();
			for (Vertex ahead : vertex.leadsTo()) {
				if (from.putIfAbsent(ahead, vertex) == null) {
					next.add(ahead);
				}
			}
		}
		List<Vertex> cycle = new ArrayList<>(List.of(start));
		Vertex vertex = start;
		do {
			vertex = Objects.requireNonNull(from.get(vertex));
			cycle.add(vertex);
		}
		while (vertex != start);
		Collections.reverse(cycle);
		return cycle;
	}

	private record Broken(Entry entry, Deadlock deadlock) {

	}

}
