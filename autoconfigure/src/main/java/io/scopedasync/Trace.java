package io.scopedasync;

import org.jspecify.annotations.Nullable;

/**
 * What is noted of a scope for leak detection, kept out of those that nobody tracks.
 */
final class Trace {

	/** Given by {@link OpenScopes}. */
	long id;

	final @Nullable String thread;

	final @Nullable CallSite callSite;

	/** Made when the scope may be lost, or when one inside it may be. */
	volatile @Nullable OpenRecord record;

	/** Whether the record stands in {@link OpenScopes} instead of the scope. */
	boolean loosened;

	/** What the record knows of the scope's own entry. */
	OpenRecord.@Nullable Held own;

	Trace(@Nullable String thread, @Nullable CallSite callSite) {
		this.thread = thread;
		this.callSite = callSite;
	}

	/** The record, from now on if there was none. */
	OpenRecord record(RunningScope scope) {
		OpenRecord record = this.record;
		if (record == null) {
			synchronized (this) {
				record = this.record;
				if (record == null) {
					record = new OpenRecord(scope, this);
					this.record = record;
				}
			}
		}
		return record;
	}

}
