package io.scopedasync.autoconfigure;

import reactor.core.publisher.Mono;

import org.springframework.context.SmartLifecycle;

/**
 * A part of the application's life whose end waits on no thread: its phase ends when what
 * it ends has.
 */
abstract class AsyncLifecycle implements SmartLifecycle {

	private final int phase;

	private volatile boolean running;

	AsyncLifecycle(int phase) {
		this.phase = phase;
	}

	abstract void begin();

	/** Never fails: there is nobody to hear of it. */
	abstract Mono<Void> end();

	@Override
	public final void start() {
		// Before: who closes the application meanwhile is to end what has begun.
		this.running = true;
		begin();
	}

	@Override
	public final void stop() {
		stop(() -> {
		});
	}

	@Override
	public final void stop(Runnable callback) {
		this.running = false;
		end().doFinally((signal) -> callback.run()).subscribe();
	}

	@Override
	public final boolean isRunning() {
		return this.running;
	}

	@Override
	public final int getPhase() {
		return this.phase;
	}

}
