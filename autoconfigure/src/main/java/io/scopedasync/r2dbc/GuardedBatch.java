package io.scopedasync.r2dbc;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Result;
import org.reactivestreams.Publisher;

/**
 * A batch that passes a {@link Gate}.
 */
final class GuardedBatch implements Batch {

	private final Batch batch;

	private final Gate gate;

	GuardedBatch(Batch batch, Gate gate) {
		this.batch = batch;
		this.gate = gate;
	}

	@Override
	public Batch add(String sql) {
		this.batch.add(sql);
		return this;
	}

	@Override
	public Publisher<? extends Result> execute() {
		return new GuardedExecution<>(this.batch.execute(), this.gate);
	}

}
