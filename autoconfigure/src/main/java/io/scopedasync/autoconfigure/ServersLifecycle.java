package io.scopedasync.autoconfigure;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import io.scopedasync.server.ServerResource;

/**
 * Stops servers when the application closes, before the scopes: those would wait for one
 * that is served for ever.
 * <p>
 * Nothing starts here: a server runs as long as the scope that holds it.
 */
final class ServersLifecycle extends AsyncLifecycle {

	/** After the web server, which may need them, and before the scopes. */
	static final int PHASE = ScopesLifecycle.PHASE + 512;

	private final BooleanSupplier closing;

	private final Supplier<List<ServerResource>> lookup;

	private volatile List<ServerResource> servers = List.of();

	/**
	 * Creates the lifecycle.
	 * @param closing whether the application closes, rather than merely stops
	 * @param lookup finds the servers, at the start, when all beans are there
	 */
	ServersLifecycle(BooleanSupplier closing, Supplier<List<ServerResource>> lookup) {
		super(PHASE);
		this.closing = closing;
		this.lookup = lookup;
	}

	@Override
	void begin() {
		this.servers = this.lookup.get();
	}

	@Override
	Mono<Void> end() {
		if (!this.closing.getAsBoolean()) {
			return Mono.empty();
		}
		return Flux.fromIterable(this.servers).flatMap(ServerResource::close, Integer.MAX_VALUE).then();
	}

}
