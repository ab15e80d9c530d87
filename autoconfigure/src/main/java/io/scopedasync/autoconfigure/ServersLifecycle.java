package io.scopedasync.autoconfigure;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import org.springframework.context.SmartLifecycle;
import reactor.core.publisher.Flux;

import io.scopedasync.server.ServerResource;

/**
 * Stops servers when the application closes, before the scopes: those would wait for one
 * that is served for ever.
 * <p>
 * Nothing starts here: a server runs as long as the scope that holds it.
 */
final class ServersLifecycle implements SmartLifecycle {

	/** After the web server, which may need them, and before the scopes. */
	static final int PHASE = ScopesLifecycle.PHASE + 512;

	private final BooleanSupplier closing;

	private final Supplier<List<ServerResource>> lookup;

	private volatile List<ServerResource> servers = List.of();

	private volatile boolean running;

	/**
	 * Creates the lifecycle.
	 * @param closing whether the application closes, rather than merely stops
	 * @param lookup finds the servers, at the start, when all beans are there
	 */
	ServersLifecycle(BooleanSupplier closing, Supplier<List<ServerResource>> lookup) {
		this.closing = closing;
		this.lookup = lookup;
	}

	@Override
	public void start() {
		this.running = true;
		this.servers = this.lookup.get();
	}

	@Override
	public void stop() {
		stop(() -> {
		});
	}

	@Override
	public void stop(Runnable callback) {
		this.running = false;
		if (!this.closing.getAsBoolean()) {
			callback.run();
			return;
		}
		Flux.fromIterable(this.servers)
			.flatMap(ServerResource::close, Integer.MAX_VALUE)
			.doFinally((signal) -> callback.run())
			.subscribe();
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	@Override
	public int getPhase() {
		return PHASE;
	}

}
