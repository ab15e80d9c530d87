package io.scopedasync.server;

import java.net.SocketAddress;
import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * A connection as others see it.
 *
 * @param remoteAddress who is connected; null where the transport has no addresses
 * @param age how long ago it was accepted
 */
public record ServerConnection(@Nullable SocketAddress remoteAddress, Duration age) {

	@Override
	public String toString() {
		return this.remoteAddress + " (" + this.age.toMillis() + " ms old)";
	}

}
