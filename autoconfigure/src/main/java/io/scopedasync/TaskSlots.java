package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * How many tasks of a group may run at once: each holds a slot.
 */
final class TaskSlots extends DirectResource<TaskSlots> implements TaskResource {

	private final WaitQueue waiting = new WaitQueue();

	private int free;

	TaskSlots(String group, int limit) {
		super("slot of '" + group + "'");
		this.free = limit;
	}

	@Override
	protected synchronized @Nullable TaskSlots attempt(Waiter waiter) {
		if (this.free > 0) {
			this.free--;
			return this;
		}
		this.waiting.add(waiter, 1, 0);
		return null;
	}

	@Override
	protected synchronized boolean withdraw(Waiter waiter) {
		return this.waiting.remove(waiter);
	}

	@Override
	protected void giveBack(TaskSlots slot) {
		Waiter next;
		synchronized (this) {
			next = this.waiting.peek();
			if (next == null) {
				this.free++;
				return;
			}
			this.waiting.remove(next);
		}
		next.grant(this);
	}

}
