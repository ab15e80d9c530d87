package io.scopedasync.server;

import java.time.Duration;
import java.time.temporal.ChronoUnit;

import io.netty.channel.Channel;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.Connection;
import reactor.netty.channel.ChannelOperations;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.websocket.WebsocketInbound;
import reactor.netty.http.websocket.WebsocketOutbound;

import io.scopedasync.AsyncResource;
import io.scopedasync.Exit;
import io.scopedasync.Scope;

/**
 * What goes on over a web socket after the handshake, which is all that the handler of
 * its request waits for. The request's scope holds it, so that what the scope held before
 * is released after the socket was closed.
 */
final class Conversation implements AsyncResource<Channel> {

	private static final WebSocketCloseStatus AWAY = WebSocketCloseStatus.ENDPOINT_UNAVAILABLE;

	private final Connection exchange;

	private final HttpServerResponse response;

	private final Channel channel;

	Conversation(Connection exchange, HttpServerResponse response) {
		this.exchange = exchange;
		this.response = response;
		this.channel = exchange.channel();
	}

	/** The handler and, if it began one, the conversation. */
	Mono<Void> in(Scope scope, Mono<Void> handler) {
		return handler.doOnCancel(() -> {
			if (isBegun()) {
				hangUp().subscribe();
			}
		}).then(Mono.defer(() -> isBegun() ? scope.enter(this).then(closed()) : Mono.empty()));
	}

	/** Whether the handler has asked for it. */
	boolean isBegun() {
		return this.response.isWebsocket();
	}

	/** With the other side's last word, or without any. */
	private Mono<Void> closed() {
		return onEventLoop(Mono.defer(() -> (ChannelOperations.get(this.channel) instanceof WebsocketInbound in)
				? Mono.firstWithSignal(in.receiveCloseStatus().then(), over()) : over()));
	}

	/** Does nothing if somebody has, or the client has gone. */
	Mono<Void> hangUp() {
		return onEventLoop(Mono.defer(() -> (ChannelOperations.get(this.channel) instanceof WebsocketOutbound out)
				? out.sendClose(AWAY.code(), AWAY.reasonText()) : close()))
			.onErrorComplete();
	}

	/** After the handshake it is bound there, a moment later than others may hear. */
	private Mono<Void> onEventLoop(Mono<Void> task) {
		return task.subscribeOn(Schedulers.fromExecutorService(this.channel.eventLoop()));
	}

	private Mono<Void> over() {
		return this.exchange.onTerminate().onErrorComplete();
	}

	private Mono<Void> close() {
		return Mono.fromRunnable(this.channel::close);
	}

	@Override
	public Mono<Channel> acquire() {
		return Mono.just(this.channel);
	}

	@Override
	public Mono<Void> release(Channel channel, Exit exit) {
		return hangUp().then(over());
	}

	@Override
	public Mono<Void> abort(Channel channel) {
		return close();
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
