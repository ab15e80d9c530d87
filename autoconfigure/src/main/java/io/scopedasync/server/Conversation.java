package io.scopedasync.server;

import java.time.Duration;
import java.time.temporal.ChronoUnit;

import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.channel.ChannelOperations;
import reactor.netty.http.websocket.WebsocketInbound;
import reactor.netty.http.websocket.WebsocketOutbound;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.Scope;

/**
 * What goes on over a web socket after the handshake, which is all that the handler of
 * its request waits for. The request's scope holds it, so that nothing that it works with
 * is released before it is over.
 */
final class Conversation implements AsyncResource<WebsocketOutbound> {

	private static final WebSocketCloseStatus AWAY = WebSocketCloseStatus.ENDPOINT_UNAVAILABLE;

	private final Connection exchange;

	/** There from the handshake on. */
	private volatile @Nullable WebsocketOutbound socket;

	Conversation(Connection exchange) {
		this.exchange = exchange;
	}

	/** The handler and, if it began one, the conversation. */
	Mono<Void> in(Scope scope, Mono<Void> handler) {
		return handler.doOnCancel(() -> {
			if (isBegun()) {
				hangUp().subscribe();
			}
		}).then(Mono.defer(() -> isBegun() ? scope.enter(this).then(closed()) : Mono.empty()));
	}

	boolean isBegun() {
		if (this.socket == null
				&& ChannelOperations.get(this.exchange.channel()) instanceof WebsocketOutbound operations) {
			this.socket = operations;
		}
		return this.socket != null;
	}

	/** With the other side's last word, or without any. */
	private Mono<Void> closed() {
		return (this.socket instanceof WebsocketInbound in)
				? Mono.firstWithSignal(in.receiveCloseStatus().then(), over()) : over();
	}

	private Mono<Void> over() {
		return this.exchange.onTerminate().onErrorComplete();
	}

	/** Does nothing if somebody has, or the client has gone. */
	private Mono<Void> hangUp() {
		WebsocketOutbound out = this.socket;
		return (out != null) ? out.sendClose(AWAY.code(), AWAY.reasonText()).onErrorComplete() : Mono.empty();
	}

	@Override
	public Mono<WebsocketOutbound> acquire() {
		return Mono.justOrEmpty(this.socket);
	}

	@Override
	public Mono<Void> release(WebsocketOutbound out, Exit exit) {
		return hangUp().then(over());
	}

	@Override
	public String name() {
		return "web socket";
	}

	/** As long as they like. */
	@Override
	public Duration leakThreshold() {
		return ChronoUnit.FOREVER.getDuration();
	}

}
