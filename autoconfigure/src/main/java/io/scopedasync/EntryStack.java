package io.scopedasync;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The exit stack above a scope's first resource. Any entry may leave it early, and none
 * is kept when it does.
 */
final class EntryStack {

	/** Written under the lock of this. */
	private volatile @Nullable StackedEntry top;

	@Nullable StackedEntry top() {
		return this.top;
	}

	synchronized void push(StackedEntry entry) {
		StackedEntry top = this.top;
		entry.below = top;
		if (top != null) {
			top.above = entry;
		}
		this.top = entry;
	}

	/** As the next one after what is being released at the top, if anything is. */
	synchronized void pushNext(StackedEntry entry) {
		StackedEntry top = this.top;
		if (top == null || !top.isBeingReleased()) {
			push(entry);
			return;
		}
		StackedEntry below = top.below;
		entry.above = top;
		entry.below = below;
		top.below = entry;
		if (below != null) {
			below.above = entry;
		}
	}

	/** Forgets an entry, wherever it stands and whether or not it is still here. */
	synchronized void remove(StackedEntry entry) {
		StackedEntry above = entry.above;
		StackedEntry below = entry.below;
		if (above != null) {
			above.below = below;
		}
		else if (this.top == entry) {
			this.top = below;
		}
		if (below != null) {
			below.above = above;
		}
		entry.above = null;
		entry.below = null;
	}

	/** From the top down. */
	synchronized List<StackedEntry> snapshot() {
		List<StackedEntry> entries = new ArrayList<>();
		for (StackedEntry entry = this.top; entry != null; entry = entry.below) {
			entries.add(entry);
		}
		return entries;
	}

	synchronized @Nullable StackedEntry holder(Object identity) {
		for (StackedEntry entry = this.top; entry != null; entry = entry.below) {
			if (entry.holds(identity)) {
				return entry;
			}
		}
		return null;
	}

}
