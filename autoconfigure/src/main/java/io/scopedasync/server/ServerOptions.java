package io.scopedasync.server;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

import io.scopedasync.AsyncScopes;
import io.scopedasync.ScopeClosedException;
import io.scopedasync.ScopeSpec;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;

/**
 * How a server was configured.
 *
 * @param spec the scope of a connection or a request
 * @param keepAlive whether a connection stays open between what is served on it
 */
record ServerOptions(String name, AsyncScopes scopes, Supplier<Mono<? extends DisposableServer>> bind, ScopeSpec spec,
		boolean keepAlive, boolean bindOnly, int maxConnections, Duration grace, Duration abortAfter,
		Predicate<? super Throwable> stopOn, Consumer<? super List<ServerConnection>> aborted) {

	ScopeClosedException refusal() {
		return new ScopeClosedException(this.name,
				"Server '" + this.name + "' is closed: it neither accepts nor begins anything any more.");
	}

}
