package io.scopedasync.leak;

/**
 * Why a scope counts as leaked.
 */
public enum LeakReason {

	/**
	 * Open for longer than the threshold. It may yet end, and is then reported as
	 * recovered.
	 */
	OVERDUE("overdue"),

	/** Nobody is left who could end it. */
	LOST("lost"),

	/** A release has not ended within the release limit. */
	RELEASE_STUCK("release-stuck"),

	/** A resource arrived after its scope had ended, and was released. */
	LATE("late"),

	/** Something was given back twice. */
	DOUBLE_RELEASE("double-release"),

	/** Something was used after its scope had ended. */
	AFTER_CLOSE("after-close"),

	/** A scope was open still when the one around it ended. */
	OUTLIVED_PARENT("outlived-parent"),

	/**
	 * Scopes waited for each other. The one named was the youngest, whose wait was ended.
	 */
	DEADLOCK("deadlock"),

	/** A response's body was never read. */
	UNREAD_BODY("unread-body"),

	/**
	 * Open still when the application closed, after the shutdown limit, and ended by
	 * force.
	 */
	AT_CLOSE("at-close");

	private final String tag;

	LeakReason(String tag) {
		this.tag = tag;
	}

	/**
	 * Name in meters, logs and pages.
	 * @return the reason in lower case, words joined by a hyphen
	 */
	public String tag() {
		return this.tag;
	}

	@Override
	public String toString() {
		return this.tag;
	}

}
