package io.scopedasync.server;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.ServerChannel;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.scopedasync.ScopeClosedException;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.Connection;
import reactor.netty.NettyInbound;
import reactor.netty.NettyOutbound;
import reactor.netty.NettyPipeline;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.tcp.TcpServer;

/**
 * Puts what serves into the scopes of its connection.
 */
final class Handlers {

	private Handlers() {
	}

	static TcpServer of(TcpServer server,
			BiFunction<? super NettyInbound, ? super NettyOutbound, ? extends Publisher<Void>> handler) {
		return server.handle((in, out) -> {
			OpenConnection connection = OpenConnection.of(connection(in).channel());
			return connection.serve((scope) -> handler.apply(in, out), null).onErrorComplete();
		});
	}

	static HttpServer of(HttpServer server,
			BiFunction<? super HttpServerRequest, ? super HttpServerResponse, ? extends Publisher<Void>> handler) {
		return server.handle((request, response) -> {
			Connection exchange = connection(request);
			OpenConnection connection = OpenConnection.of(exchange.channel());
			LastResponse.install(exchange.channel(), connection);
			Conversation conversation = new Conversation(exchange, response);
			return connection
				.serve((scope) -> conversation.in(scope, Mono.fromDirect(handler.apply(request, response))),
						exchange.onTerminate())
				.onErrorResume(ScopeClosedException.class, (error) -> conversation.isBegun() ? conversation.hangUp()
						: response.hasSentHeaders() ? Mono.error(error) : unavailable(response));
		});
	}

	private static Mono<Void> unavailable(HttpServerResponse response) {
		response.responseHeaders().clear();
		return response.status(HttpResponseStatus.SERVICE_UNAVAILABLE).keepAlive(false).send();
	}

	/** Tells the client of HTTP/2 to begin nothing more on this connection. */
	static void goAway(Channel channel) {
		channel.writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
	}

	private static Connection connection(NettyInbound in) {
		AtomicReference<@Nullable Connection> connection = new AtomicReference<>();
		in.withConnection(connection::set);
		Connection found = connection.get();
		if (found == null) {
			throw new IllegalStateException("no connection");
		}
		return found;
	}

	/**
	 * Tells the client of a server that is stopping that this response is the last one,
	 * and with it the handlers that close connections after such a response.
	 */
	private static final class LastResponse extends ChannelOutboundHandlerAdapter {

		private final OpenConnection connection;

		private LastResponse(OpenConnection connection) {
			this.connection = connection;
		}

		/**
		 * With a request, since only then the protocol is known and its handlers are
		 * there.
		 */
		static void install(Channel channel, OpenConnection connection) {
			ChannelPipeline pipeline = channel.pipeline();
			if (channel.parent() instanceof ServerChannel && pipeline.get(LastResponse.class) == null) {
				pipeline.addBefore(NettyPipeline.ReactiveBridge, LastResponse.class.getName(),
						new LastResponse(connection));
			}
		}

		@Override
		public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) throws Exception {
			if (message instanceof HttpResponse response
					&& response.status().codeClass() != HttpStatusClass.INFORMATIONAL
					&& this.connection.isWindingDown()) {
				HttpUtil.setKeepAlive(response, false);
			}
			super.write(context, message, promise);
		}

	}

}
