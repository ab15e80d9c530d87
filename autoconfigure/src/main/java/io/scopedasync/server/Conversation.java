package io.scopedasync.server;

import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.channel.ChannelOperations;
import reactor.netty.http.websocket.WebsocketInbound;
import reactor.netty.http.websocket.WebsocketOutbound;

import io.scopedasync.Scope;

/**
 * What goes on over a web socket after the handshake, which is all that the handler of
 * its request waits for. The scope of the request waits for the rest as well.
 */
final class Conversation {

	private final Connection exchange;

	private volatile boolean begun;

	Conversation(Connection exchange) {
		this.exchange = exchange;
	}

	/** To be subscribed to once the handler has ended; completes at once without one. */
	Mono<Void> in(Scope scope) {
		return Mono.defer(() -> {
			ChannelOperations<?, ?> operations = ChannelOperations.get(this.exchange.channel());
			if (!(operations instanceof WebsocketInbound in && operations instanceof WebsocketOutbound out)) {
				return Mono.empty();
			}
			this.begun = true;
			Mono<Void> over = this.exchange.onTerminate().onErrorComplete();
			// Nothing that it works with is released before.
			scope.onExit((exit) -> hangUp(out).then(over));
			return Mono.firstWithSignal(in.receiveCloseStatus().then(), over);
		});
	}

	/** Does nothing if somebody has, or the client has gone. */
	private static Mono<Void> hangUp(WebsocketOutbound out) {
		WebSocketCloseStatus away = WebSocketCloseStatus.ENDPOINT_UNAVAILABLE;
		return out.sendClose(away.code(), away.reasonText()).onErrorComplete();
	}

	boolean isBegun() {
		return this.begun;
	}

}
