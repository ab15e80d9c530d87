package io.scopedasync.r2dbc;

import io.r2dbc.spi.Connection;
import reactor.core.publisher.Mono;

import org.springframework.r2dbc.connection.ConnectionFactoryUtils;

/**
 * A connection that nobody else may be lent. A pool takes no word for that, but looks
 * whether what comes back is still connected.
 */
final class Unclean {

	private Unclean() {
	}

	/** Closes what is behind the pool: what then goes back to it is thrown away. */
	static Mono<Void> close(Connection connection) {
		return Mono.defer(() -> Mono.from(ConnectionFactoryUtils.getTargetConnection(connection).close()));
	}

	/** The same, and gives the place in the pool back. */
	static Mono<Void> closeAndGiveBack(Connection connection) {
		return close(connection).onErrorComplete().then(Mono.defer(() -> Mono.from(connection.close())));
	}

}
