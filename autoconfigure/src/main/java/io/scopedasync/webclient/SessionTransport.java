package io.scopedasync.webclient;

import java.util.function.UnaryOperator;

import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

import org.springframework.http.client.reactive.ClientHttpConnector;

/**
 * How a session reaches the network: where proxy, TLS and protocol are decided.
 */
@FunctionalInterface
public interface SessionTransport {

	/**
	 * Makes the connector of a new session. Called on a thread that may block.
	 * @param connections the session's own connections, from which the client is to be
	 * created
	 * @param session what the session itself sets on the client, to be applied after
	 * everything else
	 * @return a connector on Reactor Netty
	 */
	ClientHttpConnector connector(ConnectionProvider connections, UnaryOperator<HttpClient> session);

}
