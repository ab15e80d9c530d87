package io.scopedasync;

/**
 * What the tasks of a group mean to each other and to their body. Immutable.
 */
public final class TaskPolicy {

	private static final TaskPolicy FAIL_TOGETHER = new TaskPolicy(false, false, 0);

	private static final TaskPolicy SUPERVISING = new TaskPolicy(true, false, 0);

	final boolean supervising;

	final boolean cancelsRest;

	/** 0 for no limit. */
	final int limit;

	private TaskPolicy(boolean supervising, boolean cancelsRest, int limit) {
		this.supervising = supervising;
		this.cancelsRest = cancelsRest;
		this.limit = limit;
	}

	/**
	 * The first task that fails ends the group; the end of the body waits for the tasks.
	 * The policy of every group that names none.
	 * @return the policy
	 */
	public static TaskPolicy failTogether() {
		return FAIL_TOGETHER;
	}

	/**
	 * A task that fails leaves the others and the body alone. Its error is for those who
	 * ask for its {@linkplain Task#result() result}; if nobody had when it failed, it is
	 * logged and counted as an error that no caller hears. A body that fails or is
	 * cancelled still ends all tasks.
	 * @return the policy
	 */
	public static TaskPolicy supervising() {
		return SUPERVISING;
	}

	/**
	 * The same, where a body that completes cancels the tasks that still run and waits
	 * for them only as long as for a release.
	 * @return the new policy
	 */
	public TaskPolicy cancelRest() {
		return new TaskPolicy(this.supervising, true, this.limit);
	}

	/**
	 * The same with a limit on how many tasks run at once. Further ones wait in order of
	 * arrival, without a thread, before they acquire anything.
	 * @param limit at least 1
	 * @return the new policy
	 */
	public TaskPolicy limit(int limit) {
		if (limit < 1) {
			throw new IllegalArgumentException("A limit of " + limit + " lets no task run: give 1 or more.");
		}
		return new TaskPolicy(this.supervising, this.cancelsRest, limit);
	}

}
